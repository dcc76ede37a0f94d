using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowLatency.Native.Layout;

/// <summary>What a fanout stage needs.</summary>
/// <param name="Members">Ports that frames of no group go to, a bit each; 0: they end.</param>
public readonly record struct FanoutSettings(long Members)
{
    /// <summary>Reads them from a plan.</summary>
    public static FanoutSettings Read(in PlanStage stage) => new(stage.Settings[0]);

    /// <summary>Writes them into a plan.</summary>
    public void Write(ref PlanStage stage) => stage.Settings[0] = Members;
}

/// <summary>One group of a fanout stage: a hash table with open addressing, a power of two of
/// them.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct FanoutGroup
{
    /// <summary>Bytes of one.</summary>
    public const int SizeBytes = 24;

    /// <summary>Destination address, network order; IPv4 in the first four.</summary>
    public Address16 Address;
    /// <summary>4 or 6; 0: an empty place, where a search ends.</summary>
    public uint Family;
    /// <summary>Ports that its frames go to, a bit each.</summary>
    public uint Members;

    /// <summary>First place of an address among a power of two of them.</summary>
    public static int PlaceOf(ReadOnlySpan<byte> address, int places)
    {
        uint hash = 0;
        for (int i = 0; i + 4 <= address.Length; i += 4)
        {
            hash = BitOperations.Crc32C(hash, MemoryMarshal.Read<uint>(address[i..]));
        }

        return (int)(hash & (uint)(places - 1));
    }
}

/// <summary>What a mirror stage needs; its rules, if any, say which frames.</summary>
/// <param name="Port">The lane's own number of the port that copies leave by.</param>
/// <param name="From">Ingress ports whose frames are mirrored, a bit each.</param>
/// <param name="Sample">One frame in so many.</param>
/// <param name="SnapBytes">Copies are cut to so many bytes; 0: whole.</param>
public readonly record struct MirrorSettings(long Port, long From, long Sample, long SnapBytes)
{
    /// <summary>Reads them from a plan.</summary>
    public static MirrorSettings Read(in PlanStage stage) =>
        new(stage.Settings[0], stage.Settings[1], stage.Settings[2], stage.Settings[3]);

    /// <summary>Writes them into a plan.</summary>
    public void Write(ref PlanStage stage)
    {
        stage.Settings[0] = Port;
        stage.Settings[1] = From;
        stage.Settings[2] = Sample;
        stage.Settings[3] = SnapBytes;
    }
}

/// <summary>What shares a pair of token buckets.</summary>
public enum PoliceScope
{
    /// <summary>All frames of an ingress port.</summary>
    Port = 0,
    /// <summary>All frames whose first matching rule is the same; others pass.</summary>
    Rule = 1,
    /// <summary>All frames of a flow, by hash: flows that fall together share.</summary>
    Flow = 2,
}

/// <summary>What a police stage needs: RFC 2697 (one rate) or, with a peak rate, RFC 2698 (two),
/// colour-blind.</summary>
/// <param name="Scope">What shares buckets.</param>
/// <param name="CountsFrames">Tokens are frames, else bytes of the frame.</param>
/// <param name="Rate">Committed tokens a second.</param>
/// <param name="Burst">Committed burst, tokens.</param>
/// <param name="PeakRate">Peak tokens a second; 0: RFC 2697.</param>
/// <param name="ExcessBurst">RFC 2697: excess burst; RFC 2698: peak burst; tokens.</param>
/// <param name="DropsYellow">What is over the committed rate is dropped, too.</param>
/// <param name="YellowDscp">DSCP that it gets; -1: its own.</param>
public readonly record struct PoliceSettings(PoliceScope Scope, bool CountsFrames, long Rate, long Burst,
    long PeakRate, long ExcessBurst, bool DropsYellow, long YellowDscp)
{
    /// <summary>Most tokens of a bucket: with a nanosecond's fraction of a token they fit 63 bits.</summary>
    public const long BurstMax = 1L << 32;

    /// <summary>Most tokens a second.</summary>
    public const long RateMax = 1L << 40;

    /// <summary>Reads them from a plan.</summary>
    public static PoliceSettings Read(in PlanStage stage) => new((PoliceScope)stage.Settings[0],
        stage.Settings[1] != 0, stage.Settings[2], stage.Settings[3], stage.Settings[4], stage.Settings[5],
        stage.Settings[6] != 0, stage.Settings[7]);

    /// <summary>Writes them into a plan.</summary>
    public void Write(ref PlanStage stage)
    {
        stage.Settings[0] = (long)Scope;
        stage.Settings[1] = CountsFrames ? 1 : 0;
        stage.Settings[2] = Rate;
        stage.Settings[3] = Burst;
        stage.Settings[4] = PeakRate;
        stage.Settings[5] = ExcessBurst;
        stage.Settings[6] = DropsYellow ? 1 : 0;
        stage.Settings[7] = YellowDscp;
    }
}

/// <summary>A pair of token buckets. All zero is a full one that was never used. Amounts are what is missing to
/// full, in tokens times 10^9: a token a second is one unit a nanosecond, so nothing is ever rounded.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct TokenBuckets
{
    /// <summary>Bytes of one.</summary>
    public const int SizeBytes = 48;

    /// <summary>Up to when tokens were added, CLOCK_MONOTONIC ns.</summary>
    public long AtNs;
    /// <summary>Missing in the committed bucket.</summary>
    public long CommittedMissing;
    /// <summary>Missing in the excess or peak bucket.</summary>
    public long ExcessMissing;
    /// <summary>Frames within the committed rate.</summary>
    public ulong Green;
    /// <summary>Frames over it, within the excess or the peak.</summary>
    public ulong Yellow;
    /// <summary>Frames over all.</summary>
    public ulong Red;
}

/// <summary>What a stamp stage needs; its table is a histogram.</summary>
/// <param name="Sample">One burst in so many is measured.</param>
public readonly record struct StampSettings(long Sample)
{
    /// <summary>Reads them from a plan.</summary>
    public static StampSettings Read(in PlanStage stage) => new(stage.Settings[0]);

    /// <summary>Writes them into a plan.</summary>
    public void Write(ref PlanStage stage) => stage.Settings[0] = Sample;
}
