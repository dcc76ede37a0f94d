using System.Text.Json;
using LowLatency.Appliance.Tests.Harness;
using Xunit;

namespace LowLatency.Appliance.Tests;

/// <summary>A data plane that forwards while its host has a bad day: every frame arrives, or what ended it
/// has a name; nothing stays behind.</summary>
[Trait("scenario", "survive")]
public sealed class SurviveTests(SurviveTests.BusyHost host) : IClassFixture<SurviveTests.BusyHost>
{
    private const string File = "/etc/day.toml";
    private const string Throttle = "cat /proc/sys/kernel/sched_rt_runtime_us";

    private const string Configuration = """
        name = "day"
        [host]
        housekeeping = "0-1,3"
        rt_throttling = "off"
        [[port]]
        name = "left"
        interface = "left"
        claim = "all"
        [[port]]
        name = "right"
        interface = "right"
        claim = "all"
        [[lane]]
        name = "wire"
        cpu = 2
        policy = "fifo"
        priority = 10
        ports = ["left", "right"]
        chunk = 4096
        [[lane.stage]]
        kind = "cross-connect"
        ports = ["left", "right"]
        """;

    private readonly Guest _guest = host.Guest;

    [Fact]
    public async Task Without_memory_another_process_is_killed_and_every_frame_arrives()
    {
        Run();
        Assert.Equal("-1000\n", _guest.Do("cat /proc/$(pidof lowlatd)/oom_score_adj"));
        await During(() =>
        {
            _guest.Write("/run/eat", "x=0123456789abcdef; while :; do x=$x$x; done\n");
            _guest.Start("eater", "sh /run/eat");
            Assert.NotEqual(0, _guest.Await("eater", 120).Code);
            Assert.Contains("Out of memory: Killed process", _guest.Do("dmesg"), StringComparison.Ordinal);
        });
        End();
    }

    [Fact]
    public async Task With_more_spinners_than_housekeeping_CPUs_frames_arrive_and_status_answers()
    {
        Run();
        await During(() =>
        {
            _guest.Do("for i in 1 2 3 4 5 6; do sh -c 'while :; do :; done' > /dev/null 2>&1 & echo $!; done "
                + "> /run/hogs");
            Assert.Equal("armed", Status().GetProperty("state").GetString());
            _guest.Do("kill $(cat /run/hogs)");
        });
        End();
    }

    [Fact]
    public async Task A_control_plane_that_is_stopped_stops_no_frame_and_counts_them_all_later()
    {
        Run();
        _guest.Do("kill -STOP $(cat /run/run.pid)");
        await During(() => _guest.Until("grep -q '^State:.T' /proc/$(cat /run/run.pid)/status"));
        _guest.Do("kill -CONT $(cat /run/run.pid)");
        End();
    }

    [Fact]
    public async Task A_clock_that_steps_a_day_ahead_and_back_changes_no_duration()
    {
        Run();
        await During(() => _guest.Do("date -s @$(($(date +%s) + 86400)) > /dev/null"));
        Assert.InRange(Seconds(Status()), 0, 3600);
        await During(() => _guest.Do("date -s @$(($(date +%s) - 2 * 86400)) > /dev/null"));
        Assert.InRange(Seconds(Status()), 0, 3600);
        JsonElement result = End();
        Assert.InRange(result.GetProperty("durationSeconds").GetDouble(), 0.1, 3600);
        _guest.Do("date -s @$(($(date +%s) + 86400)) > /dev/null");
    }

    [Fact]
    public async Task A_killed_control_plane_leaves_a_data_plane_that_forwards_until_it_is_stopped()
    {
        Run();
        Assert.Equal("-1\n", _guest.Do(Throttle));
        await During(() => _guest.Do("kill -KILL $(cat /run/run.pid)"));
        Assert.Equal(0, _guest.Run("lowlat stop --name day").Code);
        Clean();
    }

    [Fact]
    public void A_killed_data_plane_is_told_by_name_and_all_is_as_before()
    {
        Run();
        _guest.Do("kill -KILL $(pidof lowlatd)");
        GuestAnswer answer = _guest.Await("run");
        Assert.Equal(2, answer.Code);
        Assert.True(answer.Error.Contains("killed by signal 9", StringComparison.Ordinal), answer.Error);
        Clean();
        Run(); // and nothing is in the way of the next one
        End();
    }

