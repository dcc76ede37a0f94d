using LowLatency.Control.Configuring;
using LowLatency.Control.Planning;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Control.Tests.Planning;

public sealed class ArrivalsTests
{
    private static PlanLoad Plan(string keys, LoadOverrides? options = null)
    {
        PlanResult result = Planner.PlanLoad(
            Sample.Read(Rate(keys)), Sample.Lab, options ?? LoadOverrides.None);
        Sample.Expect(result.Errors);
        return result.Plan!.Header.Load;
    }

    private static string Rate(string keys) => Sample.With("rate = \"100k\"", keys);

    private static void ExpectFile(string keys, params string[] lines) =>
        Sample.Expect(ConfigurationReader.ReadText(Rate(keys), "t.toml").Errors, lines);

    private static void ExpectOptions(string keys, LoadOverrides options, params string[] lines) =>
        Sample.Expect(Planner.PlanLoad(Sample.Read(Rate(keys)), Sample.Lab, options).Errors, lines);

    [Fact]
    public void A_burst_is_its_frames_and_the_silence_behind_them_at_the_mean_rate()
    {
        PlanLoad load = Plan("rate = \"100k\"\nschedule = \"burst\"\nburst = \"32:250us\"");
        Assert.Equal((Schedule.Burst, 100_000.0, 32u, 250_000L, 0L),
            (load.Schedule, load.RatePps, load.BurstFrames, load.BurstGapNs, load.Rates[0].ForNs));
    }

    [Fact]
    public void A_ramp_goes_from_rate_to_ramp_to_over_the_duration_and_its_rate_is_the_mean()
    {
        PlanLoad load = Plan("rate = \"100k\"\nschedule = \"ramp\"\nramp_to = \"300k\"\nduration = \"4s\"");
        Assert.Equal((Schedule.Ramp, 200_000.0, 4_000_000_000L),
            (load.Schedule, load.RatePps, load.DurationNs));
        Assert.Equal((100_000.0, 300_000.0, 4_000_000_000L),
            (load.Rates[0].FromPps, load.Rates[0].ToPps, load.Rates[0].ForNs));
    }

    [Fact]
    public void Steps_have_their_rates_their_times_and_the_duration_of_all()
    {
        PlanLoad load = Plan("schedule = \"steps\"\nsteps = \"10k:1s,40k:3s\"");
        Assert.Equal((Schedule.Steps, 32_500.0, 4_000_000_000L),
            (load.Schedule, load.RatePps, load.DurationNs));
        Assert.Equal((10_000.0, 10_000.0, 1_000_000_000L),
            (load.Rates[0].FromPps, load.Rates[0].ToPps, load.Rates[0].ForNs));
        Assert.Equal((40_000.0, 40_000.0, 3_000_000_000L, 0L),
            (load.Rates[1].FromPps, load.Rates[1].ToPps, load.Rates[1].ForNs, load.Rates[2].ForNs));
    }

    [Fact]
    public void An_option_of_one_schedule_says_which_it_is_over_the_files()
    {
        const string Burst = "rate = \"100k\"\nschedule = \"burst\"\nburst = \"32:250us\"";
        Assert.Equal(Schedule.Steps, Plan(Burst, new LoadOverrides { Steps = "1k:1s" }).Schedule);
        Assert.Equal(Schedule.Ramp, Plan(Burst, new LoadOverrides { RampTo = "1k" }).Schedule);
        Assert.Equal(64u, Plan(Burst, new LoadOverrides { Burst = "64:1us" }).BurstFrames);
        PlanLoad plain = Plan(Burst, new LoadOverrides { Schedule = "constant" });
        Assert.Equal((Schedule.Constant, 0u, 0L), (plain.Schedule, plain.BurstFrames, plain.BurstGapNs));
        Assert.Equal(Schedule.Burst, Plan(Burst, new LoadOverrides { Rate = "50k" }).Schedule);
    }

