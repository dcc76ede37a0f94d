using LowLatency.Control.Recording;
using LowLatency.Control.Tests.Commands;
using Xunit;

namespace LowLatency.Control.Tests.Recording;

public sealed class CaptureExtractTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lowlat-extract-").FullName;
    private readonly SampleCapture _sample = new(packets: 60, seed: 4);

    public CaptureExtractTests() => File.WriteAllBytes(Source, _sample.Image);

    private string Source => Path.Combine(_folder, "source.pcapng");

    private string Target => Path.Combine(_folder, "target.pcapng");

    [Fact]
    public void Without_a_choice_all_packets_are_there_as_they_were()
    {
        CommandRun run = CommandRun.Of("record", "extract", Source, "-o", Target);
        Assert.Equal((0, "60 of 60 packets\n", ""), (run.Code, run.Out, run.Error));
        Assert.Equal(Shark.Read(Source), Shark.Read(Target));
        using CaptureReader reader = CaptureReader.Open(Target);
        for (int i = 0; i < 60; i++)
        {
            Assert.True(reader.TryRead(out CapturePacket packet));
            Assert.Equal(_sample.Frames[i], packet.Data.ToArray());
            Assert.Equal((1u + (uint)(i % 2), i % 5 == 0), (packet.Flags, packet.Comment.Length > 0));
        }
    }

    [Fact]
    public void A_range_of_time_has_its_first_ns_and_not_its_last()
    {
        CommandRun run = CommandRun.Of("record", "extract", Source, "-o", Target,
            "--from", "2026-01-01T00:00:00.123456799Z", "--to", "2026-01-01T00:00:00.123456809Z");
        Assert.Equal((0, "10 of 60 packets\n"), (run.Code, run.Out));
        Assert.Equal(Shark.Read(Source).Skip(10).Take(10), Shark.Read(Target));
    }

    [Theory]
    [InlineData("udp", "udp", 60)]
    [InlineData("tcp", "tcp", 0)]
    [InlineData("udp any:5001 > any", "udp.srcport == 5001", 30)]
    [InlineData("10.0.0.1 > 10.0.0.3", "ip.dst == 10.0.0.3", 20)]
    [InlineData("17 10.0.0.3:53 <> 10.0.0.0/24:5000-5000", "ip.dst == 10.0.0.3 and udp.srcport == 5000", 10)]
    [InlineData("10.0.0.3 > any", "ip.src == 10.0.0.3", 0)]
    [InlineData("any > 2001:db8::/32", "ipv6", 0)]
    public void A_filter_chooses_what_tshark_chooses(string filter, string display, int count)
    {
        CommandRun run = CommandRun.Of("record", "extract", Source, "-o", Target, "--filter", filter);
        Assert.Equal((0, $"{count} of 60 packets\n", ""), (run.Code, run.Out, run.Error));
        string[] fields = ["-n", "-T", "fields", "-e", "frame.time_epoch"];
        Assert.Equal(Shark.Lines("tshark", ["-r", Source, "-Y", display, .. fields]),
            Shark.Lines("tshark", ["-r", Target, .. fields]));
    }

    [Theory]
    [InlineData("--filter", "")]
    [InlineData("--filter", "upd")]
    [InlineData("--filter", "udp 10.0.0.1")]
    [InlineData("--filter", "10.0.0.1 = 10.0.0.2")]
    [InlineData("--filter", "10.0.0.1 > 2001:db8::1")]
    [InlineData("--filter", "any:70000 > any")]
    [InlineData("--filter", "[2001:db8::1] > any")]
    [InlineData("--from", "yesterday")]
    [InlineData("--to", "2026-01-01T00:00:00.1234567890Z")]
    [InlineData("--to", "2026-02-30T00:00:00Z")]
    public void A_choice_that_is_none_is_named_and_nothing_is_written(string option, string value)
    {
        CommandRun run = CommandRun.Of("record", "extract", Source, "-o", Target, option, value);
        Assert.Equal((1, ""), (run.Code, run.Out));
        Assert.Contains(option, run.Error, StringComparison.Ordinal);
        Assert.Contains("must be", run.Error, StringComparison.Ordinal);
        Assert.Equal([Source], Directory.GetFiles(_folder));
    }

    [Fact]
    public void A_target_that_is_there_is_not_overwritten()
    {
        File.WriteAllText(Target, "mine");
        CommandRun run = CommandRun.Of("record", "extract", Source, "-o", Target);
        Assert.Equal(1, run.Code);
        Assert.Contains("is there already", run.Error, StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(Target));
    }

    [Fact]
    public void What_an_earlier_run_left_hidden_is_named_and_kept()
    {
        File.WriteAllText(Target + ".part", "left");
        CommandRun run = CommandRun.Of("record", "extract", Source, "-o", Target);
        Assert.Equal((1, $"lowlat: {Target}.part: is there already: remove it or give another name\n"),
            (run.Code, run.Error));
        Assert.Equal("left", File.ReadAllText(Target + ".part"));
    }

    [Fact]
    public void A_filter_refuses_a_link_it_cannot_read_and_leaves_nothing()
    {
        byte[] image = _sample.Image;
        int at = image[4]; // behind the section header: the first interface
        Assert.Equal(1, image[at]);
        image[at + 8] = 113; // LINKTYPE_LINUX_SLL
        File.WriteAllBytes(Source, image);
        CommandRun run = CommandRun.Of("record", "extract", Source, "-o", Target, "--filter", "udp");
        Assert.Equal(1, run.Code);
        Assert.Contains("link type 113", run.Error, StringComparison.Ordinal);
        Assert.Equal([Source], Directory.GetFiles(_folder));
    }

    [Fact]
    public void A_listing_tells_packets_times_losses_and_what_is_torn()
    {
        File.WriteAllBytes(Path.Combine(_folder, "torn.pcapng.part"), _sample.Image[..(_sample.Ends[9] + 5)]);
        File.WriteAllText(Path.Combine(_folder, "broken.pcap"), "not this");
        CommandRun run = CommandRun.Of("record", "ls", _folder);
        Assert.Equal(0, run.Code);
        Assert.Contains("broken.pcap: not a capture", run.Error, StringComparison.Ordinal);
        string[] lines = run.Out.Split('\n');
        Assert.Matches(@"^  source\.pcapng +60 .*2026-01-01T00:00:00\.123456789Z +0\.000 +7  whole$",
            lines[1]);
        Assert.Matches(@"^  torn\.pcapng\.part +10 .* torn$", lines[2]);
        Assert.Equal($"torn.pcapng.part is torn at byte {_sample.Ends[9]}: "
            + "the file ends inside a block's head", lines[3]);
        string json = CommandRun.Of("record", "ls", Source, "--json").Out;
        Assert.Contains("\"packets\": 60", json, StringComparison.Ordinal);
        Assert.Contains("\"isHidden\": false", json, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