    [Fact]
    public void When_both_are_killed_the_journal_brings_back_what_was_changed()
    {
        Run();
        _guest.Do("kill -KILL $(cat /run/run.pid) $(pidof lowlatd)");
        _guest.Until("[ -z \"$(pidof lowlatd)\" ]");
        Assert.Equal("-1\n", _guest.Do(Throttle));
        GuestAnswer answer = _guest.Run("lowlat tune rollback");
        Assert.True(answer.Code == 0, answer.Output + answer.Error);
        Clean();
        Run();
        End();
    }

    private void Run()
    {
        _guest.Write(File, Configuration);
        _guest.Run("lowlat stop --name day; rm -rf /run/runs"); // what a fact that failed has left
        _guest.Start("run", $"lowlat run -c {File} --out /run/runs");
        _guest.Until("[ -e /run/run.code ] || grep -q forwards /run/run.err", 60, "cat /run/run.err");
        _guest.Until("[ \"$(lowlat status --json | grep -c '\"link\": \"up\"')\" = 2 ]", 60,
            "cat /run/run.err; lowlat status");
        host.Wire.Cross("at first");
    }

    // What is done while frames cross both ways all the time.
    private async Task During(Action day)
    {
        using CancellationTokenSource stop = new();
        Task<int> crossing = host.Wire.CrossUntil("meanwhile", stop.Token);
        try
        {
            day();
        }
        finally
        {
            await stop.CancelAsync();
        }

        Assert.True(await crossing > 0);
        host.Wire.Cross("afterwards");
    }

    private JsonElement End()
    {
        JsonElement lane = Assert.Single(Status().GetProperty("lanes").EnumerateArray());
        Assert.Equal(lane.GetProperty("rxFrames").GetInt64(), lane.GetProperty("txFrames").GetInt64());
        Assert.Empty(lane.GetProperty("drops").EnumerateObject());
        _guest.Run("lowlat stop --name day");
        GuestAnswer answer = _guest.Await("run");
        Assert.True(answer.Code == 0, answer.Output + answer.Error);
        Clean();
        JsonElement result = _guest.Run("cat /run/runs/*/result.json").Json;
        lane = Assert.Single(result.GetProperty("lanes").EnumerateArray());
        Assert.All(
            (string[])["allocatedBytes", "collections", "minorFaults", "majorFaults", "conservationBreaks"],
            counter => Assert.Equal((counter, 0), (counter, lane.GetProperty(counter).GetInt64())));
        return result;
    }

    // No program, no promiscuity, no process, no region, the throttle as it was.
    private void Clean()
    {
        foreach (string port in (string[])["left", "right"])
        {
            string link = _guest.Do($"/bin/ip -d link show dev {port}");
            Assert.DoesNotContain("xdp", link, StringComparison.Ordinal);
            Assert.Contains("promiscuity 0", link, StringComparison.Ordinal);
        }

        _guest.Until("[ -z \"$(pidof lowlatd)\" ]");
        Assert.Equal("950000\n", _guest.Do(Throttle));
        Assert.Equal("", _guest.Do("ls /sys/fs/bpf"));
    }

    private JsonElement Status() =>
        Assert.Single(_guest.Run("lowlat status --json").Json.GetProperty("dataPlanes").EnumerateArray());

    private static double Seconds(JsonElement status) => status.GetProperty("uptimeSeconds").GetDouble();

    /// <summary>A host with two ports whose other ends the test holds.</summary>
    public sealed class BusyHost : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("lowlat-survive-").FullName;

        /// <summary>Boots it.</summary>
        public BusyHost()
        {
            Wire = new Wire(_folder, "left", "right");
            Guest = Guest.Boot(new GuestSetup("survive", Kernel.Rt)
            {
                Cpus = 4,
                NodesMiB = [1024],
                BootLine = "isolcpus=managed_irq,domain,2 nohz_full=2 rcu_nocbs=2 irqaffinity=0-1,3",
                Ports =
                [
                    GuestPort.Igb("left", 1, Wire.Left.Backend),
                    GuestPort.Igb("right", 2, Wire.Right.Backend),
                ],
            });
            foreach (string port in (string[])["left", "right"])
            {
                Guest.Do($"echo 1 > /proc/sys/net/ipv6/conf/{port}/disable_ipv6; /bin/ip link set {port} up");
            }
        }

        /// <summary>The guest.</summary>
        public Guest Guest { get; }

        internal Wire Wire { get; }

        /// <inheritdoc/>
        public void Dispose()
        {
            try
            {
                Guest.PowerOff();
            }
            finally
            {
                Guest.Dispose();
                Wire.Dispose();
                Directory.Delete(_folder, recursive: true);
            }
        }
    }
}
