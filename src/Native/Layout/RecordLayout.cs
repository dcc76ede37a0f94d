using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowLatency.Native.Layout;

/// <summary>What a record stage needs.</summary>
/// <param name="Recorder">Index of the recorder's lane in the plan.</param>
/// <param name="SnapBytes">Bytes of a frame that are kept at most; 0: all.</param>
/// <param name="Sample">One frame in so many is recorded.</param>
/// <param name="Ends">Frames end here: capture only.</param>
/// <param name="CutBytes">When less than half of the memory is free, frames are cut to this; 0: never.</param>
public readonly record struct RecordSettings(
    long Recorder, long SnapBytes, long Sample, bool Ends, long CutBytes)
{
    /// <summary>Reads them from a plan.</summary>
    public static RecordSettings Read(in PlanStage stage) => new(stage.Settings[0], stage.Settings[1],
        stage.Settings[2], stage.Settings[3] != 0, stage.Settings[4]);

    /// <summary>Writes them into a plan.</summary>
    public void Write(ref PlanStage stage)
    {
        stage.Settings[0] = Recorder;
        stage.Settings[1] = SnapBytes;
        stage.Settings[2] = Sample;
        stage.Settings[3] = Ends ? 1 : 0;
        stage.Settings[4] = CutBytes;
    }
}

/// <summary>How a recorder completes its writes.</summary>
public enum RecordMode
{
    /// <summary>Polled where the device can be, else by interrupt.</summary>
    Auto = 0,
    /// <summary>By interrupt.</summary>
    Interrupt = 1,
    /// <summary>Polled; a device that cannot be is refused.</summary>
    IoPoll = 2,
}

/// <summary>What a recorder (the one stage of its lane) needs. Its one table holds the path of its folder,
/// UTF-8, ended by a zero.</summary>
/// <param name="FileBytes">A file is closed before it is larger.</param>
/// <param name="FileNs">A file is closed when it has been open so long; 0: never.</param>
/// <param name="SyncNs">What has come is on the disk, durable, after so long.</param>
/// <param name="KeepBytes">The oldest files are removed while all of them are larger; 0: never.</param>
/// <param name="Mode">How writes complete.</param>
/// <param name="Waits">Its CPU is shared: it sleeps when there is nothing to do.</param>
public readonly record struct RecorderSettings(
    long FileBytes, long FileNs, long SyncNs, long KeepBytes, RecordMode Mode, bool Waits)
{
    /// <summary>Smallest file, bytes: some blocks.</summary>
    public const long FileBytesMin = 8L << 20;

    /// <summary>Largest file, bytes.</summary>
    public const long FileBytesMax = 64L << 30;

    /// <summary>Bytes of the table with the path.</summary>
    public const int PathBytes = 256;

    /// <summary>Reads them from a plan.</summary>
    public static RecorderSettings Read(in PlanStage stage) => new(stage.Settings[0], stage.Settings[1],
        stage.Settings[2], stage.Settings[3], (RecordMode)stage.Settings[4], stage.Settings[5] != 0);

    /// <summary>Writes them into a plan.</summary>
    public void Write(ref PlanStage stage)
    {
        stage.Settings[0] = FileBytes;
        stage.Settings[1] = FileNs;
        stage.Settings[2] = SyncNs;
        stage.Settings[3] = KeepBytes;
        stage.Settings[4] = (long)Mode;
        stage.Settings[5] = Waits ? 1 : 0;
    }
}

/// <summary>One 64-bit counter a port of a lane.</summary>
[InlineArray(Limits.PortsPerLaneMax)]
public struct PortCounts
{
    private ulong _first;
}

/// <summary>First page of a record queue's table; blocks of pcapng follow. The lane writes one block after
/// the other, each filled up to its end, so that a place in the stream is one number; the recorder reads what
/// lies before <see cref="Position"/> and gives whole blocks back.</summary>
[StructLayout(LayoutKind.Explicit, Size = SizeBytes)]
public struct RecordQueueHeader
{
    /// <summary>A page: blocks behind it are aligned as O_DIRECT needs it.</summary>
    public const int SizeBytes = 4096;

    /// <summary>Bytes of a block: large enough for one drive command to cost little, small enough that some
    /// of them are free.</summary>
    public const int BlockBytes = 1 << 20;

    /// <summary>Blocks of a queue at least: one that is filled, one that is written.</summary>
    public const int BlocksMin = 2;

    /// <summary>Lane: bytes of the stream that can be read.</summary>
    [FieldOffset(0)] public ulong Position;
    /// <summary>Lane: frames recorded.</summary>
    [FieldOffset(8)] public ulong Frames;
    /// <summary>Lane: their bytes that were kept.</summary>
    [FieldOffset(16)] public ulong Bytes;
    /// <summary>Lane: frames that were to be recorded and found no free block.</summary>
    [FieldOffset(24)] public ulong Lost;
    /// <summary>Lane: recorded frames that were cut for want of free blocks.</summary>
    [FieldOffset(32)] public ulong Cut;
    /// <summary>Lane: frames that were to be recorded, by the lane's own port number.</summary>
    [FieldOffset(128)] public PortCounts Received;
    /// <summary>Lane: of these, the lost ones.</summary>
    [FieldOffset(256)] public PortCounts Missed;

    /// <summary>Recorder: bytes of the stream whose blocks are free again; whole blocks.</summary>
    [FieldOffset(1024)] public ulong Released;
    /// <summary>Recorder: CLOCK_REALTIME less CLOCK_MONOTONIC, ns.</summary>
    [FieldOffset(1032)] public long ClockOffsetNs;

    /// <summary>Recorder: frames that the drive has taken.</summary>
    [FieldOffset(1152)] public ulong WrittenFrames;
    /// <summary>Recorder: bytes that the drive has taken.</summary>
    [FieldOffset(1160)] public ulong WrittenBytes;
    /// <summary>Recorder: frames that survive a loss of power: written, and the drive's cache flushed.</summary>
    [FieldOffset(1168)] public ulong DurableFrames;
    /// <summary>Recorder: files that are whole and have their names.</summary>
    [FieldOffset(1176)] public ulong Files;
    /// <summary>Recorder: requests that failed; what they held is written again.</summary>
    [FieldOffset(1184)] public ulong Errors;
    /// <summary>Recorder: errno of the last failure.</summary>
    [FieldOffset(1192)] public ulong LastErrno;
    /// <summary>Recorder: files that were removed to keep to the limit.</summary>
    [FieldOffset(1200)] public ulong Removed;
    /// <summary>Recorder: 1 while its writes are completed by polling.</summary>
    [FieldOffset(1208)] public ulong IsPolled;
    /// <summary>Recorder: what the last failure was in.</summary>
    [FieldOffset(1216)] public Text32 LastCall;
}