    [Theory]
    [InlineData("32:250us", null, null, "shape   bursts of 32 frames, 250us between", "\"gapNs\": 250000")]
    [InlineData(null, "300k", null, "shape   from 100000 to 300000 frames/s", "\"toPps\": 300000")]
    [InlineData(null, null, "10k:1s,40.5k:3s", "shape   10000/s for 1s, 40500/s for 3s", "\"toPps\": 40500")]
    public void The_plan_tells_the_shape(
        string? burst, string? rampTo, string? steps, string line, string json)
    {
        Configuring.Configuration read = Sample.Read(Rate(steps == null ? "rate = \"100k\"" : ""
            + "schedule = \"steps\"\nsteps = \"1:1s\""));
        PlanImage plan = Planner.PlanLoad(read, Sample.Lab,
            new LoadOverrides { Burst = burst, RampTo = rampTo, Steps = steps }).Plan!;
        Assert.Contains(line, PlanText.Write(plan), StringComparison.Ordinal);
        Assert.Contains(json, PlanJson.Write(plan), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1:1us")]
    [InlineData("262145:1us")]
    [InlineData("32")]
    [InlineData("32:0us")]
    [InlineData("32:250")]
    [InlineData("-3:250us")]
    public void A_burst_that_is_none_is_refused(string text) =>
        ExpectFile($"rate = \"100k\"\nschedule = \"burst\"\nburst = \"{text}\"",
            $"t.toml:31:9: burst = \"{text}\": must be 2 to 262144 frames and the gap behind them such as "
                + "\"32:250us\". Write burst = \"32:250us\", for example.");

    [Theory]
    [InlineData("0:1s")]
    [InlineData("51M:1s")]
    [InlineData("100k")]
    [InlineData("100k:1us")]
    [InlineData("100k:1s,")]
    [InlineData("1:1s,1:1s,1:1s,1:1s,1:1s,1:1s,1:1s,1:1s,1:1s,1:1s,1:1s,1:1s,1:1s,1:1s,1:1s,1:1s,1:1s")]
    public void Steps_that_are_none_are_refused(string text) =>
        ExpectOptions("rate = \"1k\"", new LoadOverrides { Steps = text },
            $"--steps {text}: must be 1 to 16 rates, each over 0 and at most 50M, and the time of each "
                + $"such as "
                + "\"100k:5s,200k:5s\". Write --steps 100k:5s,200k:5s, for example.");

    [Fact]
    public void A_schedule_without_what_it_needs_is_refused()
    {
        ExpectFile("", "t.toml:27:1: rate: schedule constant needs a rate. Add rate = \"100k\" to [load], "
            + "for "
            + "example.");
        ExpectFile("rate = 1\nschedule = \"burst\"",
            "t.toml:27:1: burst: schedule burst needs burst. Add burst to [load], or give --burst.");
        ExpectFile("schedule = \"steps\"",
            "t.toml:27:1: steps: schedule steps needs steps. Add steps to [load], or give --steps.");
        ExpectOptions("rate = 1", new LoadOverrides { Schedule = "ramp" },
            "--schedule ramp: schedule ramp needs ramp_to. Add ramp_to to [load], or give --ramp-to.");
        ExpectOptions("schedule = \"steps\"\nsteps = \"1k:1s\"", new LoadOverrides { RampTo = "2k" },
            "t.toml:27:1: rate: schedule ramp needs a rate. Add rate = \"100k\" to [load], for example.");
    }

    [Fact]
    public void What_belongs_to_another_schedule_is_refused()
    {
        ExpectFile("rate = 1\nburst = \"32:250us\"",
            "t.toml:30:9: burst = \"32:250us\": only schedule burst has it, schedule is constant. Write "
                + "schedule "
                + "= \"burst\", or remove burst.");
        ExpectFile("rate = 1\nschedule = \"steps\"\nsteps = \"1k:1s\"\nduration = \"1s\"",
            "t.toml:29:8: rate = 1: steps says it: each has its rate. Remove rate.",
            "t.toml:32:12: duration = \"1s\": steps says it: each has its duration. Remove duration.");
        ExpectOptions("rate = 1", new LoadOverrides { Burst = "2:1us", Steps = "1k:1s" },
            "--steps 1k:1s: is schedule steps, and --burst is schedule burst. Give one of them.");
        ExpectOptions("schedule = \"steps\"\nsteps = \"1k:1s\"", new LoadOverrides { Rate = "2k" },
            "--rate 2k: the steps of this load say their rate. Give --steps, or --schedule constant with "
                + "--rate.");
        ExpectOptions("rate = 1", new LoadOverrides { Steps = "1k:1s", Duration = "2s" },
            "--duration 2s: the steps of this load say their duration. Give --steps, or --schedule "
                + "constant with "
                + "--duration.");
    }

    [Fact]
    public void A_gap_that_the_rate_leaves_no_time_for_is_refused_quiet_windows_counted()
    {
        const string Fix = ". Shorten the gap, send more frames in a burst, or lower the rate.";
        ExpectFile("rate = \"100k\"\nschedule = \"burst\"\nburst = \"32:310us\"",
            "t.toml:31:9: burst = \"32:310us\": at 100000 frames a second 32 frames have 304 us outside "
                + "the quiet "
                + "windows, less than their gap of 310 us" + Fix);
        ExpectOptions("rate = \"100k\"\nschedule = \"burst\"\nburst = \"32:250us\"",
            new LoadOverrides { Rate = "1M" },
            "--rate 1M: at 1000000 frames a second 32 frames have 30.4 us outside the quiet windows, less "
                + "than "
                + "their gap of 250 us" + Fix);
    }
}
