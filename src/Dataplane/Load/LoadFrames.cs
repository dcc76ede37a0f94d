using System.Buffers.Binary;
using LowLatency.Dataplane.Packets;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Dataplane.Load;

/// <summary>Writes and reads load frames: Ethernet, IPv4 or IPv6, UDP, <see cref="FrameStamp"/>, zeros. Both
/// checksums are real, so that a receiver can tell a changed byte. Headers are prepared at boot; generator
/// and receiver lanes.
/// </summary>
internal sealed class LoadFrames
{
    private const int UdpBytes = 8;
    private readonly byte[][] _headers;  // [path * sizes + size]: everything up to the payload, flow 0
    private readonly ulong[] _sums;      // UDP checksum sum of pseudo header, header and zeros, flow 0, same index
    private readonly int[] _sizes;
    private readonly uint[] _weightEnds; // running sum of weights
    private readonly int _headerBytes;
    private readonly uint _flows;
    private readonly ushort _sourcePort;
    private readonly ushort _destinationPort;
    private readonly ushort _type;

    /// <summary>Prepares the headers of every path and size.</summary>
    public LoadFrames(in PlanLoad plan)
    {
        bool isV4 = plan.Family == 4;
        _type = isV4 ? Ethernet.Ipv4 : Ethernet.Ipv6;
        _headerBytes = Ethernet.HeaderBytes + (isV4 ? 20 : 40) + UdpBytes;
        _flows = plan.Flows;
        _sourcePort = plan.SourcePort;
        _destinationPort = plan.DestinationPort;
        int count = 0;
        while (count < 8 && plan.Sizes[count].Weight > 0)
        {
            count++;
        }

        Invariant.Require(count > 0 && _flows is > 0 and <= Limits.FlowsMax);
        _sizes = new int[count];
        _weightEnds = new uint[count];
        uint weights = 0;
        for (int size = 0; size < count; size++)
        {
            _sizes[size] = (int)plan.Sizes[size].FrameBytes;
            Invariant.Require(_sizes[size] >= _headerBytes + FrameStamp.SizeBytes);
            weights += plan.Sizes[size].Weight;
            _weightEnds[size] = weights;
        }

        _headers = new byte[plan.PathCount * count][];
        _sums = new ulong[_headers.Length];
        for (int path = 0; path < plan.PathCount; path++)
        {
            for (int size = 0; size < count; size++)
            {
                int index = (path * count) + size;
                _headers[index] = BuildHeader(plan, plan.Paths[path], _sizes[size]);
                _sums[index] = UdpSum(_headers[index]);
            }
        }
    }

    /// <summary>Count of sizes.</summary>
    public int Sizes => _sizes.Length;

    /// <summary>Frame length of a size, bytes.</summary>
    public int FrameBytes(int size) => _sizes[size];

    /// <summary>A size by its weight.</summary>
    public int PickSize(ref SplitMix random)
    {
        if (_sizes.Length == 1)
        {
            return 0;
        }

        uint ticket = (uint)(random.Next() % _weightEnds[^1]);
        int size = 0;
        while (ticket >= _weightEnds[size])
        {
            size++;
        }

        return size;
    }

    /// <summary>Writes a whole frame; what follows the stamp must be zeros, as fresh UMEM is and
    /// stays.</summary>
    public void Write(Span<byte> frame, int size, in FrameStamp stamp)
    {
        int index = (stamp.Path * _sizes.Length) + size;
        _headers[index].CopyTo(frame);
        ushort port = (ushort)(_sourcePort + (stamp.Sequence % _flows));
        Span<byte> udp = frame.Slice(_headerBytes - UdpBytes, UdpBytes + FrameStamp.SizeBytes);
        BinaryPrimitives.WriteUInt16BigEndian(udp, port);
        stamp.Write(udp[UdpBytes..]);
        ulong sum = InternetChecksum.Add(_sums[index], udp[..2]);
        sum = InternetChecksum.Add(sum, udp[UdpBytes..]);
        ushort checksum = (ushort)~InternetChecksum.Fold(sum);
        BinaryPrimitives.WriteUInt16LittleEndian(udp[6..], checksum == 0 ? ushort.MaxValue : checksum); // RFC 768
    }

