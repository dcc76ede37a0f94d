using System.Diagnostics;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Netlink;
using LowLatency.Native.Xdp;
using Xunit;

namespace LowLatency.Netns.Tests.Xdp;

/// <summary>Frames on a wire, through the program, into an AF_XDP socket.</summary>
public sealed class RedirectTests
{
    private const uint Slots = 64;
    private const uint ChunkBytes = 2048;
    private const int Ours = 4500;
    private const int NotOurs = 80;

    [Theory]
    [InlineData(XdpAttachMode.Native, true)]
    [InlineData(XdpAttachMode.Native, false)]
    [InlineData(XdpAttachMode.Generic, true)]
    [InlineData(XdpAttachMode.Generic, false)]
    public void What_is_ours_reaches_the_socket_and_the_rest_the_stack(XdpAttachMode mode, bool stamps)
    {
        using Lab lab = Lab.Create();
        using NetworkNamespace scope = NetworkNamespace.Enter(lab.Path);
        using XdpProgram program = XdpProgram.Attach(new XdpAttachRequest
        {
            Interface = "a0",
            InterfaceIndex = lab.IndexOf("a0"),
            QueueCount = 1,
            Mode = mode,
            Claim = Claim.Udp,
            ClaimPortLow = 4000,
            ClaimPortHigh = 4999,
            Stamps = stamps,
        });
        using MappedMemory memory = MappedMemory.Anonymous(Slots * ChunkBytes, HugePages.Never);
        using Umem umem = Umem.Register(memory, Slots, ChunkBytes, 0, Slots, Slots);
        using XskSocket socket = XskSocket.Create(umem, new XskRequest
        {
            Interface = "a0",
            Queue = 0,
            RxSlots = Slots,
            TxSlots = Slots,
            ZeroCopy = false,
            BusyRetryNs = 2_000_000_000,
        });
        FillRing fill = socket.Fill;
        RxRing rx = socket.Rx;
        fill.Give([.. Enumerable.Range(0, (int)Slots).Select(frame => (ulong)frame * ChunkBytes)]);
        program.SetSocket(0, socket.Fd);

        long beforeNs = Stopwatch.GetTimestamp(); // CLOCK_MONOTONIC, ns
        lab.SendFromB(count: 3, port: NotOurs);
        lab.SendFromB(count: 5, port: Ours);
        XdpDesc[] descs = new XdpDesc[Slots];
        int received = 0;
        Lab.Eventually(() => (received += rx.Receive(descs.AsSpan(received))) >= 5);
        long afterNs = Stopwatch.GetTimestamp();

        Assert.Equal(5, received);
        foreach (XdpDesc desc in descs[..received])
        {
            Assert.Equal(14 + 20 + 8 + 18, (int)desc.Length);
            Span<byte> frame = umem.View.Frame(desc.Address, desc.Length);
            Assert.Equal(Ours, (frame[36] << 8) | frame[37]); // UDP destination port
            Assert.Equal(stamps, umem.View.TryReadMeta(desc.Address, out FrameMeta meta));
            if (stamps)
            {
                Assert.InRange((long)meta.ReceivedNs, beforeNs, afterNs);
            }
        }

        OutcomeCounters outcomes = default;
        program.ReadOutcomes(ref outcomes);
        Assert.Equal(5UL, outcomes[(int)XdpOutcome.Redirected]);
        Assert.Equal(3UL, outcomes[(int)XdpOutcome.PassedNotOurs]);
        Assert.Equal(0UL, outcomes[(int)XdpOutcome.PassedNoSocket]);
        Assert.Equal(Errno.Ok, socket.ReadStatistics(out XdpStatistics statistics));
        Assert.Equal(0UL, statistics.RxDropped + statistics.RxRingFull);
    }

    [Fact]
    public void A_closed_socket_leaves_frames_to_the_stack()
    {
        using Lab lab = Lab.Create();
        using NetworkNamespace scope = NetworkNamespace.Enter(lab.Path);
        using XdpProgram program = XdpProgram.Attach(new XdpAttachRequest
        {
            Interface = "a0",
            InterfaceIndex = lab.IndexOf("a0"),
            QueueCount = 1,
            Mode = XdpAttachMode.Native,
            Claim = Claim.Ip,
        });
        using MappedMemory memory = MappedMemory.Anonymous(Slots * ChunkBytes, HugePages.Never);
        Umem umem = Umem.Register(memory, Slots, ChunkBytes, 0, Slots, Slots);
        XskSocket socket = XskSocket.Create(umem, new XskRequest
        {
            Interface = "a0",
            Queue = 0,
            RxSlots = Slots,
            TxSlots = Slots,
            ZeroCopy = false,
            BusyRetryNs = 2_000_000_000,
        });
        program.SetSocket(0, socket.Fd);
        socket.Dispose();
        umem.Dispose(); // libxdp's first socket is the UMEM's own descriptor: only now is it closed
        lab.SendFromB(count: 2, port: Ours);
        OutcomeCounters outcomes = default;
        Lab.Eventually(() =>
        {
            program.ReadOutcomes(ref outcomes);
            return outcomes[(int)XdpOutcome.PassedNoSocket] == 2;
        });
        Assert.Equal(0UL, outcomes[(int)XdpOutcome.Redirected]);
    }

    [Fact]
    public void A_descriptor_that_is_no_XDP_socket_is_refused()
    {
        using Lab lab = Lab.Create();
        using XdpProgram program = XdpProgram.Attach(new XdpAttachRequest
        {
            Interface = "a0",
            InterfaceIndex = lab.IndexOf("a0"),
            NetworkNamespace = lab.Path,
            QueueCount = 1,
            Mode = XdpAttachMode.Native,
            Claim = Claim.Ip,
        });
        NativeException refused = Assert.Throws<NativeException>(() => program.SetSocket(0, 0));
        Assert.Contains("AF_XDP", refused.Hint, StringComparison.Ordinal);
    }
}
