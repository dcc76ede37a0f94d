using System.Globalization;
using LowLatency.Control.Configuration;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Netlink;

namespace LowLatency.Control.Planning;

/// <summary>One interface as the planner needs it.</summary>
internal sealed record InterfaceFacts
{
    /// <summary>Name.</summary>
    public required string Name { get; init; }
    /// <summary>ifindex.</summary>
    public required int Index { get; init; }
    /// <summary>MAC, first byte lowest.</summary>
    public required ulong Mac { get; init; }
    /// <summary>MTU, bytes.</summary>
    public required uint MtuBytes { get; init; }
    /// <summary>Queues that the driver runs in both directions.</summary>
    public required int Queues { get; init; }
    /// <summary>NUMA node; -1 unknown.</summary>
    public required int NumaNode { get; init; }
    /// <summary>Driver.</summary>
    public required string Driver { get; init; }
    /// <summary>CPUs that its interrupts may run on; empty when it has none (veth).</summary>
    public required CpuSet InterruptCpus { get; init; }
}

/// <summary>What the planner knows of the host: read once, then plain data. A network namespace that is not there has
/// no entry in <see cref="Interfaces"/>.</summary>
internal sealed record HostFacts
{
    /// <summary>Online CPUs.</summary>
    public required CpuSet OnlineCpus { get; init; }
    /// <summary>kernel.sched_rt_runtime_us; -1: no throttling.</summary>
    public required long RtRuntimeUs { get; init; }
    /// <summary>kernel.sched_rt_period_us.</summary>
    public required long RtPeriodUs { get; init; }
    /// <summary>MemAvailable, bytes.</summary>
    public required long MemoryAvailableBytes { get; init; }
    /// <summary>NUMA node of each CPU that has one.</summary>
    public required IReadOnlyDictionary<int, int> NodeOfCpu { get; init; }
    /// <summary>Interfaces by network namespace path ("" is lowlat's own).</summary>
    public required IReadOnlyDictionary<string, IReadOnlyList<InterfaceFacts>> Interfaces { get; init; }

    /// <summary>Count of online CPUs.</summary>
    public int CpuCount => Enumerable.Range(0, Limits.CpusMax).Count(cpu => OnlineCpus.Contains(cpu));

    /// <summary>Reads the host. Needs root for network namespaces other than lowlat's own.</summary>
    /// <exception cref="NativeException">A namespace could not be entered, or netlink failed.</exception>
    public static HostFacts Read(IEnumerable<string> netnsPaths)
    {
        _ = Quantity.TryCpuList(ReadText("/sys/devices/system/cpu/online", "0"), Limits.CpusMax - 1, out CpuSet online);
        Dictionary<string, IReadOnlyList<InterfaceFacts>> interfaces = [];
        foreach (string path in netnsPaths.Where(path => path.Length == 0 || File.Exists(path)))
        {
            interfaces[path] = ReadInterfaces(path);
        }

        return new HostFacts
        {
            OnlineCpus = online,
            RtRuntimeUs = ReadNumber("/proc/sys/kernel/sched_rt_runtime_us", -1),
            RtPeriodUs = ReadNumber("/proc/sys/kernel/sched_rt_period_us", 1_000_000),
            MemoryAvailableBytes = ReadMemoryAvailable(),
            NodeOfCpu = ReadNodes(),
            Interfaces = interfaces,
        };
    }

    private static List<InterfaceFacts> ReadInterfaces(string netns)
    {
        using RouteNetlink route = RouteNetlink.Open(netns);
        using Ethtool ethtool = Ethtool.Open(netns);
        bool isOwn = netns.Length == 0; // sysfs shows lowlat's own namespace only
        List<InterfaceFacts> facts = [];
        foreach (LinkInfo link in route.Links())
        {
            EthtoolChannels? channels = ethtool.Channels(link.Name);
            facts.Add(new InterfaceFacts
            {
                Name = link.Name,
                Index = link.Index,
                Mac = link.Mac,
                MtuBytes = link.MtuBytes,
                Queues = Math.Min(channels?.RxQueues ?? link.RxQueues, channels?.TxQueues ?? link.TxQueues),
                NumaNode = isOwn ? (int)ReadNumber($"/sys/class/net/{link.Name}/device/numa_node", -1) : -1,
                Driver = ethtool.Driver(link.Name)?.Name ?? link.Kind,
                InterruptCpus = isOwn ? ReadInterrupts(link.Name) : default,
            });
        }

        return facts;
    }

    private static CpuSet ReadInterrupts(string name)
    {
        CpuSet all = default;
        string folder = $"/sys/class/net/{name}/device/msi_irqs";
        foreach (string irq in Directory.Exists(folder) ? Directory.EnumerateFileSystemEntries(folder) : [])
        {
            foreach (int cpu in ReadCpus($"/proc/irq/{Path.GetFileName(irq)}/effective_affinity_list"))
            {
                all.Add(cpu);
            }
        }

        return all;
    }

    private static Dictionary<int, int> ReadNodes()
    {
        Dictionary<int, int> nodes = [];
        const string Folder = "/sys/devices/system/node";
        foreach (string node in Directory.Exists(Folder) ? Directory.EnumerateDirectories(Folder, "node*") : [])
        {
            if (int.TryParse(Path.GetFileName(node).AsSpan(4), CultureInfo.InvariantCulture, out int number))
            {
                foreach (int cpu in ReadCpus(Path.Combine(node, "cpulist")))
                {
                    nodes[cpu] = number;
                }
            }
        }

        return nodes;
    }

    private static IEnumerable<int> ReadCpus(string path) =>
        Quantity.TryCpuList(ReadText(path, ""), Limits.CpusMax - 1, out CpuSet cpus)
            ? Enumerable.Range(0, Limits.CpusMax).Where(cpu => cpus.Contains(cpu)) : [];

    private static long ReadMemoryAvailable()
    {
        string? line = File.ReadLines("/proc/meminfo")
            .FirstOrDefault(one => one.StartsWith("MemAvailable:", StringComparison.Ordinal));
        return line == null ? long.MaxValue
            : long.Parse(line.AsSpan(13).TrimEnd(" kB").Trim(), CultureInfo.InvariantCulture) * 1024;
    }

    private static long ReadNumber(string path, long fallback) =>
        long.TryParse(ReadText(path, ""), CultureInfo.InvariantCulture, out long value) ? value : fallback;

    private static string ReadText(string path, string fallback)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return fallback;
        }
    }
}
