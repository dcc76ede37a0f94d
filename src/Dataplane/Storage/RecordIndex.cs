using LowLatency.Native;
using LowLatency.Native.Capture;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Dataplane.Storage;

/// <summary>The index of one capture file in the making: what its parts hold. The recorder adds, the file
/// keeper writes it out when the file is whole; never both at a time.</summary>
internal sealed class RecordIndex : IDisposable
{
    private const long PartBytesMin = 1 << 20;   // smaller parts save no reading: a drive's own read-ahead
    private const int EntriesMax = 4096;         // 16 MiB of index for the largest file
    private readonly MappedMemory _memory;
    private readonly NativeRef<FlowIndexHeader> _header;
    private readonly NativeSpan<FlowIndexEntry> _entries;
    private readonly NativeSpan<byte> _bytes;
    private readonly long _partBytes;

    /// <summary>Makes room for a file of at most <paramref name="fileBytes"/>.</summary>
    public RecordIndex(long fileBytes)
    {
        _partBytes = Math.Max(PartBytesMin, fileBytes / EntriesMax * 2);
        int entries = (int)(fileBytes / _partBytes * 2) + 2; // two neighbours are more than a part
        long bytes = FlowIndexFile.HeaderBytes + ((long)entries * FlowIndexFile.EntryBytes);
        _memory = MappedMemory.Anonymous(bytes, HugePages.Never);
        _header = _memory.At<FlowIndexHeader>(0);
        _entries = _memory.Slice<FlowIndexEntry>(FlowIndexFile.HeaderBytes, entries);
        _bytes = _memory.Slice<byte>(0, (int)bytes);
    }

    /// <summary>Begins a file's.</summary>
    public void Clear() => _header.Value = default;

    /// <summary>Takes a part in: blocks that are written at this place, right behind the one before.</summary>
    /// <param name="offset">Its place in the file.</param>
    /// <param name="bytes">Its length there.</param>
    /// <param name="blocks">The packets in it.</param>
    /// <returns>Count of packets.</returns>
    public ulong Add(long offset, int bytes, ReadOnlySpan<byte> blocks)
    {
        uint count = _header.Value.Entries;
        bool isNew = count == 0 || (long)_entries[(int)count - 1].Bytes + bytes > _partBytes;
        if (isNew && count < _entries.Length)
        {
            ref FlowIndexEntry fresh = ref _entries[(int)count];
            fresh = default;
            fresh.Offset = (ulong)offset;
            _header.Value.Entries = ++count;
        }

        ref FlowIndexEntry entry = ref _entries[(int)count - 1];
        entry.Bytes += (uint)bytes;
        uint before = entry.Packets;
        CaptureScan scan = new(blocks);
        while (scan.TryNext(out ulong timeNs, out ReadOnlySpan<byte> frame))
        {
            entry.Add(timeNs, frame);
        }

        return entry.Packets - before;
    }

    /// <summary>The index of a file of this length, as it is written.</summary>
    public ReadOnlySpan<byte> Finish(long fileBytes)
    {
        ref FlowIndexHeader header = ref _header.Value;
        int bytes = FlowIndexFile.HeaderBytes + ((int)header.Entries * FlowIndexFile.EntryBytes);
        header.Magic = FlowIndexHeader.MagicValue;
        header.Version = FlowIndexHeader.VersionValue;
        header.FileBytes = (ulong)fileBytes;
        header.Checksum = FlowIndexSum.Of(_bytes.Span[FlowIndexFile.HeaderBytes..bytes]);
        return _bytes.Span[..bytes];
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
