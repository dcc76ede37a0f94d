using System.Globalization;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>The running data plane itself: its threads, its runtime, what it does to its own CPUs.</summary>
internal static class AppChecks
{
    private const string Comms = "/proc/{app}/task/*/comm";
    private const string Statuses = "/proc/{app}/task/*/status";
    private const string Environ = "/proc/{app}/environ";
    private const string Maps = "/proc/{app}/maps";
    private const string Region = "region:{app.name}";
    private const string Sockets = "/proc/{app}/root/tmp/dotnet-diagnostic-{app}-*"; // its own /tmp
    private const string Interrupts = "/proc/interrupts";
    private const string None = "no data plane of this configuration runs";

    // A program in one file holds runtime and JIT itself: what shows is how the JIT writes code
    // (coreclr, executableallocator.cpp: a memfd named doublemapper, or pages that are writable code).
    private static readonly string[] JitMarks =
        ["libclrjit", "libcoreclr.so", "libmonosgen", "/memfd:doublemapper"];

    private static readonly string[] GcVariables = ["DOTNET_GC", "DOTNET_gc", "COMPlus_GC", "COMPlus_gc"];

    private static readonly string[] DiagnosticVariables =
    [
        "DOTNET_DiagnosticPorts", "DOTNET_EnableEventPipe", "COMPlus_DiagnosticPorts",
        "COMPlus_EnableEventPipe",
    ];

    /// <summary>The group.</summary>
    public static IReadOnlyList<Check> All { get; } =
        [Placement, GcConfigured, GcSilent, JitQuiesced, NoShootdown, DiagnosticsOff, StaticKeysHeld];

    private static Check Placement => new()
    {
        Id = "app.threads.placement",
        Kind = CheckKind.Static | CheckKind.Behaviour,
        Severities = "B/B/H",
        Reads = [Comms, Statuses, new Read(Region, Traits: ReadTraits.Window)],
        Expects = "each lane's thread is bound to the lane's CPU alone, every other thread of lowlatd to "
            + "other CPUs",
        Why = "with isolated CPUs nothing moves threads apart: those of the runtime pile up where the "
            + "process was "
            + "started, and interrupt the lane there",
        Source = "dotnet/runtime#81289, dotnet/coreclr#24801; sched_setaffinity(2)",
        Remedy = new Remedy(RollbackClass.Restart, "restart the data plane; if it comes back so, nothing "
            + "else may set the "
            + "affinity of its threads"),
        Judge = static facts => IfRunning(facts, topology =>
        {
            string region = "region:" + topology.Configuration!.Name;
            IReadOnlyList<RegionLane> published = RegionText.Lanes(region, facts.Lines(region));
            Dictionary<string, RegionLane> lanes = published.Where(lane => lane.ThreadId > 0).ToDictionary(
                lane => lane.ThreadId.ToString(CultureInfo.InvariantCulture));
            List<Finding> findings = [.. Undeclared(topology, published)];
            int others = 0;
            foreach (Match thread in facts.Match(topology.AppFile("task/*/status")))
            {
                if (facts.TextOrMissing(thread.Source) is null)
                {
                    continue; // it ended meanwhile
                }

                string name = facts.Value(thread.Source, "Name");
                CpuMask allowed = facts.AllowedCpus(thread.Source);
                Subject subject = new(SubjectKind.Thread, $"{name} ({thread.Parts[0]})");
                if (lanes.Remove(thread.Parts[0], out RegionLane? lane))
                {
                    findings.Add(allowed.Equals(new CpuMask([lane.Cpu]))
                        ? Finding.Pass($"lane {lane.Name} on CPU {lane.Cpu}", subject)
                        : Finding.Fail($"lane {lane.Name} may run on {allowed}, not on CPU {lane.Cpu} alone",
                            subject));
                }
                else if (!allowed.And(topology.Data).IsEmpty)
                {
                    findings.Add(Finding.Fail($"is no lane and may run on {allowed.And(topology.Data)}",
                        subject));
                }
                else
                {
                    others++;
                }
            }

            findings.AddRange(lanes.Values.Select(lane =>
                Finding.Fail($"the thread of lane {lane.Name} ({lane.ThreadId}) is gone")));
            findings.Add(Finding.Pass(string.Create(CultureInfo.InvariantCulture,
                $"{others} other threads keep off the lanes' CPUs")));
            return findings;
        }),
    };

