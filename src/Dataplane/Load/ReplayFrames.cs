using System.Buffers.Binary;
using LowLatency.Dataplane.Packets;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Dataplane.Load;

/// <summary>Sends the frames of a capture in turn, again and again: the captured bytes with the MACs of the
/// path, and behind them a <see cref="FrameStamp"/> with a checksum of its own, which IP takes for padding.
/// Generator and receiver lanes.</summary>
/// <remarks>The tables are shared with Control: each value is brought into its bounds where it is
/// read.</remarks>
internal sealed class ReplayFrames
{
    /// <summary>What a frame grows by: the mark and its checksum.</summary>
    public const int MarkBytes = FrameStamp.SizeBytes + 2;

    private readonly NativeSpan<ReplayFrame> _frames;
    private readonly NativeSpan<byte> _bytes;
    private readonly PlanPaths _paths;
    private readonly uint _count;
    private readonly long _roundNs;
    private readonly uint _bytesMax;
    private uint _next;

    private ReplayFrames(in PlanLoad plan, TableMemory tables, int chunkBytes)
    {
        _frames = tables.Slice<ReplayFrame>((int)plan.ReplayTable);
        _bytes = tables.Slice<byte>((int)plan.ReplayTable + 1);
        _paths = plan.Paths;
        _count = plan.ReplayCount;
        _roundNs = plan.ReplayRoundNs;
        _bytesMax = (uint)(chunkBytes - MarkBytes);
    }

    /// <summary>Length of the next frame, bytes.</summary>
    public int NextBytes => Math.Max(Limits.FrameBytesMin, Captured((int)_next).Length + MarkBytes);

    /// <summary>The frames of a plan; null: it has none.</summary>
    /// <param name="plan">Checked.</param>
    /// <param name="tables">Of the plan.</param>
    /// <param name="chunkBytes">What a frame may fill.</param>
    public static ReplayFrames? Of(in PlanLoad plan, TableMemory tables, int chunkBytes) =>
        plan.ReplayCount == 0 ? null : new ReplayFrames(plan, tables, chunkBytes);

    /// <summary>Active time of a frame, ns.</summary>
    /// <param name="number">Counted over all rounds.</param>
    public double TimeOf(ulong number)
    {
        long atNs = _frames[(int)(number % _count)].AtNs;
        return ((double)(number / _count) * _roundNs) + Math.Clamp(atNs, 0, _roundNs);
    }

    /// <summary>Writes the next frame, <see cref="NextBytes"/> long, and moves on.</summary>
    public void Write(Span<byte> frame, in FrameStamp stamp)
    {
        ReadOnlySpan<byte> captured = Captured((int)_next);
        Span<byte> mark = frame[^MarkBytes..];
        captured.CopyTo(frame);
        frame[captured.Length..^MarkBytes].Clear();
        ref readonly PlanPath path = ref _paths[stamp.Path];
        Ethernet.WriteMacs(frame, path.DestinationMac, path.SourceMac);
        stamp.Write(mark);
        ushort sum = (ushort)~InternetChecksum.Fold(InternetChecksum.Add(0, mark[..FrameStamp.SizeBytes]));
        BinaryPrimitives.WriteUInt16LittleEndian(mark[FrameStamp.SizeBytes..], sum);
        _next = _next + 1 < _count ? _next + 1 : 0;
    }

    /// <summary>Reads a received frame. False: not of a replay, or its mark is damaged.</summary>
    public static bool TryRead(ReadOnlySpan<byte> frame, out FrameStamp stamp)
    {
        stamp = default;
        return frame.Length >= Limits.FrameBytesMin && FrameStamp.TryRead(frame[^MarkBytes..], out stamp)
            && InternetChecksum.Fold(InternetChecksum.Add(0, frame[^MarkBytes..])) == ushort.MaxValue;
    }

    private ReadOnlySpan<byte> Captured(int index)
    {
        ReplayFrame frame = _frames[index];
        bool isInside = frame.Bytes <= _bytesMax && frame.Offset <= (uint)_bytes.Length
            && frame.Bytes <= (uint)_bytes.Length - frame.Offset;
        return isInside ? _bytes.Slice((int)frame.Offset, (int)frame.Bytes).Span : default;
    }
}
