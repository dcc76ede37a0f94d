using System.Buffers.Binary;
using LowLatency.Native.Capture;
using Xunit;

namespace LowLatency.Native.Tests.Capture;

public sealed class PcapngWriterTests
{
    [Fact]
    public void A_packet_block_has_its_fields_where_the_format_wants_them()
    {
        byte[] target = new byte[256];
        target.AsSpan().Fill(0xEE);
        PcapngWriter writer = new(target);
        Assert.True(writer.TryPacket(3, 0x1122334455667788, [1, 2, 3, 4, 5], 60, Pcapng.Inbound, "hi!"u8));
        Assert.Equal(PcapngWriter.PacketBytes(5, 3, Pcapng.Inbound), writer.UsedBytes);
        Assert.Equal(
            "060000003C000000030000004433221188776655050000003C000000" // head
            + "0102030405000000" // the frame and its padding
            + "0100030068692100" + "0200040001000000" + "00000000" // options and their end
            + "3C000000" + "EE",
            Convert.ToHexString(target.AsSpan(0, writer.UsedBytes + 1)));
    }

    [Fact]
    public void Every_block_says_its_length_at_both_ends_and_is_aligned()
    {
        byte[] target = new byte[4096];
        PcapngWriter writer = new(target);
        for (int i = 0; i < 9; i++)
        {
            byte[] text = new byte[i];
            Assert.True(writer.TrySection(text) && writer.TryInterface(Pcapng.Ethernet, 0, text)
                && writer.TryPacket(0, 1, text, 9, (uint)(i % 2), text)
                && writer.TryStatistics(0, 1, 2, 3, 4) && writer.TryFill(12 + (4 * i)));
        }

        int at = 0;
        int blocks = 0;
        for (; at < writer.UsedBytes; blocks++)
        {
            int bytes = BinaryPrimitives.ReadInt32LittleEndian(target.AsSpan(at + 4));
            Assert.Equal(0, bytes % 4);
            Assert.Equal(bytes, BinaryPrimitives.ReadInt32LittleEndian(target.AsSpan(at + bytes - 4)));
            at += bytes;
        }

        Assert.Equal((writer.UsedBytes, 45), (at, blocks));
    }

    [Fact]
    public void A_block_that_does_not_fit_leaves_no_trace()
    {
        int bytes = PcapngWriter.PacketBytes(60, 0, 0);
        byte[] target = new byte[bytes - 1];
        PcapngWriter writer = new(target);
        Assert.False(writer.TryPacket(0, 1, new byte[60], 60, 0, []));
        Assert.Equal(0, writer.UsedBytes);
        Assert.All(target, b => Assert.Equal(0, b));
        PcapngWriter exact = new(new byte[bytes]);
        Assert.True(exact.TryPacket(0, 1, new byte[60], 60, 0, []));
        Assert.Equal(0, exact.FreeBytes);
    }

    [Fact]
    public void Writing_allocates_nothing()
    {
        byte[] target = new byte[1 << 16];
        byte[] frame = new byte[60];
        Write(target, frame); // code and statics are there from here on
        long before = GC.GetAllocatedBytesForCurrentThread();
        int packets = Write(target, frame);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(packets > 500);
    }

    private static int Write(byte[] target, byte[] frame)
    {
        PcapngWriter writer = new(target);
        writer.TrySection("test"u8);
        writer.TryInterface(Pcapng.Ethernet, 0, "a"u8);
        writer.TryStatistics(0, 1, 2, 3, 4);
        int packets = 0;
        while (writer.TryPacket(0, (ulong)packets, frame, 60, Pcapng.Outbound, []))
        {
            packets++;
        }

        return packets;
    }
}
