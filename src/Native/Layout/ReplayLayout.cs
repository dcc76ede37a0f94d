using System.Runtime.InteropServices;

namespace LowLatency.Native.Layout;

/// <summary>How captures are laid out in their file.</summary>
public enum CaptureForm
{
    /// <summary>pcap: a header, then packets (libpcap's pcap-savefile(5)).</summary>
    Pcap = 0,
    /// <summary>pcapng: blocks (draft-ietf-opsawg-pcapng).</summary>
    Pcapng = 1,
}

/// <summary>What a replay (the one stage of its lane) needs. Its one table is a
/// <see cref="ReplayHeader"/>.</summary>
/// <param name="Form">Of the file, which is little-endian.</param>
/// <param name="UnitsPerSecond">Of its times.</param>
/// <param name="FileBytes">Its length.</param>
/// <param name="Speed">How many times as fast as captured.</param>
/// <param name="RatePps">Frames a second instead; 0: as captured.</param>
public readonly record struct ReplaySettings(
    CaptureForm Form, long UnitsPerSecond, long FileBytes, double Speed, double RatePps)
{
    /// <summary>Reads them from a plan.</summary>
    public static ReplaySettings Read(in PlanStage stage) => new((CaptureForm)stage.Settings[0],
        stage.Settings[1], stage.Settings[2], BitConverter.Int64BitsToDouble(stage.Settings[3]),
        BitConverter.Int64BitsToDouble(stage.Settings[4]));

    /// <summary>Writes them into a plan.</summary>
    public void Write(ref PlanStage stage)
    {
        stage.Settings[0] = (long)Form;
        stage.Settings[1] = UnitsPerSecond;
        stage.Settings[2] = FileBytes;
        stage.Settings[3] = BitConverter.DoubleToInt64Bits(Speed);
        stage.Settings[4] = BitConverter.DoubleToInt64Bits(RatePps);
    }
}

/// <summary>Why a replay ended.</summary>
public enum ReplayEnd : ulong
{
    /// <summary>It has not.</summary>
    None = 0,
    /// <summary>Everything was sent.</summary>
    Whole = 1,
    /// <summary>What follows in the file is no packet.</summary>
    Torn = 2,
    /// <summary>The drive failed.</summary>
    Failed = 3,
}

/// <summary>A replay's table: where its file is, and how far it has come. Control writes the path, the lane
/// the rest.</summary>
[StructLayout(LayoutKind.Explicit, Size = SizeBytes)]
public struct ReplayHeader
{
    /// <summary>Its size.</summary>
    public const int SizeBytes = 4096;

    /// <summary>Bytes of the path at its start, ended by a zero.</summary>
    public const int PathBytes = 512;

    /// <summary>Frames that no port could send: longer than a chunk or the MTU, or shorter than
    /// Ethernet.</summary>
    [FieldOffset(1024)] public ulong Skipped;
    /// <summary>Bytes of the file that were read.</summary>
    [FieldOffset(1032)] public ulong ReadBytes;
    /// <summary>Turns in which a frame may have been due and the drive was behind.</summary>
    [FieldOffset(1040)] public ulong Starved;
    /// <summary>Why it ended.</summary>
    [FieldOffset(1048)] public ReplayEnd End;
    /// <summary>errno of a drive that failed.</summary>
    [FieldOffset(1056)] public ulong Errno;
    /// <summary>1: reads were completed by polling.</summary>
    [FieldOffset(1064)] public ulong IsPolled;
    /// <summary>When the first frame was due, CLOCK_MONOTONIC ns.</summary>
    [FieldOffset(1072)] public long FirstNs;
    /// <summary>When the last frame was sent, CLOCK_MONOTONIC ns.</summary>
    [FieldOffset(1080)] public long LastNs;
}
