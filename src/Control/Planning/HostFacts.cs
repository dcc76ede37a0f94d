using LowLatency.Control.Configuring;
using LowLatency.Native.Netlink;

namespace LowLatency.Control.Planning;

/// <summary>An interrupt of a device.</summary>
/// <param name="Number">IRQ.</param>
/// <param name="Queue">Queue it serves; -1: unknown.</param>
/// <param name="Cpus">CPUs it may run on.</param>
internal sealed record IrqFacts(int Number, int Queue, CpuList Cpus);

/// <summary>An interface as a plan needs it.</summary>
internal sealed record InterfaceFacts
{
    /// <summary>ifindex.</summary>
    public required int Index { get; init; }

    /// <summary>The kernel's name.</summary>
    public required string Name { get; init; }

    /// <summary>MAC, first byte lowest.</summary>
    public required ulong Mac { get; init; }

    /// <summary>MTU, bytes.</summary>
    public required int MtuBytes { get; init; }

    /// <summary>Rx queues in use.</summary>
    public required int RxQueues { get; init; }

    /// <summary>Tx queues in use.</summary>
    public required int TxQueues { get; init; }

    /// <summary>NUMA node; -1: unknown.</summary>
    public int NumaNode { get; init; } = -1;

    /// <summary>Driver; empty: unknown.</summary>
    public string Driver { get; init; } = "";

    /// <summary>What its driver offers of XDP; null: the kernel does not say (before 6.3).</summary>
    public XdpFeatures? Xdp { get; init; }

    /// <summary>Interrupts; empty for virtual interfaces.</summary>
    public IReadOnlyList<IrqFacts> Irqs { get; init; } = [];
}

/// <summary>The cgroup that lowlatd is to run in, of version 2 (Linux
/// Documentation/admin-guide/cgroup-v2.rst).</summary>
/// <param name="Path">Its folder.</param>
/// <param name="Refusal">Why no process can enter it; empty: it can.</param>
/// <param name="Remedy">What to do about that.</param>
/// <param name="Cpus">CPUs its processes may run on; null: it restricts none.</param>
/// <param name="IsOurs">This process runs in it or below it already, and so will what it starts.</param>
internal sealed record CgroupFacts(string Path, string Refusal, string Remedy, CpuList? Cpus, bool IsOurs);

/// <summary>A network namespace.</summary>
/// <param name="Path">Path; empty: the present one.</param>
/// <param name="Refusal">Why it could not be looked into; empty: it was.</param>
/// <param name="Interfaces">Its interfaces.</param>
internal sealed record NamespaceFacts(string Path, string Refusal, IReadOnlyList<InterfaceFacts> Interfaces);

/// <summary>What a plan needs to know of the host, read once; checks are pure functions of it.</summary>
internal sealed record HostFacts
{
    /// <summary>CPUs online, ascending.</summary>
    public required IReadOnlyList<int> OnlineCpus { get; init; }

    /// <summary>kernel.sched_rt_runtime_us; -1: no throttling.</summary>
    public required long RtRuntimeUs { get; init; }

    /// <summary>kernel.sched_rt_period_us.</summary>
    public required long RtPeriodUs { get; init; }

    /// <summary>MemAvailable, bytes.</summary>
    public required long MemAvailableBytes { get; init; }

    /// <summary>Free pages of 2 MiB.</summary>
    public required long HugePagesFree { get; init; }

    /// <summary>NUMA node of each CPU; absent: unknown.</summary>
    public IReadOnlyDictionary<int, int> NodeOfCpu { get; init; } = new Dictionary<int, int>();

    /// <summary>[host] slice; null: not written.</summary>
    public CgroupFacts? Cgroup { get; init; }

    /// <summary>Namespaces asked for.</summary>
    public required IReadOnlyList<NamespaceFacts> Namespaces { get; init; }

    /// <summary>Reads them. Calls the kernel; any thread that may change its namespace for a
    /// moment.</summary>
    public static HostFacts Read(IEnumerable<string> netnsPaths, string slice = "") =>
        HostReader.Read(netnsPaths, slice);

    /// <summary>The namespace of a path; null when it was not asked for.</summary>
    public NamespaceFacts? FindNamespace(string path) =>
        Namespaces.FirstOrDefault(space => space.Path == path);

    /// <summary>The interface of a port; null when there is none.</summary>
    public InterfaceFacts? FindInterface(PortConfiguration port) =>
        FindNamespace(port.Netns)?.Interfaces.FirstOrDefault(link => link.Name == port.Interface);
}
