using LowLatency.Control.Commands;
using Xunit;

namespace LowLatency.Control.Tests.Commands;

/// <summary>What 'lowlat ports' says of SR-IOV and interrupts.</summary>
public sealed class PortsTests
{
    private const string Physical = "0000:81:00.0";

    [Fact]
    public void A_physical_function_names_its_virtual_ones_and_each_of_them_names_it()
    {
        string devices = Directory.CreateTempSubdirectory("lowlat-ports-").FullName;
        try
        {
            foreach (string device in (string[])[Physical, "0000:81:10.0", "0000:81:10.2", "0000:82:00.0"])
            {
                Directory.CreateDirectory(Path.Combine(devices, device));
            }

            string physical = Path.Combine(devices, Physical);
            File.WriteAllText(physical + "/sriov_totalvfs", "7\n");
            File.WriteAllText(physical + "/sriov_numvfs", "2\n");
            Directory.CreateSymbolicLink(physical + "/virtfn1", "../0000:81:10.2");
            Directory.CreateSymbolicLink(physical + "/virtfn0", "../0000:81:10.0");
            Directory.CreateSymbolicLink(devices + "/0000:81:10.2/physfn", "../" + Physical);
            static string? Interface(string address) => address switch
            {
                Physical => "pf",
                "0000:81:10.0" => "vf0",
                _ => null,
            };

            SriovRow row = SriovReader.Read(physical, Interface)!;
            Assert.Equal(("physical", 2, 7), (row.Function, row.VirtualFunctions, row.VirtualFunctionsMax));
            Assert.Equal([new(0, "0000:81:10.0", "vf0"), new(1, "0000:81:10.2", null)], row.Functions);
            row = SriovReader.Read(devices + "/0000:81:10.2", Interface)!;
            Assert.Equal(("virtual", Physical, "pf", 1),
                (row.Function, row.PhysicalFunction, row.PhysicalInterface, row.Number));
            Assert.Null(SriovReader.Read(devices + "/0000:82:00.0", Interface));
            Assert.Null(SriovReader.Read(devices + "/none", Interface));
        }
        finally
        {
            Directory.Delete(devices, recursive: true);
        }
    }

    [Fact]
    public void The_relation_is_shown_with_interface_and_PCI_address()
    {
        string text = Render(Row("pf", new SriovRow("physical", 2, 7, null, null, null,
            [new(0, "0000:81:10.0", "vf0"), new(1, "0000:81:10.2", null)])));
        Assert.Contains("  pf: physical function, 2 of 7 virtual functions in use: 0 is vf0 (0000:81:10.0), "
            + "1 is 0000:81:10.2\n", text, StringComparison.Ordinal);
        text = Render(Row("vf1", new SriovRow("virtual", null, null, Physical, "pf", 1, [])));
        Assert.Contains("  vf1: virtual function 1 of pf (0000:81:00.0)\n", text, StringComparison.Ordinal);
        text = Render(Row("eth0", new SriovRow("virtual", null, null, Physical, null, null, [])));
        Assert.Contains("  eth0: virtual function of 0000:81:00.0\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void An_interrupt_is_shown_where_it_fires_and_said_to_wait_while_nobody_has_asked_for_it()
    {
        string text = Render(Row("pf", null, new(28, null, "0-1", "0"), new(29, 0, "0-1", null)));
        Assert.Contains("  pf: interrupts -> CPUs: 28 -> 0, 29 (queue 0) -> not yet raised, may be on 0-1\n",
            text, StringComparison.Ordinal);
        InterfaceRow down = Row("vf0", null, new(31, null, null, null), new(32, null, null, null));
        text = Render(down with { Link = "down" });
        Assert.Contains("  vf0: interrupts not yet asked for by the driver (the interface is down): 31, 32\n",
            text, StringComparison.Ordinal);
        Assert.DoesNotContain("unknown", text, StringComparison.Ordinal);
    }

    private static string Render(InterfaceRow row) =>
        PortsCommand.Render(new PortsDocument(PortsDocument.SchemaName, "", [row]));

    private static InterfaceRow Row(string name, SriovRow? sriov, params IrqRow[] irqs) => new(
        name, 2, "", "igb", null, "52:54:00:00:00:01", 1500, "up", true, 1, Physical,
        new XdpSupport(true, true, true, false, null), new QueueCounts(1, 1, null, null), null, null, sriov,
        irqs, null);
}
