using System.Buffers.Binary;
using LowLatency.Control.Recording;
using Xunit;

namespace LowLatency.Control.Tests.Recording;

public sealed class CaptureIndexTests
{
    private static readonly byte[][] Frames =
        [new byte[60], [.. Enumerable.Range(0, 99).Select(i => (byte)i)], new byte[14]];
    private static readonly long[] Times =
        [1_700_000_000_000_001_000, 1_700_000_000_000_001_000, 1_700_000_001_234_567_000];

    /// <summary>A file as tcpdump writes it.</summary>
    public static byte[] Pcap(bool isBig = false, bool isNano = false, uint link = 1)
    {
        CaptureBytes file = new(isBig);
        file.U32(isNano ? 0xA1B2_3C4D : 0xA1B2_C3D4).U16(2).U16(4).U32(0).U32(0).U32(262144).U32(link);
        for (int i = 0; i < Frames.Length; i++)
        {
            uint fraction = (uint)(Times[i] % 1_000_000_000);
            file.U32((uint)(Times[i] / 1_000_000_000)).U32(isNano ? fraction : fraction / 1000)
                .U32((uint)Frames[i].Length).U32((uint)Frames[i].Length).Put(Frames[i]);
        }

        return file.ToArray();
    }

    /// <summary>A file of one frame.</summary>
    public static byte[] PcapOf(byte[] frame) => [.. Pcap()[..24],
        .. new CaptureBytes(isBig: false).U32(1).U32(0)
            .U32((uint)frame.Length).U32((uint)frame.Length).Put(frame).ToArray()];

    /// <summary>A file as dumpcap writes it, with blocks that are passed over.</summary>
    public static byte[] Pcapng(bool isBig = false, byte resolution = 9, ushort link = 1)
    {
        CaptureBytes file = new(isBig);
        file.Block(0x0A0D0D0A, body => body
            .U32(0x1A2B3C4D).U16(1).U16(0).U32(uint.MaxValue).U32(uint.MaxValue));
        file.Block(1, body => body.U16(link).U16(0).U32(0)
            .U16(2).U16(3).Put([(byte)'e', (byte)'t', (byte)'h', 0])
            .U16(9).U16(1).Put([resolution, 0, 0, 0]).U16(0).U16(0));
        for (int i = 0; i < Frames.Length; i++)
        {
            UInt128 perSecond = resolution >= 0x80 ? UInt128.One << (resolution & 0x7F)
                : (UInt128)Math.Pow(10, resolution);
            ulong ticks = (ulong)((UInt128)Times[i] * perSecond / 1_000_000_000);
            byte[] frame = Frames[i];
            file.Block(5, body => body.U32(0).U32(0).U32(0)); // statistics
            file.Block(6, body => body
                .U32(0).U32((uint)(ticks >> 32)).U32((uint)ticks)
                .U32((uint)frame.Length).U32((uint)frame.Length).Put(frame)
                .Put(new byte[(4 - (frame.Length % 4)) % 4]));
        }

        return file.ToArray();
    }

    public static TheoryData<byte[]> Files => new(Pcap(), Pcap(isBig: true), Pcap(isNano: true),
        Pcap(isBig: true, isNano: true), Pcapng(), Pcapng(isBig: true), Pcapng(resolution: 6));

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_form_gives_the_same_frames_and_times(byte[] bytes)
    {
        CaptureIndex capture = Read(bytes);
        Assert.Equal(Times, capture.Frames.Select(frame => frame.TimeNs!.Value));
        for (int i = 0; i < Frames.Length; i++)
        {
            CapturedFrame frame = capture.Frames[i];
            Assert.Equal(Frames[i], bytes.AsSpan((int)frame.Offset, frame.Bytes).ToArray());
        }

        Assert.Equal(99, capture.BytesMax);
    }

