using LowLatency.Native.Interop;
using LowLatency.Native.Layout;
using LowLatency.Native.Probes;
using LowLatency.Native.Uring;
using LowLatency.Native.Threads;
using Xunit;

namespace LowLatency.Native.Tests.Probes;

/// <summary>Probes on whatever host runs the tests: they answer or say why not, throw nothing and leave
/// nothing.</summary>
public sealed class HostProbeTests
{
    private const long HugePageBytes = 2 << 20;

    [Fact]
    public void Clock_costs_are_those_of_calls_that_were_made()
    {
        ClockCost cost = ClockCost.Run(1000);
        Assert.True(cost is { VdsoNs: > 0, SystemCallNs: > 0, StopwatchNs: > 0 }, $"{cost}");
        Assert.Throws<ArgumentOutOfRangeException>(() => ClockCost.Run(0));
    }

    [Fact]
    public void The_clocks_state_is_one_the_header_has()
    {
        ClockSync sync = ClockSync.Run();
        Assert.Equal(Errno.Ok, sync.Errno);
        Assert.InRange(sync.State, 0, 5);
        Assert.InRange(sync.FrequencyPpm, -500, 500); // the kernel's own limit, MAXFREQ
        Assert.True(sync.MaxErrorUs >= 0 && sync.EstimatedErrorUs >= 0, $"{sync}");
        Assert.True(!sync.IsUnsynchronised || sync.State == 5, $"{sync}"); // STA_UNSYNC is TIME_ERROR
    }

    [Fact]
    public void A_hardware_clocks_offset_is_that_of_the_quickest_reading()
    {
        Libc.PtpTime[] stamps =
        [
            At(100, 0), At(137, 5_000), At(100, 9_000),
            At(100, 20_000), At(137, 20_700), At(100, 21_000),
            At(100, 30_000), At(137, 33_000), At(100, 35_000),
        ];
        Assert.Equal((37_000_000_200, 1000), PtpClock.Best(stamps));
        Assert.Equal((-100, 200), PtpClock.Best([At(5, 100), At(5, 100), At(5, 300)]));

        static Libc.PtpTime At(long seconds, uint ns) => new() { Seconds = seconds, Nanoseconds = ns };
    }

    [Fact]
    public void Hardware_clocks_are_those_of_dev_and_other_files_are_none()
    {
        Assert.Equal(Directory.GetFiles("/dev", "ptp*").Count(path => char.IsAsciiDigit(path[^1])),
            PtpClock.RunAll().Count);
        Assert.Equal((Errno.ENOTTY, -1), (PtpClock.Run("/dev/null").Errno, PtpClock.Run("/dev/null").Index));
        Assert.Equal(Errno.ENOENT, PtpClock.Run("/dev/ptp999").Errno);
        Assert.Equal(999, PtpClock.Run("/dev/ptp999").Index);
    }

    [Fact]
    public void Huge_pages_beyond_the_pool_are_refused_and_the_pool_is_as_before()
    {
        string pool = $"/sys/kernel/mm/hugepages/hugepages-{HugePageBytes / 1024}kB/";
        Assert.SkipUnless(Directory.Exists(pool), "this kernel has no 2 MiB pages");
        string free = File.ReadAllText(pool + "free_hugepages");
        HugePageTrial tooMuch = HugePageTrial.Run(HugePageBytes, 1L << 46);
        Assert.Equal((Errno.ENOMEM, false), (tooMuch.Errno, tooMuch.IsReserved));
        HugePageTrial one = HugePageTrial.Run(HugePageBytes, 1);
        bool hasOne = long.Parse(free) > 0
            || long.Parse(File.ReadAllText(pool + "nr_overcommit_hugepages")) > 0;
        Assert.True(hasOne || one is { Errno: Errno.ENOMEM, IsReserved: false }, $"{one}");
        Assert.True(one.IsReserved || one.Errno != Errno.Ok, $"{one}");
        Assert.Equal(free, File.ReadAllText(pool + "free_hugepages"));
    }

    [Theory]
    [InlineData(3 << 20, 4096)]
    [InlineData(-1, 4096)]
    [InlineData(HugePageBytes, 0)]
    [InlineData(HugePageBytes, long.MaxValue)]
    [InlineData(1L << 44, 1)]
    public void Huge_pages_of_no_size_are_refused(long pageBytes, long bytes) =>
        Assert.Equal(Errno.EINVAL, HugePageTrial.Run(pageBytes, bytes).Errno);

    [Fact]
    public void A_little_memory_locks_and_stays_locked_for_nobody()
    {
        LockTrial trial = LockTrial.Run(64 * 1024);
        Assert.True(trial.Errno is Errno.Ok or Errno.EPERM or Errno.ENOMEM, $"{trial}");
        Assert.Equal(Errno.EINVAL, LockTrial.Run(0).Errno);
        Assert.Equal(Errno.ENOMEM, LockTrial.Run(1L << 46).Errno);
    }

