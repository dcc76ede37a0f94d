using System.Globalization;
using LowLatency.Control.Configuring;

namespace LowLatency.Control.Readiness;

/// <summary>Fills in the placeholders of a declared read. Pure.</summary>
/// <remarks>
/// <list type="bullet">
/// <item><c>{D}</c> each data-plane CPU, <c>{H}</c> each housekeeping CPU, <c>{cpu}</c> each CPU that may be
/// there</item>
/// <item><c>{port.sys}</c> sysfs directory of the port's interface, <c>{port.net}</c> /proc/net and
/// <c>{port.sysctl}</c> /proc/sys/net of its namespace, <c>{port.link}</c> its name with namespace (for
/// netlink and probes), <c>{port.pci}</c> its PCI directory, <c>{port.path}</c> that of
/// each function on the way to it, <c>{port.device}</c> its device below /sys, <c>{port.queue}</c> the
/// declared queue</item>
/// <item><c>{disk}</c> name of the block device that has the queues, <c>{disk.head}</c>
/// of the one that has the number, <c>{disk.generic}</c> its twin that takes commands, <c>{disk.nvme}</c>
/// its controller, <c>{disk.pci}</c> its PCI
/// directory, <c>{disk.path}</c> the declared path, <c>{disk.polled}</c> the same of devices that are to be
/// polled</item>
/// <item><c>{umem}</c> bytes of all UMEMs, <c>{uring}</c> each declared way to use io_uring</item>
/// <item><c>{app}</c> pid of the running data plane, <c>{app.name}</c> its name, <c>{slice}</c> its cgroup's
/// path,
/// <c>{slices}</c> that and each one above it, but for the root</item>
/// </list>
/// A pattern whose placeholder stands for nothing expands to nothing; so does one about a port's queue while
/// a
/// data plane runs or may run: nobody tries a queue that carries packets.
/// </remarks>
internal static class Expansion
{
    /// <summary>Patterns without placeholders.</summary>
    public static IReadOnlyList<string> Of(string pattern, Topology topology) => pattern switch
    {
        _ when !pattern.Contains('{', StringComparison.Ordinal) => [pattern],
        _ when pattern.Contains("{D}", StringComparison.Ordinal) => Cpus(pattern, "{D}", topology.Data),
        _ when pattern.Contains("{H}", StringComparison.Ordinal) =>
            Cpus(pattern, "{H}", topology.Housekeeping),
        _ when pattern.Contains("{cpu}", StringComparison.Ordinal) =>
            Cpus(pattern, "{cpu}", topology.Possible),
        _ when pattern.Contains("{port.queue}", StringComparison.Ordinal)
            && (topology.AppPid != 0 || topology.AppProblem is not null) => [],
        _ when pattern.Contains("{port.path}", StringComparison.Ordinal) =>
        [
            .. topology.Ports.SelectMany(port => port.PciPath).Distinct().Select(address => pattern.Replace(
                "{port.path}", "/sys/bus/pci/devices/" + address, StringComparison.Ordinal)),
        ],
        _ when pattern.Contains("{port.", StringComparison.Ordinal) =>
            [.. topology.Ports.Select(port => OfPort(pattern, port)).OfType<string>().Distinct()],
        _ when pattern.Contains("{disk", StringComparison.Ordinal) =>
            [.. topology.Disks.Select(disk => OfDisk(pattern, disk)).OfType<string>().Distinct()],
        _ when pattern.Contains("{app}", StringComparison.Ordinal) => topology.AppPid == 0 ? []
            : [pattern.Replace("{app}", topology.AppPid.ToString(CultureInfo.InvariantCulture),
                StringComparison.Ordinal)],
        _ when pattern.Contains("{umem}", StringComparison.Ordinal) => topology.MemoryBytes == 0 ? []
            : [pattern.Replace(
            "{umem}", topology.MemoryBytes.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)],
        _ when pattern.Contains("{uring}", StringComparison.Ordinal) =>
            [.. topology.RingModes.Select(mode => pattern.Replace("{uring}", mode,
                StringComparison.Ordinal))],
        _ when pattern.Contains("{app.name}", StringComparison.Ordinal) => topology.AppPid == 0 ? []
            : [pattern.Replace("{app.name}", topology.Configuration!.Name, StringComparison.Ordinal)],
        _ when pattern.Contains("{slices}", StringComparison.Ordinal) =>
            [.. topology.Slices.Select(slice => pattern.Replace("{slices}", slice,
                StringComparison.Ordinal))],
        _ when pattern.Contains("{slice}", StringComparison.Ordinal) => topology.Slice is not string slice
            ? []
            : [pattern.Replace("{slice}", slice.TrimEnd('/'), StringComparison.Ordinal)],
        _ => throw new ArgumentException($"'{pattern}' has a placeholder that stands for nothing"),
    };