    private static Check GcConfigured => new()
    {
        Id = "app.gc.configured",
        Kind = CheckKind.Static,
        Severities = "H/H/M",
        Reads = [new Read(Environ, Traits: ReadTraits.Raw)],
        Expects = "nothing in lowlatd's environment changes how its collector was built to run",
        Why = "a server collector starts a thread on every CPU it may use, the lanes' too",
        Source = ".NET runtime configuration options for garbage collection (learn.microsoft.com)",
        Remedy = new Remedy(RollbackClass.Restart, "start lowlatd without these variables"),
        Judge = static facts => IfRunning(facts, topology =>
        {
            string[] set = [.. Variables(facts, topology).Where(line => GcVariables.Any(name =>
                line.StartsWith(name, StringComparison.Ordinal)))];
            return set.Length == 0 ? [Finding.Pass("as built: workstation, not concurrent")]
                : [.. set.Take(8).Select(line => Finding.Warn($"{Facts.Short(line)} is set"))];
        }),
    };

    private static Check GcSilent => new()
    {
        Id = "app.gc.silent",
        Kind = CheckKind.Behaviour,
        Severities = "H/H/H",
        Reads = [new Read(Region, Traits: ReadTraits.Window)],
        Expects = "over the window lowlatd collects nothing and its lanes allocate nothing",
        Why = "a collection stops every managed thread of the process, lanes included",
        Source = "measured: a lane stalls for 100 to 200 us for nearly every collection of its process",
        Remedy = new Remedy(RollbackClass.Restart, "report it: a lane that allocates is a fault of lowlatd"),
        Judge = static facts => IfRunning(facts, topology => EachLane(facts, topology, (before, after) =>
            after.Collections != before.Collections || after.AllocatedBytes != before.AllocatedBytes
                ? Finding.Fail($"lane {after.Name}: {after.Collections - before.Collections} collections, "
                    + $"{after.AllocatedBytes - before.AllocatedBytes} bytes allocated")
                : Finding.Pass($"lane {after.Name}: no collection, no allocation"))),
    };

    private static Check JitQuiesced => new()
    {
        Id = "app.jit.quiesced",
        Kind = CheckKind.Static,
        Severities = "H/H/M",
        Reads = [Maps],
        Expects = "lowlatd runs compiled ahead of time, without a JIT in its address space",
        Why = "a JIT compiles while packets wait, and patches code that lanes run",
        Source = ".NET Native AOT deployment (learn.microsoft.com)",
        Remedy = new Remedy(RollbackClass.Restart, "start the published lowlatd"),
        Judge = static facts => IfRunning(facts, topology =>
        {
            string maps = topology.AppFile("maps");
            string[] lines = facts.Lines(maps);
            if (Array.Find(lines, line => !IsMapping(line)) is string odd)
            {
                return [Finding.Unknown($"{maps}: '{Facts.Short(odd)}' is no mapping")];
            }

            string? jit = lines.FirstOrDefault(line => JitMarks.Any(mark =>
                line.Contains(mark, StringComparison.Ordinal)));
            string? writable = lines.FirstOrDefault(line => line.Split(' ')[1].StartsWith("rwx",
                StringComparison.Ordinal));
            return [jit is not null
                    ? Finding.Warn($"{jit.Split('/', ':')[^1]} is mapped: this is not the published lowlatd")
                : writable is not null
                    ? Finding.Warn($"{Facts.Short(writable.Split(' ')[0])} is writable code: this is not the "
                        + "published lowlatd")
                : Finding.Pass("no JIT is mapped")];
        }),
    };

    private static Check NoShootdown => new()
    {
        Id = "app.mm.no-shootdown",
        Kind = CheckKind.Behaviour,
        Severities = "H/H/M",
        Reads = [new Read(Interrupts, Intrusion.I1, ReadTraits.Window)],
        Expects = "over the window no TLB shootdown and no function call reaches a lane's CPU",
        Why = "unmapping, protecting or collecting in any thread of a process interrupts every CPU that "
            + "runs another "
            + "thread of it",
        Source = "dotnet/coreclr#20949, golang/go#60735; membarrier(2)",
        Remedy = new Remedy(RollbackClass.Restart, "find the sender: a trace of ipi and csd events names it"),
        Judge = static facts => IfRunning(facts, topology =>
        {
            IReadOnlyList<InterruptRow> before = InterruptTable.Parse(Interrupts, facts.Text(Interrupts));
            IReadOnlyList<InterruptRow> after = InterruptTable.Parse(Interrupts,
                facts.Text(Interrupts, Moment.End));
            return facts.EachDataCpu(cpu =>
            {
                long moved = InterruptTable.Moved(Interrupts, before, after, "TLB", cpu)
                    + InterruptTable.Moved(Interrupts, before, after, "CAL", cpu);
                return [moved == 0 ? Finding.Pass("none")
                    : Finding.Warn(string.Create(CultureInfo.InvariantCulture,
                    $"{moved} shootdowns and calls in {facts.WindowSeconds:0.#} s"))];
            });
        }),
    };

