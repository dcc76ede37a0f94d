using System.Globalization;
using LowLatency.Control.Configuring;
using LowLatency.Native;
using LowLatency.Native.Netlink;

namespace LowLatency.Control.Planning;

/// <summary>Reads <see cref="HostFacts"/> from /proc, /sys, rtnetlink and ethtool.</summary>
internal static class HostReader
{
    /// <summary>Reads everything once.</summary>
    public static HostFacts Read(IEnumerable<string> netnsPaths, string slice)
    {
        IReadOnlyList<int> online = Quantities.Cpus(FirstLine("/sys/devices/system/cpu/online"))?.Cpus ?? [];
        string[] interrupts = Lines("/proc/interrupts");
        return new HostFacts
        {
            OnlineCpus = online,
            RtRuntimeUs = Number(FirstLine("/proc/sys/kernel/sched_rt_runtime_us"), -1),
            RtPeriodUs = Number(FirstLine("/proc/sys/kernel/sched_rt_period_us"), 1_000_000),
            MemAvailableBytes = MemAvailable(),
            HugePagesFree = Number(FirstLine("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"), 0),
            NodeOfCpu = Nodes(),
            Cgroup = slice.Length == 0 ? null
                : CgroupReader.Read("/sys/fs/cgroup", slice, FirstLine("/proc/self/cgroup")),
            Namespaces = [.. netnsPaths.Distinct(StringComparer.Ordinal)
                .Select(path => ReadNamespace(path, interrupts))],
        };
    }

    /// <summary>Interrupts of a device with the queues they serve, from lines of /proc/interrupts; pure but
    /// for
    /// <paramref name="affinityOf"/>.</summary>
    public static IReadOnlyList<IrqFacts> Irqs(
        IEnumerable<int> numbers, string[] interrupts, Func<int, string> affinityOf)
    {
        List<IrqFacts> irqs = [];
        foreach (int number in numbers.Order())
        {
            string prefix = number.ToString(CultureInfo.InvariantCulture) + ":";
            string? line = Array.Find(
                interrupts, text => text.TrimStart().StartsWith(prefix, StringComparison.Ordinal));
            string action = line?.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^1] ?? "";
            if (action.Length > 0 && Quantities.Cpus(affinityOf(number)) is { } cpus)
            {
                irqs.Add(new IrqFacts(number, QueueOf(action), cpus));
            }
        }

