using System.Globalization;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>Stations around a switch of four ports: some move between ports, one in each VLAN is fixed to
/// each port. Each has its own VLAN and is never heard in another: then a switch that learns for each
/// VLAN apart, and one that looks at no tag, as a Linux bridge without VLAN filtering, are to do
/// the same.</summary>
public static class SwitchNet
{
    /// <summary>Ports of the switch.</summary>
    public const int Ports = 4;

    /// <summary>VLAN ids; 0: frames without a tag.</summary>
    public static readonly int[] Vlans = [0, 10, 4094];

    private const int LocalExperiment = 0x88B5; // ethertype (IEEE 802, 9.2.3)

    /// <summary>The lane's stage.</summary>
    public static string Stages => "[[lane.stage]]\nkind = \"switch\"\naddresses = 4096\nage = \"300s\"\n"
        + string.Concat(Fixed().Select(entry => string.Create(CultureInfo.InvariantCulture, $"""
            [[lane.stage.station]]
            mac = "{Text(FixedMac(entry.Port, entry.Vlan))}"
            vlan = {entry.Vlan}
            port = "p{entry.Port}"

            """)));

    /// <summary>MAC of the station of a VLAN that is fixed to a port.</summary>
    public static byte[] FixedMac(int port, int vlan) =>
        [2, 0, (byte)(vlan >> 8), (byte)vlan, 0xF, (byte)port];

    /// <summary>MAC of a station of a VLAN that is wherever it sends from.</summary>
    public static byte[] RoamingMac(int number, int vlan) =>
        [2, 0, (byte)(vlan >> 8), (byte)vlan, 0xA, (byte)number];

    /// <summary>Makes the device's namespace of a bed a Linux bridge that holds no address and runs no
    /// spanning tree.</summary>
    public static void MakeBridge(Bed bed)
    {
        Quiet(bed);
        bed.Ip(
        [
            "link add br0 type bridge stp_state 0 forward_delay 0 ageing_time 30000 mcast_snooping 0",
            .. Enumerable.Range(0, Ports).Select(port => $"link set p{port} master br0"),
            "link set br0 addrgenmode none up",
        ]);
        Bed.Sysctl(bed.Device, "bridge/bridge-nf-call-iptables", "0"); // else it looks into packets, too
        Bed.Sysctl(bed.Device, "bridge/bridge-nf-call-ip6tables", "0");
        foreach ((int vlan, int port) in Fixed())
        {
            Lab.Run("bridge", "-n", bed.Device, "fdb", "add", Text(FixedMac(port, vlan)), "dev", $"p{port}",
                "master", "static", "sticky");
        }
    }

    /// <summary>The kernel of a device's namespace says nothing of its own.</summary>
    public static void Quiet(Bed bed)
    {
        Bed.Sysctl(bed.Device, "ipv6/conf/all/disable_ipv6", "1");
        Bed.Sysctl(bed.Device, "ipv6/conf/default/disable_ipv6", "1");
    }

    /// <summary>Marks for an exchange: from each port to each other's fixed station.</summary>
    public static IEnumerable<Stimulus> Marks(int port, byte[] payload) =>
        Enumerable.Range(0, Ports).Where(other => other != port).Select(other => new Stimulus(port,
            Packets.Ethernet(FixedMac(other, 0), FixedMac(port, 0), LocalExperiment, payload)));

    private static IEnumerable<(int Vlan, int Port)> Fixed() =>
        Vlans.SelectMany(vlan => Enumerable.Range(0, Ports).Select(port => (vlan, port)));

    private static string Text(byte[] mac) =>
        string.Join(':', mac.Select(part => part.ToString("x2", CultureInfo.InvariantCulture)));
}
