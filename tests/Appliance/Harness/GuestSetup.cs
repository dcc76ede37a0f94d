using System.Globalization;

namespace LowLatency.Appliance.Tests.Harness;

/// <summary>The machine that a scenario asks for.</summary>
/// <param name="Scenario">Its name: of the run folder too.</param>
/// <param name="Kernel">What it boots.</param>
public sealed record GuestSetup(string Scenario, Kernel Kernel)
{
    /// <summary>CPUs.</summary>
    public int Cpus { get; init; } = 2;

    /// <summary>Memory of each NUMA node, MiB; CPUs are shared out evenly among the nodes. One node says
    /// nothing
    /// of NUMA to the kernel.</summary>
    public int[] NodesMiB { get; init; } = [1024];

    /// <summary>What is added to the boot line.</summary>
    public string BootLine { get; init; } = "";

    /// <summary>Modules that the guest loads before its first command.</summary>
    public string[] Modules { get; init; } = ["virtio_net", "igb", "nvme", "xsk_diag"];

    /// <summary>Ports.</summary>
    public GuestPort[] Ports { get; init; } = [];

    /// <summary>NVMe drives.</summary>
    public GuestDrive[] Drives { get; init; } = [];

    /// <summary>Network namespace of ip-netns(8) that QEMU runs in; empty: the test's.</summary>
    public string Namespace { get; init; } = "";

    /// <summary>More options of QEMU.</summary>
    public string[] More { get; init; } = [];

    /// <summary>QEMU's options for the machine without its channels.</summary>
    internal IEnumerable<string> Arguments(string folder)
    {
        int total = NodesMiB.Sum();
        yield return "-m";
        yield return Text(total);
        yield return "-smp";
        yield return $"{Cpus},sockets={NodesMiB.Length},cores={Cpus / NodesMiB.Length},threads=1";
        for (int node = 0; NodesMiB.Length > 1 && node < NodesMiB.Length; node++)
        {
            int each = Cpus / NodesMiB.Length;
            yield return "-object";
            yield return $"memory-backend-ram,id=mem{node},size={NodesMiB[node]}M";
            yield return "-numa";
            yield return $"node,nodeid={node},memdev=mem{node},cpus={node * each}-{((node + 1) * each) - 1}";
            yield return "-device";
            yield return $"pxb-pcie,id=node{node},bus_nr={64 * (node + 1)},numa_node={node},bus=pcie.0";
        }

        int slot = 1;
        foreach (GuestPort port in Ports)
        {
            yield return "-device";
            yield return RootPort(port.Name, port.Node, slot++);
            foreach (string argument in port.Arguments())
            {
                yield return argument;
            }
        }

        foreach (GuestDrive drive in Drives)
        {
            string image = Path.Combine(folder, drive.Name + ".img");
            using (FileStream file = File.Create(image))
            {
                file.SetLength(drive.MiB * 1024L * 1024);
            }

            yield return "-device";
            yield return RootPort(drive.Name, drive.Node, slot++);
            yield return "-drive";
            yield return $"file={image},if=none,id=drive-{drive.Name},format=raw,cache=none,aio=threads";
            yield return "-device";
            yield return $"nvme,drive=drive-{drive.Name},serial={drive.Name},max_ioqpairs=8,"
                + $"bus=slot-{drive.Name}";
        }

        foreach (string option in More)
        {
            yield return option;
        }
    }

    private string RootPort(string name, int node, int slot) =>
        $"pcie-root-port,id=slot-{name},chassis={slot},"
            + $"bus={(NodesMiB.Length > 1 ? $"node{node}" : "pcie.0")}";

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A port of the guest: a PCIe network card in a root port of its own, so that it can be
/// unplugged.</summary>
/// <param name="Name">Name of the interface inside, and of the device for QEMU.</param>
/// <param name="Model">QEMU's device.</param>
/// <param name="Backend">QEMU's <c>-netdev</c> without its id.</param>
public sealed record GuestPort(string Name, string Model, string Backend)
{
    /// <summary>NUMA node.</summary>
    public int Node { get; init; }

    /// <summary>More properties of the device.</summary>
    public string Properties { get; init; } = "";

    /// <summary>Last byte of its hardware address 52:54:00:00:00:xx.</summary>
    public required byte Address { get; init; }

    /// <summary>Its hardware address as text.</summary>
    public string Mac => $"52:54:00:00:00:{Address:x2}";

    /// <summary>A virtio card that can do zero-copy: without the IOMMU platform bit the driver refuses
    /// it.</summary>
    public static GuestPort Virtio(string name, byte address, string backend) =>
        new(name, "virtio-net-pci", backend) { Address = address,
            Properties = "disable-legacy=on,iommu_platform=on" };

    /// <summary>An Intel 82576 with SR-IOV.</summary>
    public static GuestPort Igb(string name, byte address, string backend) =>
        new(name, "igb", backend) { Address = address };

    internal IEnumerable<string> Arguments() =>
    [
        "-netdev", $"{Backend.Split(',', 2)[0]},id=net-{Name},{Backend.Split(',', 2)[1]}",
        "-device", $"{Model},id={Name},netdev=net-{Name},bus=slot-{Name},mac={Mac}"
            + (Properties.Length == 0 ? "" : "," + Properties),
    ];
}

/// <summary>An NVMe drive of the guest, empty.</summary>
/// <param name="Name">Serial number, and the device for QEMU.</param>
/// <param name="MiB">Size.</param>
/// <param name="Node">NUMA node.</param>
public sealed record GuestDrive(string Name, int MiB = 64, int Node = 0);
