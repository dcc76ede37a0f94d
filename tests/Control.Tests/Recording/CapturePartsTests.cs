using System.Buffers.Binary;
using LowLatency.Control.Recording;
using LowLatency.Native.Capture;
using Xunit;

namespace LowLatency.Control.Tests.Recording;

/// <summary>An index never hides a packet that a filter would choose, and spares reading.</summary>
public sealed class CapturePartsTests
{
    private static readonly string[] Filters =
    [
        "udp", "udp 10.0.0.1 > any", "udp any > 10.0.0.2:4000", "tcp 10.0.0.3:7 > 10.0.0.4:4001",
        "tcp 10.0.0.3:7 <> 10.0.0.4:4001", "udp 10.0.0.0/30 > any", "udp any:1-5 > any:4000",
        "[2001:db8::1]:9 > any", "2001:db8::2 <> 2001:db8::3", "icmp 10.0.0.1 > 10.0.0.2",
    ];

    [Fact]
    public void What_a_filter_chooses_is_in_a_part_that_the_index_names()
    {
        FlowFilter[] filters = [.. Filters.Select(text => FlowFilter.Parse(text)!)];
        Assert.DoesNotContain(null, filters);
        int chosen = 0;
        int spared = 0;
        for (int seed = 0; seed < 400; seed++)
        {
            Random random = new(seed);
            FlowIndexEntry part = default;
            byte[][] frames = [.. Enumerable.Range(0, random.Next(1, 30)).Select(_ => Frame(random))];
            foreach (byte[] frame in frames)
            {
                part.Add((ulong)random.Next(), frame);
            }

            foreach ((FlowFilter filter, string text) in filters.Zip(Filters))
            {
                bool has = frames.Any(frame => filter.Has(Pcapng.Ethernet, frame));
                chosen += has ? 1 : 0;
                spared += filter.MayBeIn(part) ? 0 : 1;
                Assert.True(!has || filter.MayBeIn(part), $"seed {seed}: '{text}' is hidden");
            }
        }

        Assert.True(chosen > 400 && spared > 400, $"{chosen} chosen, {spared} spared");
    }

    [Fact]
    public void An_index_of_another_length_or_with_a_changed_byte_is_not_used()
    {
        string folder = Directory.CreateTempSubdirectory("lowlat-parts").FullName;
        try
        {
            string path = Path.Combine(folder, "a.pcapng");
            File.WriteAllBytes(path, new byte[8192]);
            byte[] index = Index(fileBytes: 8192);
            CaptureExtract all = new(0, ulong.MaxValue, null);
            File.WriteAllBytes(path + ".idx", index);
            Assert.Equal([(0L, 4096L), (4096L, 4096L)], CaptureParts.Of(path, all)!.Parts);
            // The second part's packets are of the times 10 to 20.
            Assert.Equal([(0L, 4096L)], CaptureParts.Of(path, all with { FromNs = 21 })!.Parts);
            Assert.Equal([(0L, 4096L)], CaptureParts.Of(path, all with { ToNs = 10 })!.Parts);
            Assert.Equal(2, CaptureParts.Of(path, all with { FromNs = 20, ToNs = 21 })!.Parts.Count);
            index[^1] ^= 1;
            File.WriteAllBytes(path + ".idx", index);
            Assert.Null(CaptureParts.Of(path, all));
            File.WriteAllBytes(path + ".idx", Index(fileBytes: 4096));
            Assert.Null(CaptureParts.Of(path, all));
            File.WriteAllBytes(path + ".idx", [1, 2, 3]);
            Assert.Null(CaptureParts.Of(path, all));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static byte[] Index(ulong fileBytes)
    {
        FlowIndexEntry[] entries =
        [
            new() { Offset = 0, Bytes = 4096 },
            new() { Offset = 4096, Bytes = 4096, FirstNs = 10, LastNs = 20, Packets = 2 },
        ];
        byte[] body = FlowIndexFile.Bytes<FlowIndexEntry>(entries);
        return [.. FlowIndexFile.Bytes<FlowIndexHeader>(
            [
                new FlowIndexHeader
                {
                    Magic = FlowIndexHeader.MagicValue, Version = FlowIndexHeader.VersionValue,
                    Entries = (uint)entries.Length, FileBytes = fileBytes, Checksum = FlowIndexSum.Of(body),
                },
            ]), .. body];
    }

    // Few addresses and ports, so that filters meet; tags, fragments, extension headers, cut frames.
    private static byte[] Frame(Random random)
    {
        byte[] frame = new byte[120];
        int at = 12;
        for (int tags = random.Next(3); tags > 0; tags--, at += 4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at), 0x8100);
        }

        bool isSix = random.Next(3) == 0;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at), (ushort)(isSix ? 0x86DD : 0x0800));
        Span<byte> packet = frame.AsSpan(at + 2);
        byte protocol = random.Next(5) switch { 0 => 6, 1 => 1, _ => 17 };
        int transport = isSix ? 40 : 20;
        if (isSix)
        {
            packet[0] = 0x60;
            packet[6] = protocol;
            foreach (int address in (int[])[8, 24])
            {
                BinaryPrimitives.WriteUInt32BigEndian(packet[address..], 0x2001_0DB8);
                packet[address + 15] = (byte)random.Next(1, 4);
            }

            if (random.Next(4) == 0)
            {
                packet[6] = 0; // hop-by-hop options of 8 bytes before it
                packet[40] = protocol;
                transport = 48;
            }
        }
        else
        {
            packet[0] = 0x45;
            packet[9] = protocol;
            packet[6] = (byte)(random.Next(6) == 0 ? 0x01 : 0); // a later fragment
            foreach (int address in (int[])[12, 16])
            {
                packet[address] = 10;
                packet[address + 3] = (byte)random.Next(1, 6);
            }
        }

        BinaryPrimitives.WriteUInt16BigEndian(packet[transport..], (ushort)random.Next(1, 12));
        BinaryPrimitives.WriteUInt16BigEndian(packet[(transport + 2)..], (ushort)(4000 + random.Next(2)));
        return random.Next(10) == 0 ? frame[..random.Next(14, 60)] : frame;
    }
}
