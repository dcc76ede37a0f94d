using System.Buffers.Binary;
using System.Numerics;
using LowLatency.Dataplane.Packets;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Dataplane.Stages;

/// <summary>Token buckets (RFC 2697, RFC 2698), colour-blind: green passes, yellow passes, is marked or dropped,
/// red is dropped. Exact: what a bucket lacks is kept in billionths of a token.</summary>
internal sealed class Police : IStage
{
    private const long Unit = 1_000_000_000; // of a token: a token a second is one unit a nanosecond
    private readonly PoliceSettings _settings;
    private readonly NativeSpan<TokenBuckets> _buckets;
    private readonly NativeSpan<RuleCounter> _counters;
    private readonly Filter.Rule[] _rules;
    private readonly int _number;

    /// <summary>Makes the stage.</summary>
    public Police(in StageContext context)
    {
        _settings = PoliceSettings.Read(context.Stage);
        _rules = Filter.RulesOf(context);
        _counters = _rules.Length == 0 ? default : context.Table<RuleCounter>(0);
        _buckets = context.Table<TokenBuckets>(_rules.Length == 0 ? 0 : 1);
        _number = context.Number;
    }

    /// <inheritdoc/>
    public void Run(ref Burst burst)
    {
        for (int i = 0; i < burst.Count; i++)
        {
            if (burst.Verdicts[i].IsDone)
            {
                continue;
            }

            Span<byte> frame = burst.Frame(i);
            int bucket = BucketOf(frame, burst.Ingress);
            if (bucket < 0)
            {
                continue;
            }

            long tokens = _settings.CountsFrames ? Unit : frame.Length * Unit;
            if (!MayPass(ref _buckets[bucket], tokens, burst.NowNs, frame))
            {
                burst.Verdicts[i] = Verdict.Drop(DropReason.Policed).At(_number);
            }
        }
    }

    private int BucketOf(ReadOnlySpan<byte> frame, int ingress)
    {
        switch (_settings.Scope)
        {
            case PoliceScope.Port:
                return ingress;
            case PoliceScope.Rule:
                int rule = Filter.Find(_rules, frame, ingress);
                if (rule >= 0)
                {
                    ref RuleCounter counter = ref _counters[rule];
                    counter.Frames++;
                    counter.Bytes += (uint)frame.Length;
                }

                return rule;
            default:
                return FiveTuple.Parse(frame, out FiveTuple tuple) != ParseResult.Ip ? -1
                    : (int)(tuple.Hash & (uint)(_buckets.Length - 1));
        }
    }

    private bool MayPass(ref TokenBuckets buckets, long tokens, long nowNs, Span<byte> frame)
    {
        Fill(ref buckets, nowNs);
        long burst = _settings.Burst * Unit;
        long excess = _settings.ExcessBurst * Unit;
        bool isTwoRates = _settings.PeakRate > 0;
        bool fitsCommitted = buckets.CommittedMissing + tokens <= burst;
        bool fitsExcess = buckets.ExcessMissing + tokens <= excess;
        if (fitsCommitted && (!isTwoRates || fitsExcess))
        {
            buckets.CommittedMissing += tokens;
            buckets.ExcessMissing += isTwoRates ? tokens : 0; // RFC 2698: green takes from both
            buckets.Green++;
            return true;
        }

        if (!fitsExcess)
        {
            buckets.Red++;
            return false;
        }

        buckets.ExcessMissing += tokens;
        buckets.Yellow++;
        if (!_settings.DropsYellow && _settings.YellowDscp >= 0)
        {
            Dscp.Set(frame, (byte)_settings.YellowDscp);
        }

        return !_settings.DropsYellow;
    }

    // RFC 2697: one rate; what overflows the committed bucket falls into the other. RFC 2698: two rates.
    private void Fill(ref TokenBuckets buckets, long nowNs)
    {
        long passedNs = nowNs - buckets.AtNs;
        if (passedNs <= 0)
        {
            return;
        }

        buckets.AtNs = nowNs;
        long rest = Give(ref buckets.CommittedMissing, passedNs, _settings.Rate);
        if (_settings.PeakRate > 0)
        {
            Give(ref buckets.ExcessMissing, passedNs, _settings.PeakRate);
        }
        else
        {
            buckets.ExcessMissing = Math.Max(0, buckets.ExcessMissing - rest);
        }
    }

    // Adds what a time brings; what is left over, at most as much as could be missing anywhere.
    private static long Give(ref long missing, long passedNs, long rate)
    {
        UInt128 brought = (UInt128)(ulong)passedNs * (ulong)rate;
        const long Most = PoliceSettings.BurstMax * Unit;
        long units = brought > (ulong)Most ? Most : (long)(ulong)brought;
        long taken = Math.Min(missing, units);
        missing -= taken;
        return units - taken;
    }
}

/// <summary>The differentiated services field (RFC 2474): the upper six bits of the IPv4 type of service and of
/// the IPv6 traffic class.</summary>
internal static class Dscp
{
    /// <summary>Sets it, and in IPv4 the header checksum by the difference (RFC 1624, equation 3).</summary>
    public static void Set(Span<byte> frame, byte value)
    {
        if (!Ethernet.TryReadType(frame, out ushort type, out int at))
        {
            return;
        }

        Span<byte> packet = frame[at..];
        if (type == Ethernet.Ipv4 && packet.Length >= 20)
        {
            ushort old = BinaryPrimitives.ReadUInt16BigEndian(packet);
            packet[1] = (byte)((value << 2) | (packet[1] & 3));
            ushort young = BinaryPrimitives.ReadUInt16BigEndian(packet);
            uint sum = (ushort)~BinaryPrimitives.ReadUInt16BigEndian(packet[10..]) + (uint)(ushort)~old + young;
            sum = (sum & 0xFFFF) + (sum >> 16);
            sum = (sum & 0xFFFF) + (sum >> 16);
            BinaryPrimitives.WriteUInt16BigEndian(packet[10..], (ushort)~sum);
        }
        else if (type == Ethernet.Ipv6 && packet.Length >= 2)
        {
            int word = BinaryPrimitives.ReadUInt16BigEndian(packet);
            BinaryPrimitives.WriteUInt16BigEndian(packet, (ushort)((word & 0xF03F) | (value << 6)));
        }
    }
}
