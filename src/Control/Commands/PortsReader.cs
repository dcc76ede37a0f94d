using System.Globalization;
using LowLatency.Control.Planning;
using LowLatency.Native;
using LowLatency.Native.Netlink;
using LowLatency.Native.Xdp;

namespace LowLatency.Control.Commands;

/// <summary>Reads everything about the interfaces of one network namespace. One thread, which is in that
/// namespace meanwhile.</summary>
internal sealed class PortsReader : IDisposable
{
    private static readonly (XdpRxMetadata Bit, string Name)[] RxMetadata =
    [
        (XdpRxMetadata.Timestamp, "timestamp"), (XdpRxMetadata.Hash, "hash"),
            (XdpRxMetadata.VlanTag, "vlan-tag"),
    ];

    private readonly string _netns;
    private readonly RouteNetlink _route;
    private readonly Ethtool _ethtool;
    private readonly NetdevFamily _netdev;
    private readonly NamespaceFacts _facts;

    /// <summary>Opens the sockets.</summary>
    /// <param name="netns">Path of the namespace; empty: the present one.</param>
    /// <exception cref="NativeException">No such namespace, or not allowed.</exception>
    public PortsReader(string netns)
    {
        _netns = netns;
        _route = RouteNetlink.Open(netns);
        _ethtool = Ethtool.Open(netns);
        _netdev = NetdevFamily.Open(netns);
        _facts = HostFacts.Read([netns]).Namespaces[0];
    }

    /// <summary>Every interface, in the kernel's order; one that goes away meanwhile is left out.</summary>
    public PortsDocument Read() => new(PortsDocument.SchemaName, Path.GetFileName(_netns),
        [.. _route.Links().Select(TryRead).OfType<InterfaceRow>()]);

    /// <summary>Closes the sockets.</summary>
    public void Dispose()
    {
        _route.Dispose();
        _ethtool.Dispose();
        _netdev.Dispose();
    }

    private InterfaceRow? TryRead(LinkInfo link)
    {
        try
        {
            return Read(link);
        }
        catch (NativeException e) when (e.Errno == Errno.ENODEV)
        {
            return null;
        }
    }

    private InterfaceRow Read(LinkInfo link)
    {
        EthtoolDriver? driver = _ethtool.Driver(link.Name);
        EthtoolChannels? channels = _ethtool.Channels(link.Name);
        InterfaceFacts? facts = _facts.Interfaces.FirstOrDefault(known => known.Index == link.Index);
        string? device = DeviceOf(link, driver);
        return new InterfaceRow(
            link.Name, link.Index, link.Kind, driver?.Name, Said(driver?.Firmware), link.MacText,
            link.MtuBytes, link.OperState.ToString().ToLowerInvariant(), link.HasCarrier, NodeOf(device),
            device is null ? null : Path.GetFileName(device), XdpOf(link),
            new QueueCounts(channels?.RxQueues ?? link.RxQueues, channels?.TxQueues ?? link.TxQueues,
                channels is null ? null : channels.RxMax + channels.CombinedMax,
                channels is null ? null : channels.TxMax + channels.CombinedMax),
            _ethtool.Rings(link.Name) is { RxMax: > 0 } rings
                ? new RingSizes(rings.Rx, rings.Tx, rings.RxMax, rings.TxMax) : null,
            _ethtool.Timestamping(link.Name) is { } stamps ? new Timestamps(stamps.HasHardwareRx,
                stamps.HasHardwareTx, stamps.ClockIndex >= 0 ? stamps.ClockIndex : null) : null,
            SriovOf(device), IrqsOf(device, facts), ProgramOf(link));
    }

    private XdpSupport? XdpOf(LinkInfo link)
    {
        if (_netdev.Query(link.Index) is not NetdevFeatures features)
        {
            return null;
        }

        List<string>? metadata = features.RxMetadata is XdpRxMetadata known
            ? [.. RxMetadata.Where(row => known.HasFlag(row.Bit)).Select(row => row.Name)] : null;
        return new XdpSupport(
            features.Xdp.HasFlag(XdpFeatures.Basic), features.Xdp.HasFlag(XdpFeatures.Redirect),
            features.Xdp.HasFlag(XdpFeatures.XskZeroCopy), features.Xdp.HasFlag(XdpFeatures.RxScatterGather),
            metadata);
    }

    private AttachedProgram? ProgramOf(LinkInfo link)
    {
        if (link.XdpProgramId == 0)
        {
            return null;
        }

        using NetworkNamespace scope = NetworkNamespace.Enter(_netns);
        XdpHookOwner? owner = XdpHookOwner.Find(link.Index);
        return owner is null ? null : new AttachedProgram(owner.ProgramId, owner.ProgramName,
            owner.Mode.ToString().ToLowerInvariant(), Whose(owner));
    }

    private static string Whose(XdpHookOwner owner) =>
        owner.Holders.Count > 0
            ? string.Join(", ", owner.Holders.Select(holder => $"{holder.Command} (pid {holder.Pid})"))
        : owner.LinkId != 0 ? "a pinned bpf_link"
        : "none alive: left by iproute2 or libxdp";

    // By bus, not by /sys/class/net, which shows one namespace only. A virtio device is a child of its PCI
    // device, which ethtool names.
    private static string? DeviceOf(LinkInfo link, EthtoolDriver? driver)
    {
        foreach (string name in (string[])[link.ParentDevice, driver?.BusInfo ?? ""])
        {
            string path = "/sys/bus/pci/devices/" + name;
            if (name.Length > 0 && Directory.Exists(path))
            {
                return path;
            }
        }

        return null;
    }

    private static int? NodeOf(string? device) => device is null ? null
        : Number(device + "/numa_node") is >= 0 and int node ? node : null;

    private static SriovRow? SriovOf(string? device)
    {
        if (device is null)
        {
            return null;
        }

        if (Directory.Exists(device + "/physfn"))
        {
            string? physical = Directory.ResolveLinkTarget(device + "/physfn", returnFinalTarget: true)?.Name;
            return new SriovRow("virtual", null, null, physical);
        }

        return Number(device + "/sriov_totalvfs") is > 0 and int most
            ? new SriovRow("physical", Number(device + "/sriov_numvfs"), most, null) : null;
    }

    private static List<IrqRow> IrqsOf(string? device, InterfaceFacts? facts)
    {
        if (facts is { Irqs.Count: > 0 })
        {
            return [.. facts.Irqs.Select(irq => new IrqRow(
                irq.Number, irq.Queue >= 0 ? irq.Queue : null, CpusOf(irq.Number)))];
        }

        // Not the interface's own device, but the one under it.
        string folder = device + "/msi_irqs";
        return device is null || !Directory.Exists(folder) ? [] :
        [
            .. Directory.GetFiles(folder)
                .Select(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture)).Order()
                .Select(number => new IrqRow(number, null, CpusOf(number))),
        ];
    }

    private static string CpusOf(int irq) => Text($"/proc/irq/{irq}/smp_affinity_list") ?? "unknown";

    private static int? Number(string path) =>
        int.TryParse(Text(path), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value)
            ? value : null;

    private static string? Said(string? text) => string.IsNullOrEmpty(text) || text == "N/A" ? null : text;

    private static string? Text(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