        return irqs;
    }

    // "ice-eth0-TxRx-3", "eth0-rx-3", "virtio0-input.3", "mlx5_comp3@pci:0000:01:00.0": the queue is the last
    // number before an '@'. An action with no such number serves no queue that we could name.
    private static int QueueOf(string action)
    {
        string name = action.Split('@')[0];
        int end = name.Length;
        int start = end;
        while (start > 0 && char.IsAsciiDigit(name[start - 1]))
        {
            start--;
        }

        string head = name[..start];
        bool isQueue = head.Contains("rx", StringComparison.OrdinalIgnoreCase)
            || head.Contains("input", StringComparison.Ordinal)
            || head.Contains("comp", StringComparison.Ordinal);
        return isQueue && start < end ? Quantities.Whole(name[start..], 4095) ?? -1 : -1;
    }

    /// <summary>Address of an interface's PCI device: as its driver says, else rtnetlink, whose word for a
    /// virtio interface is the virtio device; empty: there is none. Pure.</summary>
    public static string DeviceOf(string busInfo, string parentDevice) =>
        IsPciAddress(busInfo) ? busInfo : IsPciAddress(parentDevice) ? parentDevice : "";

    /// <summary>CPUs of an interrupt, cpulist: where the kernel has put it, else where it may go. Pure.
    /// </summary>
    public static string AffinityOf(string effective, string allowed) =>
        effective.Length > 0 ? effective : allowed;

    // domain:bus:slot.function, as in 0000:00:03.0 (a domain may be longer); nothing else becomes part of a
    // path.
    private static bool IsPciAddress(string text) =>
        text.Split(':') is [{ Length: >= 4 }, { Length: 2 }, { Length: 4 } slot] && slot[2] == '.'
        && text.All(c => char.IsAsciiHexDigit(c) || c is ':' or '.');

    private static NamespaceFacts ReadNamespace(string path, string[] interrupts)
    {
        try
        {
            using RouteNetlink route = RouteNetlink.Open(path);
            using Ethtool ethtool = Ethtool.Open(path);
            using NetdevFamily netdev = NetdevFamily.Open(path);
            return new NamespaceFacts(path, "",
                [.. route.Links().Select(link => ReadInterface(link, ethtool, netdev, interrupts))]);
        }
        catch (NativeException e)
        {
            return new NamespaceFacts(path, $"{e.Call}: {e.Errno.Name()}", []);
        }
    }

    private static InterfaceFacts ReadInterface(
        LinkInfo link, Ethtool ethtool, NetdevFamily netdev, string[] interrupts)
    {
        EthtoolChannels? channels = null;
        EthtoolDriver? driver = null;
        try
        {
            channels = ethtool.Channels(link.Name);
            driver = ethtool.Driver(link.Name);
        }
        catch (NativeException)
        {
            // It went away, or its driver answers no questions: rtnetlink has said what is needed.
        }

        // By device, not by /sys/class/net, which shows one namespace only.
        string address = DeviceOf(driver?.BusInfo ?? "", link.ParentDevice);
        string device = address.Length == 0 ? "" : "/sys/bus/pci/devices/" + address;
        return new InterfaceFacts
        {
            Index = link.Index,
            Name = link.Name,
            Mac = link.Mac,
            MtuBytes = (int)Math.Min(link.MtuBytes, int.MaxValue),
            RxQueues = channels is { RxQueues: > 0 } ? channels.RxQueues : Math.Max(link.RxQueues, 1),
            TxQueues = channels is { TxQueues: > 0 } ? channels.TxQueues : Math.Max(link.TxQueues, 1),
            NumaNode = device.Length == 0 ? -1 : (int)Number(FirstLine(device + "/numa_node"), -1),
            Driver = driver?.Name ?? link.Kind,
            Xdp = netdev.Query(link.Index)?.Xdp,
            Irqs = device.Length == 0 ? [] : Irqs(NumbersIn(device + "/msi_irqs"), interrupts,
                number => AffinityOf(FirstLine($"/proc/irq/{number}/effective_affinity_list"),
                    FirstLine($"/proc/irq/{number}/smp_affinity_list"))),
        };
    }

    private static long MemAvailable()
    {
        string line = Array.Find(Lines("/proc/meminfo"),
            text => text.StartsWith("MemAvailable:", StringComparison.Ordinal)) ?? "";
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words.Length == 3 ? Number(words[1], 0) * 1024 : 0;
    }

    private static Dictionary<int, int> Nodes()
    {
        Dictionary<int, int> nodes = [];
        const string root = "/sys/devices/system/node";
        foreach (string path in Directory.Exists(root) ? Directory.GetDirectories(root, "node*") : [])
        {
            int? node = Quantities.Whole(Path.GetFileName(path)[4..], 1023);
            foreach (int cpu in Quantities.Cpus(FirstLine(path + "/cpulist"))?.Cpus ?? [])
            {
                nodes[cpu] = node ?? -1;
            }
        }

        return nodes;
    }

    private static IEnumerable<int> NumbersIn(string directory) => !Directory.Exists(directory) ? []
        : Directory.GetFiles(directory)
            .Select(path => Quantities.Whole(Path.GetFileName(path), int.MaxValue) ?? -1)
            .Where(number => number >= 0);

    private static long Number(string text, long otherwise) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value)
            ? value : otherwise;

    private static string FirstLine(string path) => Lines(path) is [string first, ..] ? first.Trim() : "";

    private static string[] Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return []; // a kernel without it
        }
    }
}
