using LowLatency.Control.Configuring;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Netlink;

namespace LowLatency.Control.Planning;

/// <summary>Ports against the host's interfaces. Pure.</summary>
internal static class InterfaceChecks
{
    private const string LabPrefix = "ll";
    private const string VethDriver = "veth";
    private const int CoarseBytes = 1024; // drivers/net/ethernet/intel: E1000_SRRCTL_BSIZEPKT_SHIFT 10

    /// <summary>Adds what is wrong.</summary>
    public static void Check(HostFacts facts, IReadOnlyList<LaneShape> lanes, Findings findings)
    {
        HashSet<string> refused = [];
        foreach (LaneShape lane in lanes)
        {
            foreach (PortConfiguration port in lane.Ports)
            {
                if (FindInterface(facts, port, refused, findings) is { } link)
                {
                    CheckQueue(port, link, findings);
                    CheckMtu(lane, port, link, findings);
                    CheckInterrupts(lane, port, link, findings);
                    CheckNode(facts, lane, port, link, findings);
                    CheckMode(port, link, findings);
                }
            }
        }

        NoteVeth(facts, lanes, findings);
    }

    /// <summary>Largest MTU whose frames the card writes into one chunk.</summary>
    public static int MtuMax(PortConfiguration port, InterfaceFacts link, int chunkBytes, int headroomBytes)
    {
        int buffer = chunkBytes - Limits.XdpHeadroomBytes - headroomBytes;
        return (HasCoarseBuffers(port, link) ? buffer - (buffer % CoarseBytes) : buffer)
            - Limits.EthernetOverheadBytes;
    }

    // Their SRRCTL.BSIZEPKT counts KiB, and zero-copy rounds what is left of a chunk down to it: a longer frame
    // comes as two. ixgbe has the same register and a limit of its own beside it.
    private static bool HasCoarseBuffers(PortConfiguration port, InterfaceFacts link) =>
        link.Driver is "igb" or "igc" && (port.Mode is BindMode.Auto or BindMode.ZeroCopy)
            && link.Xdp is XdpFeatures offered && offered.HasFlag(XdpFeatures.XskZeroCopy);

    private static InterfaceFacts? FindInterface(
        HostFacts facts, PortConfiguration port, HashSet<string> refused, Findings findings)
    {
        NamespaceFacts? space = facts.FindNamespace(port.Netns);
        string name = port.Netns.StartsWith("/run/netns/", StringComparison.Ordinal) ? port.Netns[11..]
            : port.Netns;
        bool isLab = name.StartsWith(LabPrefix, StringComparison.Ordinal);
        if (space == null || space.Refusal.Length > 0)
        {
            if (refused.Add(port.Netns))
            {
                findings.Error(port.Section.At("netns"),
                    $"the network namespace cannot be looked into: {space?.Refusal ?? "it was not read"}",
                    isLab ? "Run 'lowlat lab up' first." : "'ip netns list' shows those there are.");
            }

            return null;
        }

        InterfaceFacts? link = facts.FindInterface(port);
        if (link == null)
        {
            string where = name.Length == 0 ? "in this network namespace" : $"in network namespace {name}";
            string there = space.Interfaces.Count == 0
                ? "it has none" : "it has " + string.Join(", ", space.Interfaces.Select(other => other.Name));
            findings.Error(port.Section.At("interface"), $"no such interface {where}: {there}",
                isLab ? "Run 'lowlat lab up' first."
                    : "Name one of them, or its network namespace with netns.");
        }

        return link;
    }

    private static void CheckQueue(PortConfiguration port, InterfaceFacts link, Findings findings)
    {
        int queues = Math.Min(link.RxQueues, link.TxQueues);
        if (port.Queue >= queues)
        {
            findings.Error(port.Section.At("queue"),
                queues == 1 ? $"{link.Name} has 1 queue, number 0"
                    : $"{link.Name} has {queues} queues, numbers 0 to {queues - 1}",
                $"Choose one of them, or give it more: ethtool -L {link.Name}.");
        }
    }

    private static void CheckMtu(
        LaneShape lane, PortConfiguration port, InterfaceFacts link, Findings findings)
    {
        int most = MtuMax(port, link, lane.ChunkBytes, lane.HeadroomBytes);
        if (link.MtuBytes <= most)
        {
            return;
        }

        int mostOfLargest = MtuMax(port, link, Limits.ChunkBytesMax, lane.HeadroomBytes);
        bool wouldFit = lane.ChunkBytes < Limits.ChunkBytesMax && link.MtuBytes <= mostOfLargest;
        findings.Error(port.Section.At("interface"),
            $"MTU {link.MtuBytes} is too large for chunks of {lane.ChunkBytes} bytes with headroom "
                + $"{lane.HeadroomBytes}"
                + (HasCoarseBuffers(port, link) ? $", of which {link.Driver} uses whole KiB in zero-copy" : "")
                + $": at most {most}",
            wouldFit
                ? $"Write chunk = {Limits.ChunkBytesMax} in lane \"{lane.Name}\", or lower the MTU: "
                    + "ip link set "
                    + $"{link.Name} mtu {most}."
                : $"No chunk holds it: lower the MTU to {Math.Max(most, mostOfLargest)} or less.");
    }

