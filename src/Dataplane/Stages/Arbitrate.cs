using System.Buffers.Binary;
using System.Numerics;
using LowLatency.Dataplane.Packets;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Dataplane.Stages;

/// <summary>Two lines carry one stream of numbered messages: the first copy of each goes on, the other ends. A
/// frame of several messages goes on when any of them is new. Frames that are no stream's (other ports, not UDP,
/// heartbeats) go on untouched.</summary>
internal sealed class Arbitrate : IStage
{
    private const int Ipv4HeaderBytes = 20;
    private const int Ipv6HeaderBytes = 40;
    private const int UdpHeaderBytes = 8;
    private const int MoldHeaderBytes = 20;
    private const ushort EndOfSession = 0xFFFF;
    private const ulong NumberMax = 1UL << 62; // no stream counts so far; sums stay below 64 bits
    private readonly ArbitrateSettings _settings;
    private readonly NativeSpan<StreamWindow> _streams;
    private readonly NativeSpan<ulong> _skewOfB;
    private readonly NativeSpan<ulong> _skewOfA;
    private readonly int _number;

    /// <summary>Makes the stage.</summary>
    public Arbitrate(in StageContext context)
    {
        _settings = ArbitrateSettings.Read(context.Stage);
        _streams = context.Table<StreamWindow>(ArbitrateSettings.Streams);
        _skewOfB = context.Table<ulong>(ArbitrateSettings.SkewOfB);
        _skewOfA = context.Table<ulong>(ArbitrateSettings.SkewOfA);
        _number = context.Number;
    }

    /// <inheritdoc/>
    public void Run(ref Burst burst)
    {
        bool isA = burst.Ingress == _settings.LineA;
        if (!isA && burst.Ingress != _settings.LineB)
        {
            return;
        }

        for (int i = 0; i < burst.Count; i++)
        {
            if (burst.Verdicts[i].IsDone)
            {
                continue;
            }

            DropReason? refusal = Judge(burst.Frame(i), isA, burst.NowNs);
            burst.Verdicts[i] = refusal is { } reason ? Verdict.Drop(reason).At(_number)
                : _settings.Out >= 0 ? Verdict.Forward((int)_settings.Out) : burst.Verdicts[i];
        }
    }

    private DropReason? Judge(ReadOnlySpan<byte> frame, bool isA, long nowNs)
    {
        ParseResult result = FiveTuple.Parse(frame, out FiveTuple tuple);
        if (result == ParseResult.Malformed)
        {
            return DropReason.Malformed;
        }

        if (result != ParseResult.Ip || tuple.Protocol != IpProtocol.Udp || !tuple.HasPorts
            || !TryReadPayload(frame, out ReadOnlySpan<byte> payload)
            || !TryReadNumber(payload, out Numbered numbered))
        {
            return null;
        }

        ulong key = KeyOf(tuple, numbered.Source);
        ref StreamWindow stream = ref Find(key, out bool isFound);
        return isFound ? Take(ref stream, numbered, isA, nowNs) : null; // no room for another stream: both copies go on
    }

    private static bool TryReadPayload(ReadOnlySpan<byte> frame, out ReadOnlySpan<byte> payload)
    {
        payload = default;
        if (!Ethernet.TryReadType(frame, out ushort type, out int at))
        {
            return false;
        }

        ReadOnlySpan<byte> packet = frame[at..];
        int header = type == Ethernet.Ipv4 && packet.Length >= Ipv4HeaderBytes ? (packet[0] & 0xF) * 4
            : type == Ethernet.Ipv6 && packet.Length >= Ipv6HeaderBytes && packet[6] == IpProtocol.Udp ? Ipv6HeaderBytes : 0;
        if (header == 0 || packet.Length < header + UdpHeaderBytes)
        {
            return false;
        }

        int bytes = BinaryPrimitives.ReadUInt16BigEndian(packet[(header + 4)..]);
        if (bytes < UdpHeaderBytes || bytes > packet.Length - header)
        {
            return false;
        }

        payload = packet.Slice(header + UdpHeaderBytes, bytes - UdpHeaderBytes);
        return true;
    }

    // False: nothing that is numbered.
    private bool TryReadNumber(ReadOnlySpan<byte> payload, out Numbered numbered)
    {
        numbered = default;
        switch (_settings.Format)
        {
            case SequenceFormat.MoldUdp64:
                if (payload.Length < MoldHeaderBytes)
                {
                    return false;
                }

                ushort count = BinaryPrimitives.ReadUInt16BigEndian(payload[18..]);
                ulong session = BinaryPrimitives.ReadUInt64LittleEndian(payload)
                    ^ ((ulong)BinaryPrimitives.ReadUInt16LittleEndian(payload[8..]) << 24);
                numbered = new Numbered(BinaryPrimitives.ReadUInt64BigEndian(payload[10..]), count, 64, 0, session);
                return count is > 0 and < EndOfSession && numbered.First < NumberMax;
            case SequenceFormat.Rtp:
                if (payload.Length < 12 || payload[0] >> 6 != 2) // version 2
                {
                    return false;
                }

                numbered = new Numbered(BinaryPrimitives.ReadUInt16BigEndian(payload[2..]), 1, 16,
                    BinaryPrimitives.ReadUInt32BigEndian(payload[8..]), 0);
                return true;
            default:
                int at = (int)_settings.At;
                int width = (int)_settings.Width;
                if (payload.Length < at + width)
                {
                    return false;
                }

                numbered = new Numbered(ReadNumber(payload.Slice(at, width)), 1, width * 8, 0, 0);
                return numbered.First < NumberMax;
        }
    }

