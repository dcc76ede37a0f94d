namespace LowLatency.Tidy.Tests.Text;

/// <summary>A file as git knows it.</summary>
/// <param name="Path">From the repository's folder, with slashes.</param>
/// <param name="IsExecutable">Mode 100755.</param>
/// <param name="Bytes">Its content in the work tree.</param>
internal sealed record TrackedFile(string Path, bool IsExecutable, byte[] Bytes)
{
    private const int BytesLooked = 8000;   // as many as git itself looks at

    /// <summary>True if it is not text: it has a zero byte where git would look for one.</summary>
    public bool IsBinary => Bytes.AsSpan(0, Math.Min(Bytes.Length, BytesLooked)).Contains((byte)0);
}
