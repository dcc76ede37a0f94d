using HdrHistogram;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;
using LowLatency.Control.Tuning;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Netlink;
using LowLatency.Native.Threads;
using LowLatency.Native.Uring;
using LowLatency.Native.Xdp;

namespace LowLatency.Control.Running;

/// <summary>The items of the self-test. Each says what it saw, or throws.</summary>
internal static class SelfTestProbes
{
    private const uint Frames = 64;
    private const uint Slots = 64;

    /// <summary>Native facilities, in the lab.</summary>
    public static readonly (string Name, Func<Lab, string> Probe)[] All =
    [
        ("rtnetlink", Rtnetlink),
        ("link monitor", Monitor),
        ("ethtool", EthtoolProbe),
        ("netdev family", Netdev),
        ("io_uring", _ => Uring()),
        ("AF_XDP socket and XDP program", Xdp),
    ];

    /// <summary>Formats, into a folder.</summary>
    public static readonly (string Name, Func<string, string> Writer)[] Writers =
    [
        ("HdrHistogram and its log", HistogramLog),
        ("journal", JournalProbe),
    ];

    /// <summary>The load's run folder, read back: frames arrived, and every other one has a name.</summary>
    public static string Ledger(string folder)
    {
        RunDocument run = RunFolder.Read(folder);
        foreach (string file in (string[])[RunFolder.PageName, RunFolder.TextName, RunFolder.HistogramsName])
        {
            Require(new FileInfo(Path.Combine(folder, file)).Length > 0, $"{file} is empty");
        }

        Loss loss = run.Result.Loss ?? throw new InvalidOperationException("the run has no ledger");
        Require(loss.Paths.All(path => path.Received > 0), "a path delivered nothing");
        Require(loss.Residual == 0, $"residual {loss.Residual}");
        Require(run.Histograms?[HistogramSet.EndToEnd]?.TotalCount > 0,
            "the log holds no end-to-end samples");
        return $"{loss.Sent} sent, {loss.Received} received, residual 0";
    }

    private static string Rtnetlink(Lab lab)
    {
        using RouteNetlink route = RouteNetlink.Open(lab.PathOf("dut"));
        LinkInfo link = route.FindLink("dutA") ?? throw new InvalidOperationException("dutA was not found");
        LinkStatistics statistics = default;
        Require(route.ReadStatistics(link.Index, ref statistics) == Errno.Ok, "no statistics");
        return $"{route.Links().Count} links, {route.Addresses(link.Index).Count} address";
    }

    private static string Monitor(Lab lab)
    {
        using LinkMonitor monitor = LinkMonitor.Open(lab.PathOf("dut"));
        using Waiter waiter = new();
        waiter.Watch([monitor.Fd]);
        Tool.Run("ip", ["-n", $"{lab.Name}-dut", "addr", "add", "198.18.77.1/24", "dev", "dutA"]);
        Require(waiter.Wait(1000) && monitor.TryRead(out _), "a new address was not told of");
        return "a new address was told of";
    }

    private static string EthtoolProbe(Lab lab)
    {
        using Ethtool ethtool = Ethtool.Open(lab.PathOf("dut"));
        string? driver = ethtool.Driver("dutA")?.Name;
        Require(driver == "veth", $"driver is {driver}");
        return $"driver {driver}, {ethtool.Channels("dutA")?.RxQueues} rx queue";
    }

    private static string Netdev(Lab lab)
    {
        using NetdevFamily family = NetdevFamily.Open(lab.PathOf("dut"));
        using RouteNetlink route = RouteNetlink.Open(lab.PathOf("dut"));
        return family.Query(route.FindLink("dutA")!.Index) is NetdevFeatures features
            ? features.Xdp.ToString()
            : throw new SkipException("this kernel has no netdev family (Linux 6.3)");
    }

    private static string Uring()
    {
        UringProbe probe = UringProbe.Run();
        return probe.Errno switch
        {
            Errno.Ok => $"{probe.Operations} operations",
            Errno.ENOSYS => throw new SkipException("this kernel has no io_uring"),
            Errno.EPERM => throw new SkipException("io_uring is forbidden (io_uring_disabled, seccomp)"),
            _ => throw new InvalidOperationException($"io_uring_queue_init: {probe.Errno.Name()}"),
        };
    }

    private static string Xdp(Lab lab)
    {
        using RouteNetlink route = RouteNetlink.Open(lab.PathOf("dut"));
        using XdpProgram program = XdpProgram.Attach(new XdpAttachRequest
        {
            Interface = "dutA",
            InterfaceIndex = route.FindLink("dutA")!.Index,
            NetworkNamespace = lab.PathOf("dut"),
            QueueCount = 1,
            Mode = XdpAttachMode.Native,
            Claim = Claim.All,
        });
        using NetworkNamespace scope = NetworkNamespace.Enter(lab.PathOf("dut"));
        using MappedMemory memory = MappedMemory.Anonymous(Frames * Limits.ChunkBytesMin, HugePages.Never);
        using Umem umem = Umem.Register(memory, Frames, Limits.ChunkBytesMin, 0, Slots, Slots);
        using XskSocket socket = XskSocket.Create(umem, new XskRequest
        {
            Interface = "dutA",
            Queue = 0,
            RxSlots = Slots,
            TxSlots = Slots,
            ZeroCopy = false,
            BusyRetryNs = 1_000_000_000,
        });
        program.SetSocket(0, socket.Fd);
        Require(!socket.ReadIsZeroCopy(), "veth claims zero-copy");
        Require(socket.ReadStatistics(out _) == Errno.Ok, "no socket statistics");
        OutcomeCounters outcomes = default;
        program.ReadOutcomes(ref outcomes);
        program.ClearSocket(0);
        return $"program {program.ProgramId}, native, one socket in copy mode";
    }

    private static string HistogramLog(string folder)
    {
        LongHistogram histogram = new(HdrGeometry.HighestValue, 3) { Tag = HistogramSet.EndToEnd };
        for (int value = 1; value <= 1000; value++)
        {
            histogram.RecordValue(value * 1000L);
        }

        HistogramSet set = new();
        set.Add(HistogramSet.EndToEnd, histogram);
        string path = Path.Combine(folder, RunFolder.HistogramsName);
        RunFolder.WriteFile(path, Hlog.Write(set, DateTime.UtcNow, DateTime.UtcNow));
        HistogramBase? read = Hlog.Read(File.ReadAllBytes(path))[HistogramSet.EndToEnd];
        Require(read?.TotalCount == 1000, $"wrote 1000 samples, read {read?.TotalCount}");
        long p50 = read!.GetValueAtPercentile(50);
        Require(p50 is > 499_000 and < 501_000, $"p50 of 1..1000 us is {p50} ns");
        return "1000 samples written and read back";
    }

    private static string JournalProbe(string folder)
    {
        string setting = Path.Combine(folder, "setting");
        File.WriteAllText(setting, "950000\n");
        Journal journal = new(Path.Combine(folder, "journal.jsonl"), _ => false);
        JournalEntry entry = journal.Apply(setting, "-1", [])
            ?? throw new InvalidOperationException("nothing applied");
        Require(File.ReadAllText(setting) == "-1", "the setting was not changed");
        journal.Undo(entry);
        Require(File.ReadAllText(setting) == "950000", "the setting was not restored");
        return "applied, read back, undone";
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new InvalidOperationException(otherwise);
        }
    }
}
