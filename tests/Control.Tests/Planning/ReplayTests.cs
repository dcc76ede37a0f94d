using LowLatency.Control.Planning;
using LowLatency.Control.Tests.Recording;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using Xunit;

namespace LowLatency.Control.Tests.Planning;

public sealed class ReplayTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("gen-replay").FullName;

    private string Path => System.IO.Path.Combine(_folder, "t.pcap");

    public ReplayTests() => File.WriteAllBytes(Path, CaptureIndexTests.Pcap());

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static PlanResult Plan(LoadOverrides options, string keys = "")
    {
        Configuring.Configuration read =
            Sample.Read(Sample.With("rate = \"100k\"", $"rate = \"100k\"\n{keys}"));
        return Planner.PlanLoad(read, Sample.Lab, options);
    }

    [Theory]
    [InlineData("original", 1)]
    [InlineData("scaled:2", 2)]
    [InlineData("scaled:0.5", 0.5)]
    public void A_timed_replay_has_the_captures_times_in_its_table(string timing, double speed)
    {
        PlanResult result = Plan(new LoadOverrides { Pcap = Path, PcapTiming = timing });
        Sample.Expect(result.Errors);
        PlanLoad load = result.Plan!.Header.Load;
        long last = (long)(1_234_566_000 / speed);
        Assert.Equal((Schedule.Replay, 3u, last + (last / 2)),
            (load.Schedule, load.ReplayCount, load.ReplayRoundNs));
        Assert.Equal(3e9 / load.ReplayRoundNs, load.RatePps);
        Assert.Contains("as captured, a round in", PlanText.Write(result.Plan), StringComparison.Ordinal);
        using TableMemory memory = TableMemory.CreatePrivate(result.Plan);
        result.Tables!.Fill(memory);
        ReplayFrame[] frames = memory.Slice<ReplayFrame>((int)load.ReplayTable).Span[..3].ToArray();
        Assert.Equal([0, 0, last], frames.Select(frame => frame.AtNs));
        Assert.Equal([60u, 99u, 14u], frames.Select(frame => frame.Bytes));
        Span<byte> bytes = memory.Slice<byte>((int)load.ReplayTable + 1).Span;
        Assert.Equal(
            Enumerable.Range(0, 99).Select(i => (byte)i), bytes.Slice((int)frames[1].Offset, 99).ToArray());
    }

    [Fact]
    public void Frames_of_a_capture_go_by_the_rate_unless_told_otherwise_and_the_sink_claims_all()
    {
        PlanResult result = Plan(new LoadOverrides { Pcap = Path, Rate = "7k" });
        Sample.Expect(result.Errors);
        PlanLoad load = result.Plan!.Header.Load;
        Assert.Equal((Schedule.Constant, 7000.0, 3u, 0L, 1u),
            (load.Schedule, load.RatePps, load.ReplayCount, load.ReplayRoundNs, load.Flows));
        Assert.Equal(Claim.All, result.Plan.Port(1).Claim);
        Assert.Contains("3 of a capture, in turn", PlanText.Write(result.Plan), StringComparison.Ordinal);
        Assert.Contains("\"roundNs\": 0", PlanJson.Write(result.Plan), StringComparison.Ordinal);
    }

    [Fact]
    public void The_file_names_a_capture_from_its_own_folder()
    {
        string text = Sample.With("rate = \"100k\"", "pcap = \"t.pcap\"\npcap_timing = \"original\"");
        Configuring.Configuration read = Sample.Read(text, System.IO.Path.Combine(_folder, "t.toml"));
        PlanResult result = Planner.PlanLoad(read, Sample.Lab, LoadOverrides.None);
        Sample.Expect(result.Errors);
        Assert.Equal(Schedule.Replay, result.Plan!.Header.Load.Schedule);
    }

    [Fact]
    public void What_contradicts_or_cannot_be_sent_is_refused_by_name()
    {
        Sample.Expect(Plan(new LoadOverrides { Pcap = Path, PcapTiming = "fast" }).Errors,
            "--pcap-timing fast: must be \"rate\", \"original\" or \"scaled:N\", N times as fast, from "
                + "0.001 to 1000. "
                + "Write --pcap-timing scaled:2, for example.");
        Sample.Expect(Plan(new LoadOverrides { PcapTiming = "original" }).Errors,
            "--pcap-timing original: says when to send a capture, and there is none. Give --pcap FILE, or "
                + "pcap in "
                + "[load].");
        Sample.Expect(Plan(new LoadOverrides { Pcap = Path, PcapTiming = "original", Rate = "1k" }).Errors,
            "--rate 1k: the capture says it. Give --pcap-timing rate, or leave it out.");
        Sample.Expect(Plan(new LoadOverrides { Pcap = Path, Size = "100" }).Errors,
            "--size 100: the capture says it. Leave it out.");
        File.WriteAllBytes(Path, CaptureIndexTests.Pcap(link: 113));
        Sample.Expect(Plan(new LoadOverrides { Pcap = Path }).Errors,
            $"--pcap {Path}: must hold Ethernet frames (link type 1), it has link type 113. Capture on an "
                + $"Ethernet "
                + "interface, not on \"any\" or a tunnel.");
        File.WriteAllBytes(Path, CaptureIndexTests.PcapOf(new byte[1495]));
        Sample.Expect(Plan(new LoadOverrides { Pcap = Path }).Errors,
            $"--pcap {Path}: frames of 1515 bytes do not pass genA: MTU 1500 and the Ethernet header make "
                + $"1514. Lower "
                + "the size, or raise the MTU.");
    }
}
