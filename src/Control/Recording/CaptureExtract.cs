using LowLatency.Control.Commands;

namespace LowLatency.Control.Recording;

/// <summary>Copies chosen packets of a capture into a new one, in their order.</summary>
/// <param name="FromNs">Packets from this time on, since 1970.</param>
/// <param name="ToNs">Packets before this time.</param>
/// <param name="Filter">Chooses among them; null: all.</param>
internal sealed record CaptureExtract(ulong FromNs, ulong ToNs, FlowFilter? Filter)
{
    /// <summary>Bytes that were read where an index said which; null: there was none.</summary>
    public long? ReadBytes { get; private set; }

    /// <summary>Bytes of the file that has the index.</summary>
    public long IndexedBytes { get; private set; }

    /// <summary>Does it; the output is there, whole, or not at all.</summary>
    /// <returns>Packets copied, packets read, and why the input ended early.</returns>
    /// <exception cref="CommandFailure">The input is no capture, the filter cannot read its packets, or the
    /// output is there already: exit code 1.</exception>
    public (long Copied, long Read, string? Torn) Run(string path, string target)
    {
        CaptureParts? parts = File.Exists(path) ? CaptureParts.Of(path, this) : null;
        if (parts is not null)
        {
            ReadBytes = parts.WantedBytes;
            IndexedBytes = parts.FileBytes;
        }

        using CaptureReader reader = parts is null ? CaptureReader.Open(path)
            : CaptureReader.Read(parts.Open(path), path);
        using CaptureOutput output = new(target);
        long copied = 0;
        long read = 0;
        while (reader.TryRead(out CapturePacket packet))
        {
            read++;
            ushort linkType = reader.Interfaces[packet.Interface].LinkType;
            if (Filter is not null && !FlowFilter.Reads(linkType))
            {
                throw CommandFailure.Input($"--filter: reads Ethernet (1) and raw IP (101), and {path} has a "
                    + $"packet of link type {linkType}");
            }

            if (packet.TimeNs < FromNs || packet.TimeNs >= ToNs
                || Filter?.Has(linkType, packet.Data.Span) == false)
            {
                continue;
            }

            Describe(reader, output, packet.Interface + 1);
            output.Add(packet);
            copied++;
        }

        Describe(reader, output, reader.Interfaces.Count);
        output.Publish();
        return (copied, read, reader.Torn);
    }

    private static void Describe(CaptureReader reader, CaptureOutput output, int count)
    {
        while (output.InterfaceCount < count)
        {
            output.Add(reader.Interfaces[output.InterfaceCount]);
        }
    }
}
