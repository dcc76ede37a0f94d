namespace LowLatency.Control.Captures;

/// <summary>Where a frame of a capture lies in its file.</summary>
/// <param name="TimeNs">When it was captured, ns since 1970; null: the file does not say.</param>
/// <param name="Offset">Of its first byte in the file.</param>
/// <param name="Bytes">Its length; the file has all of them.</param>
internal readonly record struct CapturedFrame(long? TimeNs, long Offset, int Bytes);

/// <summary>The frames of a capture file, in its order; their bytes stay in the file.</summary>
/// <param name="Path">The file.</param>
/// <param name="Frames">At least one.</param>
internal sealed record Capture(string Path, IReadOnlyList<CapturedFrame> Frames)
{
    /// <summary>Bytes of the longest frame.</summary>
    public int BytesMax => Frames.Max(frame => frame.Bytes);
}

/// <summary>A file is no capture that can be sent.</summary>
/// <param name="rule">Completes "must ...".</param>
/// <param name="fix">What helps.</param>
internal sealed class CaptureException(string rule, string fix) : Exception(rule)
{
    /// <summary>What helps.</summary>
    public string Fix { get; } = fix;
}
