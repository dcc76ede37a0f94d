using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Netlink;
using LowLatency.Native.Probes;
using LowLatency.Native.Xdp;
using Xunit;

namespace LowLatency.Netns.Tests.Probes;

/// <summary>AF_XDP binds on a veth, which has copy mode and no zero-copy.</summary>
public sealed class BindTrialTests
{
    [Fact]
    public void A_veth_binds_in_copy_mode_again_and_again_and_no_program_is_left()
    {
        using Lab lab = Lab.Create();
        BindTrial first = BindTrial.Run(lab.Path, "a0", 0, zeroCopy: false);
        Assert.Equal((Errno.Ok, false, ""), (first.Errno, first.IsZeroCopy, first.Reason));
        Lab.Eventually(() => BindTrial.Run(lab.Path, "a0", 0, zeroCopy: false).Errno == Errno.Ok);
        using RouteNetlink route = RouteNetlink.Open(lab.Path);
        Assert.Equal(0u, route.FindLink("a0")!.XdpProgramId);
    }

    [Fact]
    public void Zero_copy_on_a_veth_is_refused_with_a_reason()
    {
        using Lab lab = Lab.Create();
        BindTrial trial = BindTrial.Run(lab.Path, "a0", 0, zeroCopy: true);
        Assert.Equal((Errno.EOPNOTSUPP, false), (trial.Errno, trial.IsZeroCopy));
        Assert.Contains("zero-copy", trial.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a0", 1, Errno.EINVAL)]
    [InlineData("zz", 0, Errno.ENODEV)]
    [InlineData("a_name_no_interface_can_have", 0, Errno.ENODEV)]
    public void A_queue_or_an_interface_that_is_not_there_is_not_tried(
        string name, uint queue, Errno expected)
    {
        using Lab lab = Lab.Create();
        BindTrial trial = BindTrial.Run(lab.Path, name, queue, zeroCopy: false);
        Assert.Equal(expected, trial.Errno);
        Assert.NotEmpty(trial.Reason);
    }

    [Fact]
    public void A_queue_that_another_socket_holds_is_busy()
    {
        using Lab lab = Lab.Create();
        using (NetworkNamespace.Enter(lab.Path))
        {
            using MappedMemory memory = MappedMemory.Anonymous(64 * 4096, HugePages.Never);
            using Umem umem = Umem.Register(memory, 64, 4096, 0, 64, 64);
            using XskSocket holder = XskSocket.Create(umem, new XskRequest
            {
                Interface = "a0",
                Queue = 0,
                RxSlots = 64,
                TxSlots = 64,
                ZeroCopy = false,
                BusyRetryNs = 0,
            });
            BindTrial trial = BindTrial.Run("", "a0", 0, zeroCopy: false);
            Assert.Equal(Errno.EBUSY, trial.Errno);
            Assert.Contains("ss --xdp", trial.Reason, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_namespace_that_is_not_there_is_said_so() => Assert.Equal(Errno.ENOENT,
        BindTrial.Run("/run/netns/llx-none", "a0", 0, zeroCopy: false).Errno);
}
