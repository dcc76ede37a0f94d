using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using LowLatency.Control.Running;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;
using LowLatency.Native.Tracing;
using LowLatency.Netns.Tests.Control;
using Xunit;

namespace LowLatency.Netns.Tests.Explaining;

/// <summary>Noise of known kinds is made on a measured CPU, and the explanation is held against what was
/// made.</summary>
public sealed class InjectionTests
{
    private const int MeasuredCpu = 1;
    private const int OtherCpu = 0;
    private const long StealNs = 200_000;
    private const long MakeEveryNs = 10_000_000;
    private const long MakeForNs = 2_000_000_000; // of measurements twice as long, from their first second on
    private const long StopNs = 600_000_000;
    private const int SigCont = 18;
    private const int SigStop = 19;

    [Fact]
    public void StolenTimeIsNamedByTheThreadThatStoleIt()
    {
        long stolenNs = 0;
        JsonElement explain = Measure("4s", until =>
        {
            Thread thread = new(() => stolenNs = Steal(until, MakeEveryNs)) { Name = "inject-steal" };
            thread.Start();
            thread.Join();
        });
        double told = Sum(explain, row => Is(row, "thread", "inject-steal"), "lostNs");
        Assert.InRange(told / stolenNs, 0.9, 1.1);
    }

    [Fact]
    public void AnInterruptFromAnotherCpuIsNamedWithItsSender()
    {
        int made = 0;
        JsonElement explain = Measure("4s", until =>
        {
            ThreadControl.Pin(OtherCpu);
            // Switching an event on and off patches the kernel's text, which interrupts every CPU.
            using TraceFileSystem files = TraceFileSystem.Open();
            using TraceInstance instance = TraceInstance.Create(files, "inject-ipi", [OtherCpu], 4);
            while (!until())
            {
                Assert.True(instance.TryEnable("sched/sched_process_hang"));
                Assert.True(instance.TryDisable("sched/sched_process_hang"));
                made++;
            }
        });
        Assert.True(made > 10);
        string[] names = Names(explain, "ipi");
        Assert.Contains(names, name => name.Contains(" on CPU 0", StringComparison.Ordinal));
        Assert.True(Sum(explain, row => Is(row, "ipi", ""), "gaps") >= made);
    }

    [Fact]
    public void ATimerIsNamedByItsCallback()
    {
        int made = 0;
        JsonElement explain = Measure("4s", until =>
        {
            Thread thread = new(() =>
            {
                ThreadControl.Pin(MeasuredCpu);
                ThreadControl.SetPolicy(LanePolicy.Fifo, 50);
                while (!until())
                {
                    ThreadControl.PauseUntil(ThreadControl.NowNs + (MakeEveryNs / 10));
                    made++;
                }
            });
            thread.Start();
            thread.Join();
        });
        double timers = Sum(explain, row => Is(row, "irq", "local timer (hrtimer_wakeup"), "gaps");
        Assert.True(timers >= made * 0.8, $"{timers} of {made}");
    }

    // What is made must be most of what there is: shares are of all lost time, and what a hypervisor takes
    // from a guest without a word, some 1 % of the time on busy hosts, has no name.
    [Fact]
    public void NearlyAllLostTimeHasAName()
    {
        JsonElement explain = Measure("4s", until => Steal(until, MakeEveryNs / 10));
        Assert.InRange(explain.GetProperty("namedTimeShare").GetDouble(), 0.85, 1);
        Assert.Equal(0, explain.GetProperty("observer").GetProperty("eventsLost").GetInt64());
    }

    [Fact]
    public void ADataPlaneThatWasStoppedIsToldSo()
    {
        long stoppedNs = 0;
        JsonElement explain = Measure("4s", _ =>
        {
            int pid = Pid();
            long fromNs = ThreadControl.NowNs;
            Assert.Equal(Errno.Ok, ThreadControl.Signal(pid, SigStop));
            ThreadControl.PauseUntil(fromNs + StopNs);
            Assert.Equal(Errno.Ok, ThreadControl.Signal(pid, SigCont));
            stoppedNs = ThreadControl.NowNs - fromNs;
        });
        double told = Sum(explain, row => Is(row, "thread", "idle: the lane was stopped"), "lostNs");
        Assert.InRange(told / stoppedNs, 0.5, 1.05); // whoever runs on the CPU meanwhile has a name of its own
    }