    // A FIFO lane never leaves its CPU: an interrupt that may run there only would wait for it, and the lane
    // for the frames that the interrupt brings.
    private static void CheckInterrupts(
        LaneShape lane, PortConfiguration port, InterfaceFacts link, Findings findings)
    {
        if (!lane.IsFifo || port.Wake == WakePolicy.BusyPoll)
        {
            return;
        }

        foreach (IrqFacts irq in link.Irqs.Where(irq => irq.Queue == port.Queue))
        {
            if (!irq.Cpus.IsAll && irq.Cpus.Cpus is [int only] && only == lane.Seat.Cpu)
            {
                findings.Error(lane.Seat.Place,
                    $"IRQ {irq.Number} of {link.Name} queue {port.Queue} may run on CPU {only} only, "
                        + "where this FIFO "
                        + "lane would starve it",
                    $"Move it (echo OTHER_CPU > /proc/irq/{irq.Number}/smp_affinity_list), or write wakeup = "
                        + $"\"busy-poll\" in port \"{port.Name}\".");
            }
        }
    }

    private static void CheckNode(
        HostFacts facts, LaneShape lane, PortConfiguration port, InterfaceFacts link, Findings findings)
    {
        int node = facts.NodeOfCpu.GetValueOrDefault(lane.Seat.Cpu, -1);
        int memory = lane.NodeIn(facts);
        if (link.NumaNode >= 0 && node >= 0 && link.NumaNode != node)
        {
            findings.Warn(port.Section.At("interface"),
                $"{link.Name} is on NUMA node {link.NumaNode}, {lane.Seat.Name} on node {node}: "
                    + "every frame crosses",
                $"Give the lane a CPU of node {link.NumaNode}.");
        }
        else if (link.NumaNode >= 0 && memory >= 0 && link.NumaNode != memory)
        {
            findings.Warn(lane.Section.At("numa_node"),
                $"{link.Name} is on NUMA node {link.NumaNode}, the lane's frames on node {memory}: each "
                    + $"crosses",
                "Leave numa_node away: frames then lie where the lane's CPU is.");
        }
    }

    // A missing feature is certain, the kernel itself goes by these bits; that one is there proves nothing. Of
    // veth it is known and told nowhere.
    private static void CheckMode(PortConfiguration port, InterfaceFacts link, Findings findings)
    {
        if (link.Xdp is not XdpFeatures offered || link.Driver == VethDriver)
        {
            return;
        }

        Place at = port.Section.At("interface");
        string lacks = $"{link.Name}: driver {link.Driver} has no "
            + (offered.HasFlag(XdpFeatures.Basic) ? "AF_XDP zero-copy" : "native XDP");
        bool hasNative = offered.HasFlag(XdpFeatures.Basic);
        if (port.Mode == BindMode.Auto && !offered.HasFlag(XdpFeatures.XskZeroCopy))
        {
            findings.Note(at, $"{lacks}: mode auto will be {(hasNative ? "copy" : "generic")}, and all ports of "
                + "its lane copy", "");
        }
        else if (port.Mode == BindMode.ZeroCopy && !offered.HasFlag(XdpFeatures.XskZeroCopy))
        {
            findings.Warn(at, $"{lacks}: mode zero-copy will be refused", "Write mode = \"auto\", or another port.");
        }
        else if (port.Mode == BindMode.Copy && !hasNative)
        {
            findings.Warn(at, $"{lacks}: mode copy will be refused", "Write mode = \"generic\" or \"auto\".");
        }
    }

    private static void NoteVeth(HostFacts facts, IReadOnlyList<LaneShape> lanes, Findings findings)
    {
        PortConfiguration[] veths = [.. lanes.SelectMany(lane => lane.Ports)
            .Where(port => facts.FindInterface(port)?.Driver == VethDriver)];
        if (veths.Length > 0)
        {
            findings.Note(veths[0].Section.At("interface"),
                $"{string.Join(", ", veths.Select(port => port.Interface))}: veth runs its NAPI on "
                    + "the sender's CPU", "");
        }
    }
}
