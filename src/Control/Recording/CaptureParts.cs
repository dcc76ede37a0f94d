using LowLatency.Native.Capture;

namespace LowLatency.Control.Recording;

/// <summary>The parts of a capture that may hold wanted packets, by the index that its recorder left beside it;
/// the file's beginning, which describes its interfaces, is among them.</summary>
/// <param name="Parts">Where they begin, and their lengths; rising.</param>
/// <param name="WantedBytes">Their lengths together.</param>
/// <param name="FileBytes">Length of the capture.</param>
internal sealed record CaptureParts(
    IReadOnlyList<(long Offset, long Bytes)> Parts, long WantedBytes, long FileBytes)
{
    /// <summary>Chooses parts.</summary>
    /// <param name="path">The capture.</param>
    /// <param name="extract">What is wanted of it.</param>
    /// <returns>Null: it has no index, or one that is not of it as it is now.</returns>
    public static CaptureParts? Of(string path, CaptureExtract extract)
    {
        string index = path + FlowIndexHeader.NameEnd;
        long fileBytes = new FileInfo(path).Length;
        if (!File.Exists(index) || ReadEntries(index, fileBytes) is not { } entries)
        {
            return null;
        }

        List<(long Offset, long Bytes)> parts = [];
        for (int i = 0; i < entries.Length; i++)
        {
            ref readonly FlowIndexEntry entry = ref entries[i];
            bool isWanted = i == 0 || (entry.Packets > 0 && entry.LastNs >= extract.FromNs
                && entry.FirstNs < extract.ToNs && extract.Filter?.MayBeIn(entry) != false);
            if (isWanted)
            {
                parts.Add(((long)entry.Offset, (long)entry.Bytes));
            }
        }

        return new CaptureParts(parts, parts.Sum(part => part.Bytes), fileBytes);
    }

    /// <summary>These parts of the capture, one after the other.</summary>
    public Stream Open(string path) => new PartStream(
        new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 1 << 20), Parts);

    private static FlowIndexEntry[]? ReadEntries(string index, long fileBytes)
    {
        byte[] bytes = File.ReadAllBytes(index);
        int head = FlowIndexFile.HeaderBytes;
        if (bytes.Length < head)
        {
            return null;
        }

        FlowIndexHeader header = FlowIndexFile.Header(bytes);
        bool isOfIt = header.Magic == FlowIndexHeader.MagicValue && header.Version == FlowIndexHeader.VersionValue
            && header.FileBytes == (ulong)fileBytes && header.Entries > 0
            && bytes.Length == head + (header.Entries * (long)FlowIndexFile.EntryBytes)
            && FlowIndexSum.Of(bytes.AsSpan(head)) == header.Checksum;
        return isOfIt ? FlowIndexFile.Entries(bytes) : null;
    }

    /// <summary>Parts of a file as one stream, read forward only.</summary>
    private sealed class PartStream(FileStream file, IReadOnlyList<(long Offset, long Bytes)> parts) : Stream
    {
        private int _part;
        private long _read;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            while (_part < parts.Count && _read == parts[_part].Bytes)
            {
                (_part, _read) = (_part + 1, 0);
            }

            if (_part == parts.Count || buffer.Length == 0)
            {
                return 0;
            }

            long at = parts[_part].Offset + _read;
            if (file.Position != at)
            {
                file.Position = at;
            }

            int read = file.Read(buffer[..(int)Math.Min(buffer.Length, parts[_part].Bytes - _read)]);
            _read += read;
            return read;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                file.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
