using System.Buffers.Binary;
using LowLatency.Dataplane.Storage;
using LowLatency.Native;
using LowLatency.Native.Capture;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Uring;
using Xunit;

namespace LowLatency.Dataplane.Tests.Storage;

/// <summary>A capture read in parts that come in any order gives every packet once, whole and in order, wherever
/// parts end.</summary>
public sealed class ReplayReaderTests
{
    [Theory]
    [InlineData(CaptureForm.Pcapng, 1)]
    [InlineData(CaptureForm.Pcapng, 2)]
    [InlineData(CaptureForm.Pcap, 3)]
    [InlineData(CaptureForm.Pcap, 4)]
    public void Every_packet_comes_once_and_in_order(CaptureForm form, int seed)
    {
        Random random = new(seed);
        List<(long TimeNs, byte[] Frame)> packets = Packets(random, 30_000); // some 23 MB: around the ring
        byte[] file = form == CaptureForm.Pcap ? Pcap(packets) : Ng(packets);
        using Bench bench = new(file, form, random);
        int at = 0;
        while (bench.Reader.End == ReplayEnd.None)
        {
            bench.Reader.Poll(bench.Disk);
            while (random.Next(200) > 0 && bench.Reader.TryPeek(out ReadOnlySpan<byte> frame, out long timeNs,
                out int bytes))
            {
                Assert.Equal(packets[at].TimeNs, timeNs);
                Assert.True(packets[at].Frame.AsSpan().SequenceEqual(frame), $"packet {at}");
                bench.Reader.Next(bytes);
                at++;
            }
        }

        Assert.Equal((ReplayEnd.Whole, packets.Count, file.LongLength),
            (bench.Reader.End, at, bench.Reader.ReadBytes));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(-500)]
    public void A_file_that_ends_within_a_packet_gives_what_is_whole_and_says_so(int cut)
    {
        Random random = new(7);
        List<(long, byte[])> packets = Packets(random, 1_999); // a packet is the last block
        using Bench bench = new(Ng(packets)[..^-cut], CaptureForm.Pcapng, random);
        Assert.InRange(bench.Count(), packets.Count - 10, packets.Count - 1);
        Assert.Equal(ReplayEnd.Torn, bench.Reader.End);
    }

    [Fact]
    public void A_drive_that_fails_ends_it_by_name()
    {
        using Bench bench = new(Ng(Packets(new Random(8), 4_000)), CaptureForm.Pcapng, new Random(8));
        bench.Disk.FailsAt = 1;
        _ = bench.Count();
        Assert.Equal((ReplayEnd.Failed, Errno.EIO), (bench.Reader.End, bench.Reader.Errno));
    }

    private static List<(long TimeNs, byte[] Frame)> Packets(Random random, int count)
    {
        List<(long, byte[])> packets = [];
        long timeNs = 1_700_000_000_000_000_000;
        for (int i = 0; i < count; i++)
        {
            byte[] frame = new byte[random.Next(14, 1515)];
            random.NextBytes(frame);
            timeNs += random.Next(1_000_000);
            packets.Add((timeNs, frame));
        }

        return packets;
    }

    private static byte[] Ng(List<(long TimeNs, byte[] Frame)> packets)
    {
        byte[] bytes = new byte[(packets.Count * 1600) + 4096];
        PcapngWriter writer = new(bytes);
        writer.TrySection("test"u8);
        writer.TryInterface(Pcapng.Ethernet, 0, "a"u8);
        int n = 0;
        foreach ((long timeNs, byte[] frame) in packets)
        {
            writer.TryPacket(0, (ulong)timeNs, frame, (uint)frame.Length, 0, default);
            if (++n % 1000 == 0)
            {
                writer.TryStatistics(0, 1, 2, 3, 4); // other blocks are stepped over
                writer.TryFill(16);
            }
        }

        return bytes[..writer.UsedBytes];
    }

    private static byte[] Pcap(List<(long TimeNs, byte[] Frame)> packets)
    {
        using MemoryStream stream = new();
        byte[] head = new byte[24];
        BinaryPrimitives.WriteUInt32LittleEndian(head, 0xA1B2_3C4D);
        head[20] = 1;
        stream.Write(head);
        byte[] packet = new byte[16];
        foreach ((long timeNs, byte[] frame) in packets)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(packet, (uint)(timeNs / 1_000_000_000));
            BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(4), (uint)(timeNs % 1_000_000_000));
            BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(8), (uint)frame.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(12), (uint)frame.Length);
            stream.Write(packet);
            stream.Write(frame);
        }

        return stream.ToArray();
    }

    private sealed class Bench : IDisposable
    {
        private const int Bytes = ReplayReader.LeadBytes + (ReplayReader.Slots * ReplayReader.SlotBytes);
        private readonly MappedMemory _memory = MappedMemory.Lazy(Bytes);

        public Bench(byte[] file, CaptureForm form, Random random)
        {
            NativeSpan<byte> memory = _memory.Slice<byte>(0, Bytes);
            Reader = new ReplayReader(new ReplaySettings(form, 1_000_000_000, file.Length, 1, 0), memory);
            Disk = new Reads(file, memory, random);
        }

        public ReplayReader Reader { get; }

        public Reads Disk { get; }

        public int Count()
        {
            int count = 0;
            while (Reader.End == ReplayEnd.None)
            {
                Reader.Poll(Disk);
                while (Reader.TryPeek(out _, out _, out int bytes))
                {
                    Reader.Next(bytes);
                    count++;
                }
            }

            return count;
        }

        public void Dispose() => _memory.Dispose();
    }

    /// <summary>Reads that complete in any order, some at each look.</summary>
    private sealed class Reads(byte[] file, NativeSpan<byte> memory, Random random) : IIoRing
    {
        private readonly List<IoRequest> _underWay = [];

        public int FailsAt { get; set; } = -1;

        public int InFlight => _underWay.Count;

        public Errno SetFile(int index, int fd) => Errno.Ok;

        public bool TryAdd(in IoRequest request)
        {
            _underWay.Add(request);
            return true;
        }

        public Errno Submit(uint awaited, long timeoutNs) => Errno.Ok;

        public int Reap(Span<IoCompletion> completions)
        {
            int count = Math.Min(random.Next(4), _underWay.Count);
            for (int i = 0; i < count; i++)
            {
                int at = random.Next(_underWay.Count);
                IoRequest request = _underWay[at];
                _underWay.RemoveAt(at);
                int bytes = (int)Math.Min(request.Bytes, file.Length - request.Offset);
                file.AsSpan((int)request.Offset, bytes).CopyTo(memory.Span[(ReplayReader.LeadBytes
                    + (request.Slot * ReplayReader.SlotBytes))..]);
                completions[i] = new IoCompletion(request.Token,
                    (long)request.Token == FailsAt ? -(int)Errno.EIO : bytes);
            }

            return count;
        }
    }
}
