using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Configuring;

/// <summary>What must hold of ports, whatever the host. Pure.</summary>
internal static class PortRules
{
    /// <summary>Adds what is wrong.</summary>
    public static void Check(Configuration configuration, Findings findings)
    {
        IReadOnlyList<PortConfiguration> ports = configuration.Ports;
        findings.AtMost(ports.Count, Limits.PortsMax, FileOf(configuration, "port"), "ports");
        Unique(ports.Select(port => port.Section), "port", findings);
        Unique(configuration.Lanes.Select(lane => lane.Section), "lane", findings);
        Dictionary<(string, string, int), PortConfiguration> queues = [];
        foreach (PortConfiguration port in ports)
        {
            CheckRings(port, findings);
            CheckClaim(port, findings);
            bool isKnown = port.Section.IsGood("interface");
            if (isKnown && !queues.TryAdd((port.Netns, port.Interface, port.Queue), port))
            {
                PortConfiguration first = queues[(port.Netns, port.Interface, port.Queue)];
                findings.Error(port.Section.At("interface"),
                    $"queue {port.Queue} of {port.Interface} is port \"{first.Name}\" already (line "
                        + $"{first.Section.Head.Line}): one socket owns a queue",
                    "Name another queue or interface.");
            }
        }

        CheckSiblings(ports, findings);
        CheckOwners(configuration, findings);
    }

    /// <summary>The file as a whole, for what has no line.</summary>
    public static Place FileOf(Configuration configuration, string key) =>
        new(configuration.FileName, 1, 1, key, "");

    /// <summary>Checks that each of some tables has its own name.</summary>
    public static void Unique(IEnumerable<Section> sections, string what, Findings findings)
    {
        Dictionary<string, Section> seen = [];
        foreach (Section section in sections)
        {
            string name = section.Get<string>("name");
            if (name.Length > 0 && !seen.TryAdd(name, section))
            {
                findings.Error(section.At("name"),
                    $"the name of another {what} already (line {seen[name].At("name").Line})",
                    $"Give each {what} its own name.");
            }
        }
    }

    private static void CheckRings(PortConfiguration port, Findings findings)
    {
        Section section = port.Section;
        long fillRing = section.Get<long>("fill_ring");
        if (port.FillLevel > fillRing && section.IsGood("fill_level") && section.IsGood("fill_ring"))
        {
            findings.Error(section.At("fill_level", port.FillLevel),
                $"must be at most fill_ring, which is {fillRing}",
                $"Write fill_level = {fillRing} or fill_ring = {RoundUpPow2(port.FillLevel)}.");
        }
    }

    private static void CheckClaim(PortConfiguration port, Findings findings)
    {
        bool hasPorts = port.Section.Has("claim_ports");
        if (port.Claim == Claim.Udp && port.ClaimPorts == default)
        {
            findings.Error(port.Section.At("claim"), "claim udp needs the UDP destination ports to claim",
                "Add claim_ports = \"4000-4999\", for example.");
        }
        else if (hasPorts && port.Claim != Claim.Udp && port.Section.IsGood("claim"))
        {
            findings.Error(port.Section.At("claim_ports"), "is for claim = \"udp\" only",
                "Write claim = \"udp\", or remove claim_ports.");
        }
    }

    // One XDP program serves all queues of an interface.
    private static void CheckSiblings(IReadOnlyList<PortConfiguration> ports, Findings findings)
    {
        foreach (IGrouping<(string, string), PortConfiguration> group in
            ports.Where(port => port.Section.IsGood("interface"))
                .GroupBy(port => (port.Netns, port.Interface)))
        {
            PortConfiguration first = group.First();
            foreach (PortConfiguration port in group.Skip(1))
            {
                string? key = port.Mode != first.Mode ? "mode"
                    : port.Claim != first.Claim ? "claim"
                    : port.ClaimPorts != first.ClaimPorts ? "claim_ports"
                    : port.Stamps != first.Stamps ? "timestamps" : null;
                if (key != null)
                {
                    findings.Error(port.Section.At(key),
                        $"must be as in port \"{first.Name}\" (line {first.Section.Head.Line}): one "
                            + "XDP program "
                            + $"serves all queues of {port.Interface}",
                        $"Make {key} the same in both ports.");
                }
            }
        }
    }

    private static void CheckOwners(Configuration configuration, Findings findings)
    {
        Dictionary<string, string> owners = [];
        foreach (LaneConfiguration lane in configuration.Lanes)
        {
            foreach (string name in lane.Ports)
            {
                Own(configuration, name, $"lane \"{lane.Name}\"", lane.Section.At("ports"), owners, findings);
            }
        }

        foreach (PathConfiguration path in configuration.Load?.Paths ?? [])
        {
            Own(configuration, path.Tx, $"the load's {path.Name} tx", path.Section.At("tx"), owners,
                findings);
            Own(configuration, path.Rx, $"the load's {path.Name} rx", path.Section.At("rx"), owners,
                findings);
        }

        foreach (PortConfiguration port in configuration.Ports)
        {
            if (port.Name.Length > 0 && !owners.ContainsKey(port.Name))
            {
                findings.Warn(port.Section.At("name"), "no lane and no load uses this port",
                    "Name it in the ports of a lane, or remove it.");
            }
        }
    }

    private static void Own(Configuration configuration, string name, string owner, Place place,
        Dictionary<string, string> owners, Findings findings)
    {
        if (name.Length == 0)
        {
            return; // reported where it was read
        }

        if (configuration.FindPort(name) == null)
        {
            string known = string.Join(", ", configuration.Ports.Select(port => port.Name));
            findings.Error(place, $"no port has the name \"{name}\"",
                known.Length == 0 ? "Add a [[port]]." : $"Ports of this file: {known}.");
        }

        if (!owners.TryAdd(name, owner))
        {
            findings.Error(place, $"port \"{name}\" belongs to {owners[name]} already: one lane owns a port",
                "Add a port for another queue of the interface.");
        }
    }

    private static uint RoundUpPow2(int value) =>
        System.Numerics.BitOperations.RoundUpToPowerOf2((uint)value);
}