    [Fact]
    public void RollbackTakesAwayWhatAKilledOneLeft()
    {
        using TraceFileSystem files = TraceFileSystem.Open();
        string left = KillOne(files);
        using Process rollback = Process.Start(new ProcessStartInfo(ControlLab.Program, ["tune", "rollback"])
        {
            RedirectStandardOutput = true,
        })!;
        Assert.Contains("trace instances of killed runs removed", rollback.StandardOutput.ReadToEnd(),
            StringComparison.Ordinal);
        rollback.WaitForExit();
        Assert.Equal(0, rollback.ExitCode);
        Assert.Empty(files.InstancesOf(left));
    }

    [Fact]
    public void TracingIsGoneAfterwardsAndWhatAKilledOneLeftIsTakenAway()
    {
        using TraceFileSystem files = TraceFileSystem.Open();
        string left = KillOne(files);
        _ = Measure("1s", _ => { });
        Assert.Empty(files.InstancesOf(left));
    }

    // A measurement that is killed, and its meter ended. Gives what its trace instances begin with.
    private static string KillOne(TraceFileSystem files)
    {
        string folder = Directory.CreateTempSubdirectory("inject").FullName;
        using Process process = StartJitter("20s", folder, "other");
        string left = $"lowlat-{process.Id}";
        Assert.True(SpinWait.SpinUntil(() => files.InstancesOf(left).Count > 0
            && Instance.IsAlive("jitter"), 10_000));
        process.Kill();
        process.WaitForExit();
        Assert.NotEmpty(files.InstancesOf(left));
        _ = ThreadControl.Signal(Pid(), 15);
        Assert.True(SpinWait.SpinUntil(() => !Instance.IsAlive("jitter"), 10_000));
        Assert.NotEmpty(files.InstancesOf(left));
        Directory.Delete(folder, recursive: true);
        return left;
    }

    private static long Steal(Func<bool> until, long everyNs)
    {
        ThreadControl.Pin(MeasuredCpu);
        ThreadControl.SetPolicy(LanePolicy.Fifo, 50);
        long stolenNs = 0;
        while (!until())
        {
            long fromNs = ThreadControl.NowNs;
            long nowNs = fromNs;
            while (nowNs < fromNs + StealNs)
            {
                nowNs = ThreadControl.NowNs;
            }

            stolenNs += nowNs - fromNs;
            ThreadControl.PauseUntil(nowNs + everyNs);
        }

        return stolenNs;
    }

    /// <summary>Measures, and makes noise on a thread of its own within the measured time.</summary>
    private static JsonElement Measure(string duration, Action<Func<bool>> make)
    {
        Assert.SkipUnless(Environment.ProcessorCount > 1, "needs a second CPU, for the observer");
        string folder = Directory.CreateTempSubdirectory("inject").FullName;
        using Process process = StartJitter(duration, folder);
        Exception? failure = null;
        Thread maker = new(() =>
        {
            try
            {
                long endNs = ThreadControl.NowNs + MakeForNs;
                make(() => ThreadControl.NowNs >= endNs);
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        // The first progress line is out when a second has been measured.
        string? line = "";
        while (line?.Contains(" s  gaps ", StringComparison.Ordinal) == false)
        {
            line = process.StandardError.ReadLine();
        }

        Assert.NotNull(line);
        maker.Start();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        maker.Join();
        Assert.Null(failure);
        Directory.Delete(folder, recursive: true);
        using JsonDocument result = JsonDocument.Parse(output);
        return result.RootElement.GetProperty("explain").Clone();
    }

    private static int Pid()
    {
        using SharedRegion region = Instance.Open("jitter")!;
        return (int)region.Header.Pid;
    }

    private static Process StartJitter(string duration, string folder, string policy = "fifo") =>
        Process.Start(new ProcessStartInfo(ControlLab.Program, [
            "jitter", "--cpus", MeasuredCpu.ToString(CultureInfo.InvariantCulture), "--policy", policy,
            "--duration", duration, "--json", "--out", folder])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

    private static bool Is(JsonElement row, string bucket, string start) =>
        row.GetProperty("bucket").GetString() == bucket
        && row.GetProperty("name").GetString()!.StartsWith(start, StringComparison.Ordinal);

    private static double Sum(JsonElement explain, Func<JsonElement, bool> isMeant, string field) =>
        explain.GetProperty("culprits").EnumerateArray().Where(isMeant)
            .Sum(row => row.GetProperty(field).GetDouble());

    private static string[] Names(JsonElement explain, string bucket) =>
        [.. explain.GetProperty("culprits").EnumerateArray().Where(row => Is(row, bucket, ""))
            .Select(row => row.GetProperty("name").GetString()!)];
}
