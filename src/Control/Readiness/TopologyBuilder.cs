using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using LowLatency.Control.Configuring;
using LowLatency.Control.Planning;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Readiness;

/// <summary>Makes a <see cref="Topology"/> from a configuration and a handful of facts: the anchors, from
/// which the names of all other sources follow.</summary>
/// <param name="read">Reads a source: from the live host, or out of recorded evidence.</param>
internal sealed partial class TopologyBuilder(Func<string, Fact> read)
{
    private const int ControllersMax = 32;          // NVMe drives of one host that are looked for
    private const string Cpus = "/sys/devices/system/cpu/";

    /// <summary>Builds it.</summary>
    /// <param name="configuration">The configuration; null: none was given.</param>
    /// <param name="asked">Profile asked for on the command line; null: as configured or guessed.</param>
    public Topology Build(Configuration? configuration, HostProfile? asked)
    {
        CpuMask possible = List(Cpus + "possible") ?? CpuMask.Empty;
        CpuMask online = List(Cpus + "online") ?? CpuMask.Empty;
        CpuMask data = configuration is null ? List(Cpus + "isolated") ?? CpuMask.Empty
            : LaneCpus(configuration);
        CpuMask housekeeping = configuration?.Host.Housekeeping is not CpuList declared ? online.Without(data)
            : declared.IsAll ? online
            : new CpuMask(declared.Resolve((possible.IsEmpty ? online : possible).Cpus.DefaultIfEmpty()
                .Max()));
        IReadOnlyList<TopologyPort> ports = configuration is null ? [] : Ports(configuration);
        (int pid, string? problem) = configuration is null ? (0, null) : AppPid(configuration.Name);
        (HostProfile profile, string why) = Profile(configuration, asked, ports);
        return new Topology
        {
            Profile = profile,
            ProfileWhy = why,
            Possible = possible.IsEmpty ? online : possible,
            Online = online,
            Data = data,
            Housekeeping = housekeeping,
            Lanes = configuration is null ? [] : Lanes(configuration),
            Ports = ports,
            Disks = [.. (configuration?.Disks ?? []).Select(Disk)],
            Configuration = configuration,
            AppPid = pid,
            AppProblem = problem,
            Slice = configuration?.Host.Slice is { Length: > 0 } slice ? "/" + slice.Trim('/')
                : pid > 0 ? CgroupOf(pid) : null,
        };
    }

    // With lanes the lanes are the data plane; a configuration of load alone judges the load's CPUs.
    private static CpuMask LaneCpus(Configuration configuration) =>
        configuration.Lanes.Count > 0 ? new CpuMask(configuration.Lanes.Select(lane => lane.Cpu))
        : configuration.Load is LoadConfiguration load ? new CpuMask([load.GeneratorCpu, load.ReceiverCpu])
        : CpuMask.Empty;

    private static IReadOnlyList<TopologyLane> Lanes(Configuration configuration) =>
        configuration.Lanes.Count > 0
            ? [.. configuration.Lanes.Select(lane => new TopologyLane(lane.Name, lane.Cpu, lane.Thread.Policy,
                lane.Thread.Priority, lane.Ports, MemoryOf(configuration, lane.Ports, lane.Section),
                    lane.HugePages))]
        : configuration.Load is LoadConfiguration load
            ? [.. new[] { ("generator", load.GeneratorCpu), ("receiver", load.ReceiverCpu) }
                .Select(row => new TopologyLane(row.Item1, row.Item2, load.Thread.Policy,
                    load.Thread.Priority, [], 0,
                    HugePages.Auto))]
        : [];

    private static long MemoryOf(Configuration configuration, IEnumerable<string> ports, Section lane)
    {
        long frames = lane.GetOr("frames",
            LaneShape.DefaultFrames(ports.Select(configuration.FindPort).OfType<PortConfiguration>()));
        return frames * lane.GetOr("frame_size", 2048L);
    }

    private static (HostProfile Profile, string Why) Profile(
        Configuration? configuration, HostProfile? asked, IReadOnlyList<TopologyPort> ports, bool isGuest)
    {
        if (asked is HostProfile profile)
        {
            return (profile, "asked for");
        }

        if (configuration?.Host.Profile is HostProfile declared)
        {
            return (declared, "declared");
        }

        if (ports.Count > 0 && ports.All(port => port.Absence is null && port.Pci.Length == 0))
        {
            return (HostProfile.Lab, "guessed: no port has a PCI device");
        }

        return isGuest ? (HostProfile.Sriov, "guessed: the CPU says it runs under a hypervisor")
            : (HostProfile.BareMetal, "guessed: no hypervisor shows");
    }

    private (HostProfile Profile, string Why) Profile(
        Configuration? configuration, HostProfile? asked, IReadOnlyList<TopologyPort> ports) =>
        Profile(configuration, asked, ports, (Text("/proc/cpuinfo") ?? "").Split('\n')
            .FirstOrDefault(line => line.StartsWith("flags", StringComparison.Ordinal))
            ?.Contains(" hypervisor", StringComparison.Ordinal) ?? false);

    private List<TopologyPort> Ports(Configuration configuration)
    {
        List<TopologyPort> ports = [];
        IEnumerable<string> used = configuration.Lanes.Count > 0
            ? configuration.Lanes.SelectMany(lane => lane.Ports)
            : configuration.Load?.Paths.SelectMany(path => new[] { path.Tx, path.Rx }) ?? [];
        foreach (PortConfiguration port in used.Distinct().Select(configuration.FindPort)
            .OfType<PortConfiguration>())
        {
            CpuMask cpus = configuration.Lanes.Count == 0 ? LaneCpus(configuration)
                : new CpuMask(configuration.Lanes.Where(lane => lane.Ports.Contains(port.Name))
                    .Select(lane => lane.Cpu));
            ports.Add(Found(new TopologyPort
            {
                Name = port.Name,
                Interface = port.Interface,
                Netns = port.Netns,
                Declared = port,
                Cpus = cpus,
            }));
        }

        return ports;
    }