    [Fact]
    public void A_binary_time_resolution_is_read_to_its_own_step()
    {
        long[] times = [.. Read(Pcapng(resolution: 0x80 | 20)).Frames.Select(frame => frame.TimeNs!.Value)];
        for (int i = 0; i < times.Length; i++)
        {
            Assert.InRange(Times[i] - times[i], 0, 1_000_000_000 >> 20);
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void A_file_cut_anywhere_is_whole_frames_or_an_error(byte[] bytes)
    {
        for (int length = 0; length < bytes.Length; length++)
        {
            CaptureIndex? capture = TryRead(bytes[..length], out string error);
            Assert.True(capture == null || capture.Frames.Count < 3
                || capture.Frames.All(frame => frame.Offset + frame.Bytes <= length));
            Assert.True(capture != null || error.StartsWith("must ", StringComparison.Ordinal), error);
        }

        Assert.Null(TryRead(bytes[..^1], out string cut));
        Assert.Equal("must be whole, it ends within "
            + (bytes[0] == 0x0A ? "the block behind frame 2" : "frame 3"), cut);
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Any_damaged_byte_gives_frames_inside_the_file_or_an_error(byte[] bytes)
    {
        Random random = new(5);
        for (int i = 0; i < bytes.Length; i++)
        {
            byte[] damaged = [.. bytes];
            damaged[i] ^= (byte)(1 << random.Next(8));
            CaptureIndex? capture = TryRead(damaged, out _);
            Assert.True(capture == null
                || capture.Frames.All(frame => frame.Offset >= 0
                    && frame.Offset + frame.Bytes <= bytes.Length));
        }
    }

    [Fact]
    public void What_cannot_be_sent_is_refused_with_its_reason()
    {
        Assert.Equal("must be a capture, it is empty", Error([]));
        Assert.Equal("must be a pcap or a pcapng file", Error("GET / HTTP/1.1"u8.ToArray()));
        Assert.Equal("must be whole, it ends within its header", Error(Pcap()[..20]));
        Assert.Equal("must hold a frame, it has none", Error(Pcap()[..24]));
        Assert.Equal("must hold Ethernet frames (link type 1), it has link type 113", Error(Pcap(link: 113)));
        Assert.Equal("must hold Ethernet frames (link type 1), it has link type "
            + "276", Error(Pcapng(link: 276)));
        byte[] cut = Pcap();
        cut[24 + 12] = 61;
        Assert.Equal("must hold whole frames, frame 1 has 60 of its 61 bytes", Error(cut));
        Assert.Throws<CaptureException>(() => CaptureIndex.Read("/no/such/file"));
    }

    [Fact]
    public void A_file_over_two_gigabytes_is_refused_unread()
    {
        string path = Path.GetTempFileName();
        try
        {
            using (FileStream file = File.OpenWrite(path))
            {
                file.SetLength(CaptureIndex.FileBytesMax + 1); // sparse
            }

            CaptureException error = Assert.Throws<CaptureException>(() => CaptureIndex.Read(path));
            Assert.Equal("must have at most 2 GiB, it has 2147483649 bytes", error.Message);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string Error(byte[] bytes)
    {
        Assert.Null(TryRead(bytes, out string error));
        return error;
    }

    private static CaptureIndex? TryRead(byte[] bytes, out string error)
    {
        try
        {
            error = "";
            return Read(bytes);
        }
        catch (CaptureException e)
        {
            error = e.Message;
            return null;
        }
    }

    private static CaptureIndex Read(byte[] bytes)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, bytes);
            return CaptureIndex.Read(path);
        }
        finally
        {
            File.Delete(path);
        }
    }
}

/// <summary>Writes numbers of either byte order.</summary>
internal sealed class CaptureBytes(bool isBig)
{
    private readonly List<byte> _bytes = [];

    public CaptureBytes U16(ushort value)
    {
        byte[] bytes = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(
            bytes, isBig ? BinaryPrimitives.ReverseEndianness(value) : value);
        return Put(bytes);
    }

    public CaptureBytes U32(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(
            bytes, isBig ? BinaryPrimitives.ReverseEndianness(value) : value);
        return Put(bytes);
    }

    public CaptureBytes Put(byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public void Block(uint type, Func<CaptureBytes, CaptureBytes> write)
    {
        byte[] body = write(new CaptureBytes(isBig)).ToArray();
        U32(type).U32((uint)body.Length + 12).Put(body).U32((uint)body.Length + 12);
    }

    public byte[] ToArray() => [.. _bytes];
}