    private static Check DiagnosticsOff => new()
    {
        Id = "app.diagnostics.off",
        Kind = CheckKind.Static,
        Severities = "M/M/I",
        Reads = [Sockets, new Read(Environ, Traits: ReadTraits.Raw)],
        Expects = "nobody can attach a tracer or dumper to lowlatd's runtime",
        Why = "a session of events allocates on every thread that writes one",
        Source = ".NET diagnostic port (learn.microsoft.com)",
        Remedy = new Remedy(RollbackClass.Restart, "start lowlatd with DOTNET_EnableDiagnostics=0"),
        Judge = static facts => IfRunning(facts, topology =>
        {
            bool hasSocket = facts.Match(Sockets.Replace("{app}",
                topology.AppPid.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)).Count > 0;
            string[] variables = Variables(facts, topology);
            string[] set = [.. variables.Where(line => DiagnosticVariables.Any(name =>
                line.StartsWith(name, StringComparison.Ordinal)))];
            string? folder = variables.FirstOrDefault(line => line.StartsWith("TMPDIR=",
                StringComparison.Ordinal))?["TMPDIR=".Length..].TrimEnd('/');
            return folder is not (null or "" or "/tmp") && !hasSocket && set.Length == 0
                ? [Finding.Unknown($"its TMPDIR is {Facts.Short(folder)}: whether its diagnostic socket is "
                    + "open there was not looked at")]
                : hasSocket ? [Finding.Warn("its diagnostic socket is open")]
                : set.Length > 0 ? [.. set.Take(8).Select(line =>
                    Finding.Warn($"{Facts.Short(line)} is set"))]
                : [Finding.Pass("no diagnostic socket, no event session")];
        }),
    };

    private static Check StaticKeysHeld => new()
    {
        Id = "app.statickeys.held",
        Kind = CheckKind.Static | CheckKind.Behaviour,
        Severities = "M/M/I",
        Reads = [new Read(Interrupts, Intrusion.I1, ReadTraits.Window)],
        Expects = "over the window no static key of the kernel is flipped: no function call reaches a "
            + "lane's CPU",
        Why = "each flip patches code and interrupts every CPU; opening the first socket with time stamps "
            + "is enough",
        Source = "redhat-performance/tuned plugin rtentsk",
        Remedy = new Remedy(RollbackClass.Restart, "keep what holds the key open while the data plane is "
            + "live, a socket "
            + "with SO_TIMESTAMP for instance"),
        Judge = static facts => IfRunning(facts, _ =>
        {
            IReadOnlyList<InterruptRow> before = InterruptTable.Parse(Interrupts, facts.Text(Interrupts));
            IReadOnlyList<InterruptRow> after = InterruptTable.Parse(Interrupts,
                facts.Text(Interrupts, Moment.End));
            return facts.EachDataCpu(cpu => InterruptTable.Moved(Interrupts, before, after, "CAL", cpu)
                is var moved && moved == 0
                ? [Finding.Pass("no call, so no flip")]
                : [Finding.Warn($"{moved} function calls; a flipped key may be among them")]);
        }),
    };

    private static IEnumerable<Finding> IfRunning(Facts facts, Func<Topology, IEnumerable<Finding>> judge) =>
        facts.Topology.IsRunning ? judge(facts.Topology)
            : [Finding.NotApplicable(None)];

    private static IEnumerable<Finding> EachLane(
        Facts facts, Topology topology, Func<RegionLane, RegionLane, Finding> judge) =>
        RegionText.Watched(facts, "region:" + topology.Configuration!.Name)
            .Select(pair => judge(pair.Before, pair.After));

    // "7f10a0000000-7f10a01d0000 r-xp 00000000 103:02 77   /usr/lib/..." (proc_pid_maps(5)).
    private static bool IsMapping(string line) =>
        line.Split(' ') is [var range, { Length: 4 }, ..] && range.Split('-') is [var start, var end]
        && start.All(char.IsAsciiHexDigit) && end.All(char.IsAsciiHexDigit);

    private static string[] Variables(Facts facts, Topology topology) =>
        System.Text.Encoding.UTF8.GetString(facts.Bytes(topology.AppFile("environ")))
            .Split('\0', StringSplitOptions.RemoveEmptyEntries);

    // What runs must be what is declared: the region says where lanes were started, not where they belong.
    private static IEnumerable<Finding> Undeclared(Topology topology, IReadOnlyList<RegionLane> published)
    {
        foreach (RegionLane lane in published.Where(lane => lane.ThreadId == 0))
        {
            yield return Finding.Unknown($"the thread of lane {lane.Name} has not started");
        }

        foreach (TopologyLane lane in topology.Lanes)
        {
            RegionLane? running = published.FirstOrDefault(other => other.Name == lane.Name);
            if (running is null)
            {
                yield return Finding.Fail($"lane {lane.Name} is declared, but does not run");
            }
            else if (running.Cpu != lane.Cpu)
            {
                yield return Finding.Fail(string.Create(CultureInfo.InvariantCulture,
                    $"lane {lane.Name} is declared on CPU {lane.Cpu}, but runs on CPU {running.Cpu}"));
            }
        }
    }
}
