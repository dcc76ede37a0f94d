using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Readiness;

/// <summary>A port that the data plane uses, as declared and as found.</summary>
internal sealed record TopologyPort
{
    /// <summary>Its name in the configuration.</summary>
    public required string Name { get; init; }

    /// <summary>The kernel's name of the interface.</summary>
    public required string Interface { get; init; }

    /// <summary>Path of the network namespace; empty: the present one.</summary>
    public string Netns { get; init; } = "";

    /// <summary>What is declared of it.</summary>
    public required PortConfiguration Declared { get; init; }

    /// <summary>CPUs of the lanes that use it.</summary>
    public required CpuMask Cpus { get; init; }

    /// <summary>Address of its PCI device; empty: it has none.</summary>
    public string Pci { get; init; } = "";

    /// <summary>Path of its device below /sys/devices, from the kernel's own link; empty: unknown.</summary>
    public string DevicePath { get; init; } = "";

    /// <summary>Addresses of the PCI functions from the root port to its device, both among them.</summary>
    public IEnumerable<string> PciPath => DevicePath.Split('/').Where(TopologyBuilder.IsPciAddress);

    /// <summary>Why nothing can be said of it; null: it is there.</summary>
    public string? Absence { get; init; }

    /// <summary>Prefix of sources in its namespace: "" or "[name]".</summary>
    public string Space => Netns.Length == 0 ? ""
        : $"[{(Netns.StartsWith("/run/netns/", StringComparison.Ordinal) ? Netns["/run/netns/".Length..] : Netns)}]";

    /// <summary>Source of a file of the interface in sysfs.</summary>
    public string Sys(string file) => $"{Space}/sys/class/net/{Interface}/{file}";

    /// <summary>Source of a file below /proc/net of its namespace.</summary>
    public string ProcNet(string file) => $"{Space}/proc/net/{file}";

    /// <summary>Source of a file below /proc/sys/net of its namespace.</summary>
    public string ProcSysNet(string file) => $"{Space}/proc/sys/net/{file}";

    /// <summary>Source of a netlink request about it.</summary>
    public string Netlink(string request) => $"netlink:{request} {Space}{Interface}";

    /// <summary>Source of a file of its PCI device; only when it has one.</summary>
    public string PciFile(string file) => $"/sys/bus/pci/devices/{Pci}/{file}";
}

/// <summary>A lane, as far as readiness is concerned.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Cpu">Its CPU.</param>
/// <param name="Policy">Policy of its thread.</param>
/// <param name="Priority">Real-time priority or nice value.</param>
/// <param name="Ports">Names of its ports.</param>
/// <param name="MemoryBytes">What its UMEM takes, bytes, about.</param>
/// <param name="HugePages">What it asks of huge pages.</param>
internal sealed record TopologyLane(string Name, int Cpu, LanePolicy Policy, int Priority,
    IReadOnlyList<string> Ports, long MemoryBytes, HugePages HugePages);

/// <summary>A disk that the data plane uses, as declared and as found.</summary>
internal sealed record TopologyDisk
{
    /// <summary>Its name in the configuration.</summary>
    public required string Name { get; init; }

    /// <summary>Block device, or a directory on it.</summary>
    public required string Path { get; init; }

    /// <summary>What is declared of it.</summary>
    public required DiskConfiguration Declared { get; init; }

    /// <summary>Path is a directory.</summary>
    public bool IsDirectory { get; init; }

    /// <summary>Name of the whole block device that has the queues, such as nvme0n1, or nvme0c0n1 below
    /// native
    /// multipath; empty: unknown.</summary>
    public string Block { get; init; } = "";

    /// <summary>Name of the whole block device that has the device number; mostly <see
    /// cref="Block"/>.</summary>
    public string Head { get; init; } = "";

    /// <summary>Name of the character device that takes commands for the same namespace (nvme_ns_add_cdev,
    /// since
    /// Linux 5.13), such as ng0n1, if it is to be polled; empty: it has none, or it is not.</summary>
    public string Generic => IsPolled && Nvme.Length > 0 && Head.StartsWith("nvme", StringComparison.Ordinal)
        ? "ng" + Head["nvme".Length..] : "";

    /// <summary>Name of its NVMe controller; empty: it is none.</summary>
    public string Nvme { get; init; } = "";