    /// <summary>Reads a received frame. False: not load. <paramref name="isIntact"/> tells whether its UDP
    /// checksum and length are still what was sent.</summary>
    public bool TryRead(ReadOnlySpan<byte> frame, out FrameStamp stamp, out bool isIntact)
    {
        stamp = default;
        isIntact = false;
        if (frame.Length < _headerBytes + FrameStamp.SizeBytes
            || BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) != _type)
        {
            return false;
        }

        ReadOnlySpan<byte> udp = frame[(_headerBytes - UdpBytes)..];
        int protocolAt = Ethernet.HeaderBytes + (_type == Ethernet.Ipv4 ? 9 : 6);
        if (frame[protocolAt] != IpProtocol.Udp || BinaryPrimitives.ReadUInt16BigEndian(udp[2..]) != _destinationPort
            || !FrameStamp.TryRead(udp[UdpBytes..], out stamp))
        {
            return false;
        }

        int udpBytes = BinaryPrimitives.ReadUInt16BigEndian(udp[4..]);
        isIntact = udpBytes == udp.Length && Array.IndexOf(_sizes, frame.Length) >= 0
            && InternetChecksum.Fold(InternetChecksum.Add(PseudoSum(frame, udpBytes), udp)) == ushort.MaxValue;
        return true;
    }

    /// <summary>Flow of a sequence number.</summary>
    public uint FlowOf(uint sequence) => sequence % _flows;

    private byte[] BuildHeader(in PlanLoad plan, in PlanPath path, int frameBytes)
    {
        byte[] header = new byte[_headerBytes];
        Ethernet.WriteMacs(header, path.DestinationMac, path.SourceMac);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(12), _type);
        Span<byte> ip = header.AsSpan(Ethernet.HeaderBytes);
        int ipBytes = frameBytes - Ethernet.HeaderBytes;
        int udpBytes = frameBytes - _headerBytes + UdpBytes;
        ReadOnlySpan<byte> source = plan.Source;
        ReadOnlySpan<byte> destination = plan.Destination;
        if (_type == Ethernet.Ipv4)
        {
            ip[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ipBytes);
            ip[6] = 0x40; // don't fragment
            ip[8] = 64;
            ip[9] = IpProtocol.Udp;
            source[..4].CopyTo(ip[12..]);
            destination[..4].CopyTo(ip[16..]);
            ushort sum = (ushort)~InternetChecksum.Fold(InternetChecksum.Add(0, ip[..20]));
            BinaryPrimitives.WriteUInt16LittleEndian(ip[10..], sum);
        }
        else
        {
            ip[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)udpBytes);
            ip[6] = IpProtocol.Udp;
            ip[7] = 64;
            source.CopyTo(ip[8..]);
            destination.CopyTo(ip[24..]);
        }

        Span<byte> udp = header.AsSpan(_headerBytes - UdpBytes);
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], _destinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], (ushort)udpBytes);
        return header;
    }

    private ulong UdpSum(ReadOnlySpan<byte> header)
    {
        ReadOnlySpan<byte> udp = header[(_headerBytes - UdpBytes)..];
        int udpBytes = BinaryPrimitives.ReadUInt16BigEndian(udp[4..]);
        return InternetChecksum.Add(PseudoSum(header, udpBytes), udp);
    }

    // RFC 768, RFC 8200 8.1: addresses, protocol, length.
    private ulong PseudoSum(ReadOnlySpan<byte> frame, int udpBytes)
    {
        ReadOnlySpan<byte> addresses = _type == Ethernet.Ipv4
            ? frame.Slice(Ethernet.HeaderBytes + 12, 8)
            : frame.Slice(Ethernet.HeaderBytes + 8, 32);
        ulong sum = InternetChecksum.Add(0, addresses);
        return sum + ((ulong)IpProtocol.Udp << 8) + BinaryPrimitives.ReverseEndianness((ushort)udpBytes);
    }
}