    private TopologyPort Found(TopologyPort port)
    {
        Fact link = read($"link:{port.Space}/sys/class/net/{port.Interface}");
        if (link.State != FactState.Read)
        {
            string where = port.Netns.Length == 0 ? "" : $" in {port.Space.Trim('[', ']')}";
            return port with
            {
                Absence = link.State == FactState.Missing ? $"there is no interface {port.Interface}{where}"
                    : $"{port.Interface}{where}: {link.Problem}",
            };
        }

        string path = TextOf(link);
        string device = path.Split("/net/")[0];
        return port with { DevicePath = DevicesOf(device), Pci = PciOf(device) };
    }

    private TopologyDisk Disk(DiskConfiguration declared)
    {
        TopologyDisk disk = new() { Name = declared.Name, Path = declared.Path, Declared = declared };
        Fact stat = read("stat:" + declared.Path);
        if (stat.State != FactState.Read)
        {
            return disk with { Absence = $"{declared.Path}: {stat.Problem}" };
        }

        if (TextOf(stat).Split(' ') is not [("block" or "directory") and var kind, var number])
        {
            return disk with { Absence = $"{declared.Path}: is neither a block device nor a directory" };
        }

        disk = disk with { IsDirectory = kind == "directory" };
        Fact link = read($"link:/sys/dev/block/{number}");
        if (link.State != FactState.Read)
        {
            return disk with { Absence = $"{declared.Path}: no block device {number} lies under it" };
        }

        string[] head = TextOf(link).Split('/');
        string[] parts = PathOf(head);
        int nvme = Array.IndexOf(parts, "nvme");
        return disk with
        {
            Block = BlockOf(parts),
            Head = BlockOf(head),
            Nvme = nvme >= 0 && nvme + 1 < parts.Length ? parts[nvme + 1] : "",
            Pci = PciOf(string.Join('/', parts)),
        };
    }

    // The whole device, also where the path ends in a partition of it.
    private static string BlockOf(string[] parts)
    {
        int block = Array.IndexOf(parts, "block");
        int nvme = Array.IndexOf(parts, "nvme");
        int subsystem = Array.IndexOf(parts, "nvme-subsystem");
        int at = block >= 0 ? block + 1 : nvme >= 0 ? nvme + 2 : subsystem >= 0 ? subsystem + 2
            : parts.Length;
        return at < parts.Length ? parts[at] : parts[^1];
    }

    // With native multipath, the kernel's default, a namespace is a virtual device above one hidden device
    // for each
    // controller that leads to it, nvme<subsystem>c<controller>n<namespace> (drivers/nvme/host/core.c,
    // nvme_alloc_ns): only those have queues, interrupts and a place on the PCI bus. The first one is judged.
    private string[] PathOf(string[] parts)
    {
        int subsystem = Array.IndexOf(parts, "nvme-subsystem");
        GroupCollection name = NvmeNamespace().Match(parts.ElementAtOrDefault(subsystem + 2) ?? "").Groups;
        if (subsystem < 0 || !name[0].Success)
        {
            return parts;
        }

        for (int controller = 0; controller < ControllersMax; controller++)
        {
            string source = string.Create(CultureInfo.InvariantCulture,
                $"link:/sys/block/nvme{name[1].Value}c{controller}n{name[2].Value}");
            if (read(source) is { State: FactState.Read } path)
            {
                return TextOf(path).Split('/');
            }
        }

        return parts;
    }

    private (int Pid, string? Problem) AppPid(string name)
    {
        Fact fact = read("instance:" + name);
        return fact.State == FactState.Missing ? (0, null)
            : fact.State != FactState.Read ? (0, $"{fact.Source}: {fact.Problem}")
            : int.TryParse(TextOf(fact), NumberStyles.None, CultureInfo.InvariantCulture, out int pid)
                && pid > 0 ? (pid, null)
            : (0, $"{fact.Source}: '{Facts.Short(TextOf(fact))}' is no process");
    }

    // cgroup v2 has one line, "0::/path" (cgroups(7)).
    private string? CgroupOf(int pid) =>
        Text(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/cgroup"))?.Split('\n')
            .FirstOrDefault(line => line.StartsWith("0::", StringComparison.Ordinal))?[3..];

    private CpuMask? List(string source) => Text(source) is string text ? CpuMask.ParseList(text) : null;

    private string? Text(string source) => read(source) is { State: FactState.Read } fact ? TextOf(fact)
        : null;

    private static string TextOf(Fact fact) => Encoding.UTF8.GetString(fact.Bytes).Trim();

    // The last PCI function on the way to the device: 0000:3b:00.0.
    private static string PciOf(string path) => path.Split('/').LastOrDefault(IsPciAddress) ?? "";

    /// <summary>It is the address of a PCI function, such as 0000:3b:00.0.</summary>
    public static bool IsPciAddress(string text) =>
        text.Split(':') is [{ Length: >= 4 }, { Length: 2 }, { Length: 4 } slot] && slot[2] == '.'
        && text.All(c => char.IsAsciiHexDigit(c) || c is ':' or '.');

    // The link's text is relative to where it lies; what follows "devices/" is the path below /sys/devices.
    private static string DevicesOf(string path) =>
        path.IndexOf("devices/", StringComparison.Ordinal) is >= 0 and int at ? "/sys/" + path[at..] : "";

    [GeneratedRegex("^nvme([0-9]+)n([0-9]+)$")]
    private static partial Regex NvmeNamespace();
}
