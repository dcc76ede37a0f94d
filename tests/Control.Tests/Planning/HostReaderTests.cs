using LowLatency.Control.Planning;
using Xunit;

namespace LowLatency.Control.Tests.Planning;

/// <summary>Which device in sysfs an interface is, whatever its driver calls it.</summary>
public sealed class HostReaderTests
{
    [Theory]
    [InlineData("0000:00:03.0", "virtio2", "0000:00:03.0")] // virtio: rtnetlink names virtio2
    [InlineData("0000:01:00.0", "0000:01:00.0", "0000:01:00.0")]
    [InlineData("", "0000:01:00.0", "0000:01:00.0")] // a driver that answers no ethtool
    [InlineData("N/A", "0000:01:00.0", "0000:01:00.0")] // a driver that says it has none
    [InlineData("", "", "")] // veth
    [InlineData("../../devices/x", "", "")]
    public void The_device_of_an_interface_is_the_PCI_one(string busInfo, string parent, string expected) =>
        Assert.Equal(expected, HostReader.DeviceOf(busInfo, parent));

    [Theory]
    [InlineData("1", "0-3", "1")]  // where the kernel has put it
    [InlineData("", "0-3", "0-3")] // a kernel that does not say: where it may go
    public void An_interrupt_is_where_the_kernel_has_put_it(
        string effective, string allowed, string expected) =>
        Assert.Equal(expected, HostReader.AffinityOf(effective, allowed));

    [Fact]
    public void Every_PCI_interface_of_this_host_has_its_interrupts()
    {
        bool found = false;
        foreach (InterfaceFacts link in HostFacts.Read([""]).Namespaces[0].Interfaces)
        {
            if (HasInterrupts(link.Name))
            {
                found = true;
                Assert.NotEmpty(link.Irqs);
            }
        }

        Assert.SkipUnless(found, "no network interface of this host has PCI interrupts");
    }

    // The interface's folder in /sys/devices lies below that of its PCI device.
    private static bool HasInterrupts(string name)
    {
        string? folder = new DirectoryInfo("/sys/class/net/" + name).ResolveLinkTarget(true)?.FullName;
        while (folder != null && !Directory.Exists(folder + "/msi_irqs"))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder != null;
    }
}
