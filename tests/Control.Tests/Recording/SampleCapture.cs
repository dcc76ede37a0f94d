using System.Buffers.Binary;
using LowLatency.Native.Capture;

namespace LowLatency.Control.Tests.Recording;

/// <summary>A pcapng image as the writer makes it, and where each of its packets ends.</summary>
internal sealed class SampleCapture
{
    public const ulong StartNs = 1_767_225_600_123_456_789; // 2026-01-01T00:00:00.123456789Z

    public SampleCapture(int packets, int seed)
    {
        Random random = new(seed);
        byte[] target = new byte[packets * 2048 + 4096];
        PcapngWriter writer = new(target);
        writer.TrySection("lowlatd"u8);
        writer.TryInterface(Pcapng.Ethernet, 1000, "left"u8);
        writer.TryInterface(Pcapng.Ethernet, 1000, "right"u8);
        for (int i = 0; i < packets; i++)
        {
            byte[] frame = Udp(random.Next(60, 1500), 1, (byte)(2 + (i % 3)), (ushort)(5000 + (i % 2)), 53);
            uint port = (uint)(i % 2);
            byte[] kept = frame.Length > 1000 ? frame[..1000] : frame;
            writer.TryPacket(port, StartNs + (ulong)i, kept, (uint)frame.Length, Pcapng.Inbound + port,
                i % 5 == 0 ? "rx 1 ns"u8 : default);
            Frames.Add(kept);
            Ends.Add(writer.UsedBytes);
            if (i % 16 == 15)
            {
                writer.TryStatistics(port, StartNs, StartNs + (ulong)i, (ulong)i, 7);
                writer.TryFill(64);
            }
        }

        Image = target[..writer.UsedBytes];
    }

    public byte[] Image { get; }

    public List<byte[]> Frames { get; } = [];

    public List<int> Ends { get; } = [];

    /// <summary>An Ethernet frame from 10.0.0.SOURCE to 10.0.0.DESTINATION, its checksums left
    /// out.</summary>
    public static byte[] Udp(int bytes, byte source, byte destination, ushort from, ushort to)
    {
        byte[] frame = new byte[bytes];
        Convert.FromHexString("0200000000020200000000010800" + "4500").CopyTo(frame, 0);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(16), (ushort)(bytes - 14));
        (frame[22], frame[23]) = (64, 17);
        (frame[26], frame[29], frame[30], frame[33]) = (10, source, 10, destination);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(34), from);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(36), to);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(38), (ushort)(bytes - 34));
        return frame;
    }
}
