using LowLatency.Native;
using LowLatency.Native.Netlink;
using Xunit;

namespace LowLatency.Netns.Tests.Netlink;

public sealed class PromiscuousHoldTests
{
    [Fact]
    public void APortIsPromiscuousAsLongAsSomebodyHoldsIt()
    {
        using Lab lab = Lab.Create();
        int index = lab.IndexOf("a0");
        Assert.Contains("promiscuity 0", Describe(lab), StringComparison.Ordinal);
        using (PromiscuousHold.Take(lab.Path, index))
        {
            using (PromiscuousHold.Take(lab.Path, index))
            {
                Assert.Contains("promiscuity 2", Describe(lab), StringComparison.Ordinal);
            }

            Assert.Contains("promiscuity 1", Describe(lab), StringComparison.Ordinal);
        }

        Assert.Contains("promiscuity 0", Describe(lab), StringComparison.Ordinal);
    }

    [Fact]
    public void AnInterfaceThatIsNotThereIsRefusedByName()
    {
        using Lab lab = Lab.Create();
        NativeException refusal = Assert.Throws<NativeException>(() => PromiscuousHold.Take(lab.Path, 4711));
        Assert.Equal(Errno.ENODEV, refusal.Errno);
        Assert.Contains("PACKET_MR_PROMISC, ifindex 4711", refusal.Message, StringComparison.Ordinal);
    }

    private static string Describe(Lab lab) => lab.Ip("-d", "link", "show", "dev", "a0");
}