    [Fact]
    public void A_real_time_trial_leaves_the_callers_thread_alone()
    {
        (LanePolicy, int) before = ThreadControl.ReadPolicy();
        RealTimeTrial trial = RealTimeTrial.Run(1);
        Assert.True(trial is { Errno: Errno.Ok, Priority: 1 } or { Errno: Errno.EPERM, Priority: 0 },
            $"{trial}");
        Assert.Equal((Errno.EINVAL, 0), (RealTimeTrial.Run(100).Errno, RealTimeTrial.Run(100).Priority));
        Assert.Equal(before, ThreadControl.ReadPolicy());
    }

    [Fact]
    public void A_ring_is_had_or_refused_and_flags_that_do_not_go_together_are_refused()
    {
        UringTrial plain = UringTrial.Run(UringSetup.None);
        Assert.SkipUnless(plain.Errno == Errno.Ok, $"no io_uring here: {plain.Errno}");
        foreach (UringSetup setup in (UringSetup[])[UringSetup.IoPoll, UringSetup.SqPoll,
            UringSetup.CoopTaskRun,
            UringSetup.SingleIssuer, UringSetup.SingleIssuer | UringSetup.DeferTaskRun])
        {
            UringTrial trial = UringTrial.Run(setup);
            Assert.True(trial.Errno is Errno.Ok or Errno.EPERM or Errno.EINVAL, $"{trial}");
            Assert.Equal(setup, trial.Setup);
        }

        Assert.Equal(Errno.EINVAL, UringTrial.Run(UringSetup.DeferTaskRun).Errno);
        Assert.Equal(Errno.EINVAL, UringTrial.Run((UringSetup)0x8000_0000).Errno);
        // Other classes' rings come and go meanwhile.
        Assert.True(SpinWait.SpinUntil(() => OpenRings() == 0, TimeSpan.FromSeconds(5)),
            "a ring is still open");
    }

    [Fact]
    public void A_polled_read_gets_bytes_or_says_where_it_failed_and_changes_nothing()
    {
        string path = Path.Combine(AppContext.BaseDirectory, $"polled-{Environment.ProcessId}");
        byte[] content = new byte[8192];
        content.AsSpan().Fill(7);
        File.WriteAllBytes(path, content);
        try
        {
            PolledRead read = PolledRead.Run(path, 4096);
            Assert.True(
                read is { IsPolled: true, BytesRead: 4096, Step: "" } or { IsPolled: false, BytesRead: 0 },
                $"{read}");
            Assert.NotEqual(read.IsPolled, read.Step.Length > 0);
            Assert.Equal(new PolledRead(Errno.ENOTTY, "ioctl(NVME_IOCTL_ID)", 0),
                PolledRead.RunPassthrough(path, 512));
            Assert.Equal(content, File.ReadAllBytes(path));
        }
        finally
        {
            File.Delete(path);
        }

        Assert.Equal((Errno.ENOENT, "open(O_DIRECT)"),
            (PolledRead.Run(path, 4096).Errno, PolledRead.Run(path, 4096).Step));
        Assert.Equal(Errno.EINVAL, PolledRead.Run("/dev/null", 0).Errno);
        Assert.Equal(new PolledRead(Errno.ENOENT, "open", 0), PolledRead.RunPassthrough(path, 512));
        Assert.Equal(Errno.EINVAL, PolledRead.RunPassthrough("/dev/null", 0).Errno);
    }

    [Fact]
    public void Our_program_is_loaded_or_refused_with_a_reason()
    {
        BpfTrial trial = BpfTrial.Run();
        Assert.Equal(trial.Errno == Errno.Ok, trial.Reason.Length == 0);
        Assert.True(trial.Errno != Errno.Ok || !File.Exists("/proc/sys/net/core/bpf_jit_enable")
            || trial.IsJited == (File.ReadAllText("/proc/sys/net/core/bpf_jit_enable").Trim() != "0"),
            $"{trial}");
        Assert.True(trial.Errno == Errno.Ok || !Environment.IsPrivilegedProcess, trial.Reason);
    }

    [Fact]
    public void A_umem_is_had_or_refused_with_a_reason()
    {
        XskTrial trial = XskTrial.Run(1 << 20, 2048, HugePages.Never);
        Assert.Equal(trial.Errno == Errno.Ok, trial.Reason.Length == 0);
        Assert.True(trial.Errno == Errno.Ok || !Environment.IsPrivilegedProcess, $"{trial}");
        Assert.Equal(Errno.EINVAL, XskTrial.Run(1024, 2048, HugePages.Never).Errno);
        XskTrial tooMuch = XskTrial.Run(1L << 42, 4096, HugePages.Never);
        Assert.Equal(Errno.ENOMEM, tooMuch.Errno);
        Assert.Contains("mmap", tooMuch.Call, StringComparison.Ordinal);
    }

    private static int OpenRings() => Directory.GetFiles("/proc/self/fd")
        .Count(path => new FileInfo(path).LinkTarget == "anon_inode:[io_uring]");
}