    private ulong ReadNumber(ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            value = (value << 8) | bytes[_settings.IsLittleEndian ? bytes.Length - 1 - i : i];
        }

        return value;
    }

    // Destination only: the two lines may come from different senders.
    private static ulong KeyOf(in FiveTuple tuple, uint source)
    {
        uint low = BitOperations.Crc32C(source, tuple.DestinationHigh);
        low = BitOperations.Crc32C(low, tuple.DestinationLow);
        uint high = BitOperations.Crc32C(~source, tuple.DestinationLow);
        high = BitOperations.Crc32C(high, tuple.DestinationHigh);
        return (((ulong)high << 32) | low) ^ ((ulong)tuple.DestinationPort << 16) | 1;
    }

    private ref StreamWindow Find(ulong key, out bool isFound)
    {
        int first = (int)(key >> 7 & (uint)(_streams.Length - 1));
        for (int i = 0; i < _streams.Length; i++)
        {
            ref StreamWindow stream = ref _streams[(first + i) & (_streams.Length - 1)];
            if (stream.Key == key || stream.Key == 0)
            {
                stream.Key = key;
                isFound = true;
                return ref stream;
            }
        }

        isFound = false;
        return ref _streams[0];
    }

    private DropReason? Take(ref StreamWindow stream, in Numbered numbered, bool isA, long nowNs)
    {
        ulong first = Unwrap(ref stream, numbered);
        ulong window = (ulong)_settings.Window;
        bool isNew = false;
        bool isLate = true;
        int count = (int)Math.Min(numbered.Count, window);
        for (int i = 0; i < count; i++)
        {
            ulong number = first + (uint)i;
            if (number + window < stream.Next)
            {
                continue; // given up for lost, or older
            }

            isLate = false;
            isNew |= TakeOne(ref stream, number, isA, nowNs);
        }

        if (isNew)
        {
            return null;
        }

        stream.Late += isLate ? 1u : 0u;
        stream.DuplicateA += !isLate && isA ? 1u : 0u;
        stream.DuplicateB += !isLate && !isA ? 1u : 0u;
        return isLate ? DropReason.ArbitrateLate : DropReason.ArbitrateDuplicate;
    }

    private bool TakeOne(ref StreamWindow stream, ulong number, bool isA, long nowNs)
    {
        ulong window = (ulong)_settings.Window;
        bool isBehind = number < stream.Next;
        if (number >= stream.Next + window)
        {
            Jump(ref stream, number, window);
        }

        while (stream.Next <= number)
        {
            Advance(ref stream, window);
        }

        ulong place = number & (window - 1);
        ref ulong word = ref stream.Seen[(int)(place / 64)];
        ref long time = ref stream.Times[(int)(number & (FirstTimes.Count - 1))];
        if ((word >> (int)(place % 64) & 1) != 0)
        {
            // The second copy, by the other line: how much later.
            bool isOther = time < 0 == isA;
            if (isOther && stream.Next - number <= FirstTimes.Count)
            {
                (isA ? _skewOfA : _skewOfB)[HdrGeometry.IndexOf(nowNs - Math.Abs(time))]++;
            }

            return false;
        }

        word |= 1UL << (int)(place % 64);
        time = isA ? nowNs : -nowNs;
        stream.Recovered += isBehind ? 1u : 0u;
        stream.WonA += isA ? 1u : 0u;
        stream.WonB += isA ? 0u : 1u;
        return true;
    }

    // One number further: what leaves the window without having come is lost.
    private static void Advance(ref StreamWindow stream, ulong window)
    {
        ulong place = stream.Next & (window - 1);
        ref ulong word = ref stream.Seen[(int)(place / 64)];
        ulong bit = 1UL << (int)(place % 64);
        bool isMissed = (word & bit) == 0 && stream.Next >= stream.Begin + window;
        stream.Lost += isMissed ? 1u : 0u;
        word &= ~bit;
        stream.Next++;
    }

    // Further than the window: what it lacks is lost, and so is all that will never be in it. Some microseconds at
    // most, however far.
    private static void Jump(ref StreamWindow stream, ulong number, ulong window)
    {
        for (ulong i = 0; i < window; i++)
        {
            Advance(ref stream, window);
        }

        stream.Lost += number - stream.Next;
        stream.Next = number;
    }

    // Numbers of few bits run on as the nearest to the newest (RFC 3550, A.1, without its probation). A stream that
    // jumps further than its window in either direction, or has a new session, begins anew there.
    private ulong Unwrap(ref StreamWindow stream, in Numbered numbered)
    {
        ulong number = numbered.First;
        bool isFresh = stream.Next == 0 || stream.Session != numbered.Session;
        if (!isFresh && numbered.Bits < 64)
        {
            ulong mask = (1UL << numbered.Bits) - 1;
            ulong ahead = (number - stream.Next) & mask;
            bool isAhead = ahead <= mask / 2;
            number = isAhead ? stream.Next + ahead : stream.Next - ((stream.Next - number) & mask);
        }

        ulong window = (ulong)_settings.Window;
        bool isFar = !isFresh && (number > stream.Next + (64 * window)
            || (number < stream.Next && stream.Next - number > 64 * window));
        if (!isFresh && !isFar)
        {
            return number;
        }

        // High enough that nothing before it is negative, whatever the width.
        ulong from = numbered.Bits < 64 ? numbered.First + (1UL << 40) : numbered.First;
        stream.Restarts += stream.Next == 0 ? 0u : 1u;
        stream.Session = numbered.Session;
        stream.Next = stream.Begin = from;
        ((Span<ulong>)stream.Seen).Clear();
        return from;
    }

    private readonly record struct Numbered(ulong First, uint Count, int Bits, uint Source, ulong Session);
}
