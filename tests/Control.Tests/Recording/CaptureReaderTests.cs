using System.Buffers.Binary;
using System.Text;
using LowLatency.Control.Recording;
using Xunit;

namespace LowLatency.Control.Tests.Recording;

public sealed class CaptureReaderTests : IDisposable
{
    private readonly string _path = Path.Combine(
        Path.GetTempPath(), $"lowlat-reader-{Guid.NewGuid():N}.pcapng");

    [Fact]
    public void What_is_written_is_read_as_it_was()
    {
        SampleCapture sample = new(packets: 100, seed: 1);
        using CaptureReader reader = CaptureReader.Read(new MemoryStream(sample.Image), "sample");
        int packets = 0;
        for (; reader.TryRead(out CapturePacket packet); packets++)
        {
            Assert.Equal(sample.Frames[packets], packet.Data.ToArray());
            Assert.Equal((packets % 2, SampleCapture.StartNs + (ulong)packets, 1u + (uint)(packets % 2)),
                (packet.Interface, packet.TimeNs, packet.Flags));
            Assert.Equal(packets % 5 == 0 ? "rx 1 ns" : "", Encoding.UTF8.GetString(packet.Comment.Span));
        }

        Assert.Equal((100, sample.Image.Length, null), (packets, reader.WholeBytes, reader.Torn));
        Assert.Equal(["left", "right"], reader.Interfaces.Select(port => port.Name));
        Assert.Equal((1000u, 7ul, 95ul), (reader.Interfaces[1].SnapBytes, reader.Interfaces[1].Dropped,
            reader.Interfaces[1].Received));
    }

    [Fact]
    public void Tshark_capinfos_and_tcpdump_read_what_is_written_without_a_warning()
    {
        SampleCapture sample = new(packets: 100, seed: 1);
        File.WriteAllBytes(_path, sample.Image);
        List<string> packets = Shark.Read(_path);
        Assert.Equal(100, packets.Count);
        Assert.StartsWith("1767225600.123456789 0 ", packets[0], StringComparison.Ordinal);
        Assert.Contains(packets, line => line.EndsWith(" 1000", StringComparison.Ordinal));
        const string commented = "frame.comment == \"rx 1 ns\"";
        Assert.Equal(20, Shark.Lines("tshark", "-r", _path, "-n", "-Y", commented).Count);
        Assert.Equal(100, Shark.Lines("tcpdump", "-nn", "-r", _path).Count);
        string about = string.Join('\n', Shark.Lines("capinfos", _path));
        Assert.Contains("File timestamp precision:  nanoseconds (9)", about, StringComparison.Ordinal);
        Assert.Contains("lowlatd", about, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pcap")]
    [InlineData("nsecpcap")]
    [InlineData("pcapng")]
    public void What_others_write_is_read(string format)
    {
        SampleCapture sample = new(packets: 50, seed: 3);
        File.WriteAllBytes(_path, sample.Image);
        string other = _path + "." + format;
        Shark.Lines("editcap", "-F", format, "-T", "ether", _path, other);
        try
        {
            using CaptureReader reader = CaptureReader.Open(other);
            int packets = 0;
            for (; reader.TryRead(out CapturePacket packet); packets++)
            {
                ulong timeNs = SampleCapture.StartNs + (ulong)packets;
                Assert.Equal(format == "pcap" ? timeNs / 1000 * 1000 : timeNs, packet.TimeNs);
                Assert.Equal(sample.Frames[packets], packet.Data.ToArray());
            }

            Assert.Equal((50, null), (packets, reader.Torn));
        }
        finally
        {
            File.Delete(other);
        }
    }

    [Fact]
    public void A_section_of_the_other_byte_order_and_its_own_clock_is_read()
    {
        List<byte> image = [.. new SampleCapture(packets: 2, seed: 1).Image];
        Big(image, 0x0A0D0D0A, 0x1A2B3C4D, 0x00010000, uint.MaxValue, uint.MaxValue);
        // Resolution 10^-3 s (option 9), and 1000 s to add (option 14).
        Big(image, 1, 0x00010000, 0, 0x00090001, 0x03000000, 0x000E0008, 0, 1000, 0);
        Big(image, 6, 0, 0, 5, 4, 60, 0xAABBCCDD);
        using CaptureReader reader = CaptureReader.Read(new MemoryStream([.. image]), "sample");
        Assert.True(reader.TryRead(out _) && reader.TryRead(out _));
        Assert.True(reader.TryRead(out CapturePacket packet), reader.Torn);
        Assert.Equal((2, 1_000_005_000_000ul, 60u, "AABBCCDD"), (packet.Interface, packet.TimeNs,
            packet.FrameBytes, Convert.ToHexString(packet.Data.Span)));
        Assert.Equal((false, null), (reader.TryRead(out _), reader.Torn));
    }

    [Fact]
    public void No_damage_of_one_byte_makes_the_reader_fail_otherwise_than_by_saying_where()
    {
        byte[] image = new SampleCapture(packets: 3, seed: 1).Image;
        for (int at = 12; at < image.Length; at++)
        {
            byte[] damaged = [.. image];
            damaged[at] ^= 0xFF;
            using CaptureReader reader = CaptureReader.Read(new MemoryStream(damaged), "sample");
            int packets = 0;
            try
            {
                while (reader.TryRead(out _))
                {
                    packets++;
                }
            }
            catch (Control.Commands.CommandFailure)
            {
                continue; // an obsolete block
            }

            Assert.True(packets <= 3 && reader.WholeBytes <= damaged.Length);
            Assert.True(reader.Torn is not null || reader.WholeBytes == damaged.Length, $"byte {at}");
        }
    }

    public void Dispose() => File.Delete(_path);

    private static void Big(List<byte> image, uint type, params uint[] words)
    {
        byte[] word = new byte[4];
        uint bytes = (uint)((words.Length + 3) * 4);
        foreach (uint value in (uint[])[type, bytes, .. words, bytes])
        {
            BinaryPrimitives.WriteUInt32BigEndian(word, value);
            image.AddRange(word);
        }
    }
}