    /// <summary>Source under which the listing of a pattern with stars is kept.</summary>
    public static string ListingOf(string pattern) => "list:" + pattern;

    private static string[] Cpus(string pattern, string placeholder, CpuMask cpus) =>
    [
        .. cpus.Cpus.Select(cpu => pattern.Replace(
            placeholder, cpu.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)),
    ];

    private static string? OfPort(string pattern, TopologyPort port)
    {
        bool needsPci = pattern.Contains("{port.pci}", StringComparison.Ordinal);
        bool needsDevice = pattern.Contains("{port.device}", StringComparison.Ordinal);
        return (needsPci && port.Pci.Length == 0) || (needsDevice && port.DevicePath.Length == 0) ? null
            : pattern
            .Replace("{port.sys}", $"{port.Space}/sys/class/net/{port.Interface}", StringComparison.Ordinal)
            .Replace("{port.net}", $"{port.Space}/proc/net", StringComparison.Ordinal)
            .Replace("{port.sysctl}", $"{port.Space}/proc/sys/net", StringComparison.Ordinal)
            .Replace("{port.link}", port.Space + port.Interface, StringComparison.Ordinal)
            .Replace("{port.pci}", "/sys/bus/pci/devices/" + port.Pci, StringComparison.Ordinal)
            .Replace("{port.device}", port.DevicePath, StringComparison.Ordinal)
            .Replace("{port.queue}", port.Declared.Queue.ToString(CultureInfo.InvariantCulture),
                StringComparison.Ordinal);
    }

    private static string? OfDisk(string pattern, TopologyDisk disk)
    {
        bool needsNvme = pattern.Contains("{disk.nvme}", StringComparison.Ordinal);
        bool needsPci = pattern.Contains("{disk.pci}", StringComparison.Ordinal);
        bool needsBlock = pattern.Contains("{disk}", StringComparison.Ordinal)
            || pattern.Contains("{disk.head}", StringComparison.Ordinal);
        bool needsPolled = pattern.Contains("{disk.polled}", StringComparison.Ordinal);
        bool needsGeneric = pattern.Contains("{disk.generic}", StringComparison.Ordinal);
        return (needsGeneric && disk.Generic.Length == 0) || (needsNvme && disk.Nvme.Length == 0)
            || (needsPci && disk.Pci.Length == 0)
            || (needsBlock && disk.Block.Length == 0) || (needsPolled && !disk.IsPolled) ? null : pattern
            .Replace("{disk.polled}", disk.Path, StringComparison.Ordinal)
            .Replace("{disk.generic}", disk.Generic, StringComparison.Ordinal)
            .Replace("{disk}", disk.Block, StringComparison.Ordinal)
            .Replace("{disk.head}", disk.Head, StringComparison.Ordinal)
            .Replace("{disk.nvme}", disk.Nvme, StringComparison.Ordinal)
            .Replace("{disk.pci}", "/sys/bus/pci/devices/" + disk.Pci, StringComparison.Ordinal)
            .Replace("{disk.path}", disk.Path, StringComparison.Ordinal);
    }
}
