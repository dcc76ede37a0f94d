using LowLatency.Control.Commands;
using LowLatency.Native;

namespace LowLatency.Control.Recording;

/// <summary>Where a frame of a capture lies in its file.</summary>
/// <param name="TimeNs">When it was captured, ns since 1970; null: the file does not say.</param>
/// <param name="Offset">Of its first byte in the file.</param>
/// <param name="Bytes">Its length; the file has all of them.</param>
internal readonly record struct CapturedFrame(long? TimeNs, long Offset, int Bytes);

/// <summary>A file is no capture that can be sent.</summary>
/// <param name="rule">Completes "must ...".</param>
/// <param name="fix">What helps.</param>
internal sealed class CaptureException(string rule, string fix) : Exception(rule)
{
    /// <summary>What helps.</summary>
    public string Fix { get; } = fix;
}

/// <summary>The frames of a capture file that is to be sent, in its order; their bytes stay in the file. Each
/// must be whole and Ethernet, else the file is refused with the number of the frame.</summary>
/// <param name="Path">The file.</param>
/// <param name="Frames">At least one.</param>
internal sealed record CaptureIndex(string Path, IReadOnlyList<CapturedFrame> Frames)
{
    /// <summary>Largest file, bytes: what a table of the data plane holds.</summary>
    public const long FileBytesMax = Limits.TableBytesMax;

    private const int Ethernet = 1; // LINKTYPE_ETHERNET
    private const int BytesLeast = 14;
    private const int BytesMost = 65_535;

    /// <summary>Bytes of the longest frame.</summary>
    public int BytesMax => Frames.Max(frame => frame.Bytes);

    /// <summary>Reads the index of a file.</summary>
    /// <exception cref="CaptureException">It cannot be used; says why.</exception>
    public static CaptureIndex Read(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.Length > FileBytesMax)
            {
                throw new CaptureException(
                    $"must have at most {FileBytesMax >> 30} GiB, it has {file.Length} bytes",
                    "Cut it, with editcap -c for example.");
            }

            using CaptureReader reader = new(file, path);
            List<CapturedFrame> frames = ReadFrames(reader, file.Length == 0);
            return frames.Count > 0 ? new CaptureIndex(path, frames)
                : throw new CaptureException("must hold a frame, it has none", "Capture longer.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CaptureException("must be a file that can be read", e.Message);
        }
    }

    private static List<CapturedFrame> ReadFrames(CaptureReader reader, bool isEmpty)
    {
        List<CapturedFrame> frames = [];
        int interfaces = 0;
        try
        {
            bool isPacket = true;
            while (reader.IsCapture && isPacket)
            {
                isPacket = reader.TryRead(out CapturePacket packet);
                for (; interfaces < reader.Interfaces.Count; interfaces++)
                {
                    RequireEthernet(reader.Interfaces[interfaces].LinkType);
                }

                if (isPacket)
                {
                    frames.Add(FrameOf(packet, frames.Count + 1));
                }
            }
        }
        catch (CommandFailure)
        {
            throw new CaptureException(
                $"must hold frames of a known interface and form, frame {frames.Count + 1} does not",
                "Convert it with editcap -F pcapng.");
        }

        if (reader.IsCut)
        {
            string what = !reader.IsCapture ? "its header" : reader.IsPcapng
                ? $"the block behind frame {frames.Count}" : $"frame {frames.Count + 1}";
            throw new CaptureException($"must be whole, it ends within {what}",
                "It was cut, or its capture runs on: end that first.");
        }

        if (!reader.IsCapture)
        {
            throw new CaptureException(
                isEmpty ? "must be a capture, it is empty" : "must be a pcap or a pcapng file",
                "Capture one with tcpdump -w FILE.");
        }

        return reader.Torn is null ? frames : throw new CaptureException(
            $"must be a sound capture, behind frame {frames.Count} {reader.Torn}", "Capture again.");
    }

    private static void RequireEthernet(int link)
    {
        if (link != Ethernet)
        {
            throw new CaptureException(
                $"must hold Ethernet frames (link type {Ethernet}), it has link type {link}",
                "Capture on an Ethernet interface, not on \"any\" or a tunnel.");
        }
    }

    private static CapturedFrame FrameOf(in CapturePacket packet, int number)
    {
        int bytes = packet.Data.Length;
        if (bytes != packet.FrameBytes)
        {
            throw new CaptureException(
                $"must hold whole frames, frame {number} has {bytes} of its {packet.FrameBytes} bytes",
                "Capture with a snap length of 0: tcpdump -s 0.");
        }

        if (bytes is < BytesLeast or > BytesMost)
        {
            throw new CaptureException(
                $"must hold Ethernet frames, frame {number} has {bytes} bytes", "Leave it out.");
        }

        return new CapturedFrame(
            packet.IsTimed ? (long)Math.Min(packet.TimeNs, long.MaxValue) : null, packet.Offset, bytes);
    }
}
