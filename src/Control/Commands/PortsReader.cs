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
    private readonly Dictionary<string, string> _interfaceOf = []; // by PCI address

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
    public PortsDocument Read()
    {
        IReadOnlyList<LinkInfo> links = _route.Links();
        foreach (LinkInfo link in links.Where(link => link.ParentDevice.Length > 0))
        {
            _interfaceOf[link.ParentDevice] = link.Name;
        }

        return new PortsDocument(PortsDocument.SchemaName, Path.GetFileName(_netns),
            [.. links.Select(TryRead).OfType<InterfaceRow>()]);
    }

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
            device is null ? null : SriovReader.Read(device, _interfaceOf.GetValueOrDefault),
            IrqsOf(device, facts), ProgramOf(link));
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

    private static List<IrqRow> IrqsOf(string? device, InterfaceFacts? facts)
    {
        IEnumerable<int> numbers = facts?.Irqs.Select(irq => irq.Number) ?? [];
        if (device is not null && Directory.Exists(device + "/msi_irqs"))
        {
            // Also those that the driver has not asked for, of which /proc/interrupts says nothing.
            numbers = numbers.Concat(Directory.GetFiles(device + "/msi_irqs")
                .Select(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture)));
        }

        return
        [
            .. numbers.Distinct().Order().Select(number => new IrqRow(number,
                facts?.Irqs.FirstOrDefault(irq => irq.Number == number) is { Queue: >= 0 } irq ? irq.Queue : null,
                Said(Text($"/proc/irq/{number}/smp_affinity_list")),
                Said(Text($"/proc/irq/{number}/effective_affinity_list")))),
        ];
    }

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
