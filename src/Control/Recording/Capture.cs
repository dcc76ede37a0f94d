namespace LowLatency.Control.Recording;

/// <summary>One interface of a capture.</summary>
/// <param name="LinkType">LINKTYPE_ value.</param>
/// <param name="SnapBytes">Bytes of a frame that were kept at most; 0: all.</param>
/// <param name="Name">As the file says; empty: it does not.</param>
internal sealed record CaptureInterface(ushort LinkType, uint SnapBytes, string Name)
{
    /// <summary>Frames that came in, by the last statistics of the file; 0 without.</summary>
    public ulong Received { get; init; }

    /// <summary>Frames that were lost, by the last statistics of the file; 0 without.</summary>
    public ulong Dropped { get; init; }
}

/// <summary>One packet of a capture; its bytes hold until the next one is read.</summary>
/// <param name="Interface">Number of its interface in the file, over all sections.</param>
/// <param name="TimeNs">Since 1970, UTC; 0 where the file has none.</param>
/// <param name="FrameBytes">Bytes the frame had.</param>
/// <param name="Data">What was kept of it.</param>
/// <param name="Flags">Direction and errors; 0: not said.</param>
/// <param name="Comment">UTF-8; empty: none.</param>
internal readonly record struct CapturePacket(
    int Interface, ulong TimeNs, uint FrameBytes, ReadOnlyMemory<byte> Data, uint Flags,
    ReadOnlyMemory<byte> Comment)
{
    /// <summary>Of the first byte of <see cref="Data"/> in the file.</summary>
    public required long Offset { get; init; }

    /// <summary>The file says when it came.</summary>
    public bool IsTimed { get; init; } = true;
}