    /// <summary>Address of its PCI device; empty: it has none.</summary>
    public string Pci { get; init; } = "";

    /// <summary>Why nothing can be said of it; null: it is there.</summary>
    public string? Absence { get; init; }

    /// <summary>A device that is to be polled, or may be.</summary>
    public bool IsPolled => Absence is null && !IsDirectory && Declared.Mode
        is (DiskMode.Auto or DiskMode.Iopoll);

    /// <summary>Source of a file of the block device in sysfs.</summary>
    public string Sys(string file) => $"/sys/block/{Block}/{file}";

    /// <summary>Source of its device number.</summary>
    public string HeadNumber => $"/sys/block/{Head}/dev";

    /// <summary>Source of a file of its PCI device; only when it has one.</summary>
    public string PciFile(string file) => $"/sys/bus/pci/devices/{Pci}/{file}";
}

/// <summary>What every rule is relative to: data-plane and housekeeping CPUs, ports, disks, lanes, as
/// declared, with what was found of them. Immutable, and a pure function of configuration and
/// evidence.</summary>
internal sealed record Topology
{
    /// <summary>Which column of severities applies.</summary>
    public required HostProfile Profile { get; init; }

    /// <summary>Why this profile.</summary>
    public required string ProfileWhy { get; init; }

    /// <summary>CPUs that may ever be there.</summary>
    public required CpuMask Possible { get; init; }

    /// <summary>CPUs online.</summary>
    public required CpuMask Online { get; init; }

    /// <summary>D: CPUs of lanes.</summary>
    public required CpuMask Data { get; init; }

    /// <summary>H: CPUs of everything else.</summary>
    public required CpuMask Housekeeping { get; init; }

    /// <summary>Lanes.</summary>
    public IReadOnlyList<TopologyLane> Lanes { get; init; } = [];

    /// <summary>Ports of the lanes.</summary>
    public IReadOnlyList<TopologyPort> Ports { get; init; } = [];

    /// <summary>Disks.</summary>
    public IReadOnlyList<TopologyDisk> Disks { get; init; } = [];

    /// <summary>The configuration; null: there is none, and D is what the kernel has isolated.</summary>
    public Configuration? Configuration { get; init; }

    /// <summary>Process of the running data plane; 0: none runs, or <see cref="AppProblem"/>.</summary>
    public int AppPid { get; init; }

    /// <summary>Why it could not be found out whether one runs; null: it was.</summary>
    public string? AppProblem { get; init; }

    /// <summary>A data plane of this configuration runs.</summary>
    /// <exception cref="NotReadException">That could not be found out.</exception>
    public bool IsRunning => AppProblem is null ? AppPid > 0 && Configuration is not null
        : throw new NotReadException(AppProblem);

    /// <summary>Source of a file of the running data plane's process.</summary>
    public string AppFile(string file) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"/proc/{AppPid}/{file}");

    /// <summary>Path of the data plane's cgroup below the mount, with a slash at its front; null:
    /// unknown.</summary>
    public string? Slice { get; init; }

    /// <summary>The data plane's cgroup and each one above it, but for the root; nearest first.</summary>
    public IReadOnlyList<string> Slices
    {
        get
        {
            string[] parts = (Slice ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries);
            return [.. Enumerable.Range(0, parts.Length).Select(i => "/" + string.Join('/', parts[..^i]))];
        }
    }

    /// <summary>Each declared way to use io_uring, as flags of io_uring_setup(2); "none" where no disk asks
    /// for one.
    /// </summary>
    public IReadOnlyList<string> RingModes =>
    [
        .. Disks.Select(disk => disk.Declared.Mode switch
        {
            DiskMode.Iopoll => "iopoll",
            DiskMode.Sqpoll => "sqpoll",
            _ => "none",
        }).DefaultIfEmpty("none").Distinct(),
    ];

    /// <summary>Lanes spin at a real-time policy.</summary>
    public bool HasFifoLanes => Lanes.Any(lane => lane.Policy == LanePolicy.Fifo);

    /// <summary>UMEM bytes of all lanes.</summary>
    public long MemoryBytes => Lanes.Sum(lane => lane.MemoryBytes);

    /// <summary>What the configuration holds a measured value against.</summary>
    public ObjectiveConfiguration Objective =>
        Configuration?.Host.Objective ?? ObjectiveConfiguration.Default;
}
