using LowLatency.Dataplane.Packets;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Xdp;
using Xunit;

namespace LowLatency.Dataplane.Tests.Paths;

/// <summary>Frames through a loaded XDP program, by the kernel's test run.</summary>
internal static class PathProgram
{
    /// <summary>What it does with a frame, and leaves of it; it must have counted the frame once, with its
    /// bytes where it ends there.</summary>
    public static XdpOutcome Run(XdpObject loaded, byte[] frame, out byte[] left)
    {
        OutcomeCounters before = default;
        OutcomeCounters after = default;
        OutcomeCounters bytesBefore = default;
        OutcomeCounters bytes = default;
        Assert.Equal(Errno.Ok, loaded.ReadOutcomes(ref before, ref bytesBefore));
        left = BpfTestRun.Run(loaded.ProgramFd, frame).Frame;
        Assert.Equal(Errno.Ok, loaded.ReadOutcomes(ref after, ref bytes));
        int only = Assert.Single(
            Enumerable.Range(0, OutcomeCounters.Count), slot => after[slot] != before[slot]);
        ulong counted = only >= (int)XdpOutcome.Offloaded ? (ulong)frame.Length : 0;
        Assert.Equal(counted, bytes[only] - bytesBefore[only]);
        return (XdpOutcome)only;
    }

    /// <summary>True for IPv6 with an extension header behind its own: programs leave it to the lane.</summary>
    public static bool HasExtension(byte[] frame) =>
        Ethernet.TryReadType(frame, out ushort type, out int at) && type == Ethernet.Ipv6
            && frame.Length > at + 6 && frame[at + 6] is 0 or 43 or 44 or 60;
}
