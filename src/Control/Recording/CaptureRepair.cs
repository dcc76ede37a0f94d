using LowLatency.Control.Commands;

namespace LowLatency.Control.Recording;

/// <summary>What a repair did.</summary>
/// <param name="Path">Name the file has now.</param>
/// <param name="Packets">Packets that are in it.</param>
/// <param name="KeptBytes">Bytes of it.</param>
/// <param name="CutBytes">Bytes that were cut off.</param>
/// <param name="Why">Why they were cut; null: nothing was.</param>
internal sealed record CaptureRepairResult(
    string Path, long Packets, long KeptBytes, long CutBytes, string? Why);

/// <summary>Saves a file that a crash left under its hidden name: cuts what is not whole, publishes the
/// rest.</summary>
internal static class CaptureRepair
{
    /// <summary>Repairs one file.</summary>
    /// <param name="hidden">Its name, which ends in <see cref="CaptureOutput.HiddenEnd"/>.</param>
    /// <exception cref="CommandFailure">Not such a file, nothing whole in it, or its name is taken: exit code
    /// 1, and the file is as it was.</exception>
    /// <exception cref="IOException">Somebody still writes it.</exception>
    public static CaptureRepairResult Run(string hidden)
    {
        string end = CaptureOutput.HiddenEnd;
        if (!hidden.EndsWith(end, StringComparison.Ordinal))
        {
            throw CommandFailure.Input($"{hidden}: only what a crash left, named *{end}, is repaired; "
                + "'lowlat record extract' takes what is whole out of any file");
        }

        string path = hidden[..^end.Length];
        if (!File.Exists(hidden))
        {
            throw CommandFailure.Input($"{hidden}: no such file");
        }

        if (File.Exists(path))
        {
            throw CommandFailure.Input($"{path}: is there already: rename it, then repair {hidden}");
        }

        using FileStream file = new(hidden, FileMode.Open, FileAccess.ReadWrite, FileShare.None,
            bufferSize: 1 << 20);
        if (IsUnused(file))
        {
            File.Delete(hidden);
            return new CaptureRepairResult(hidden, 0, 0, file.Length, "nothing was written to it: removed");
        }

        long packets = 0;
        using CaptureReader reader = CaptureReader.Read(file, hidden);
        while (reader.TryRead(out _))
        {
            packets++;
        }

        if (reader.WholeBytes == 0)
        {
            throw CommandFailure.Input($"{hidden}: nothing in it is whole ({reader.Torn}): remove it");
        }

        long cutBytes = file.Length - reader.WholeBytes;
        file.SetLength(reader.WholeBytes);
        file.Flush(flushToDisk: true);
        File.Move(hidden, path, overwrite: false);
        return new CaptureRepairResult(path, packets, reader.WholeBytes, cutBytes, reader.Torn);
    }

    // Made ready for what was to come, and reserved: all zeros, or empty.
    private static bool IsUnused(FileStream file)
    {
        byte[] part = new byte[1 << 20];
        int read;
        do
        {
            read = file.Read(part);
            if (part.AsSpan(0, read).ContainsAnyExcept((byte)0))
            {
                file.Position = 0;
                return false;
            }
        }
        while (read > 0);
        return true;
    }
}
