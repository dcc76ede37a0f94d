using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Xdp;
using Xunit;

namespace LowLatency.Netns.Tests.Dataplane;

/// <summary>What a host does to a data plane on a bad day, and what it must say and leave behind.</summary>
public sealed class BadDayTests
{
    [Fact]
    public void ALinkThatGoesDownAndUpUnderLoadIsCountedAndTrafficComesBack()
    {
        using Rack rack = Rack.Create();
        using Daemon forward = Daemon.StartArmed(rack.Forwarder());
        using Daemon load = Daemon.StartArmed(rack.Load(ratePps: 5_000, durationMs: 60_000));
        Rack.Begin(load);
        SharedRegion received = load.Region;
        SharedRegion region = forward.Region;
        Lab.Eventually(() => received.ReadCounters(1).Received[0] > 100);

        rack.Lab.Ip("link", "set", "q0", "down");
        Lab.Eventually(() => region.ReadPort(1).Link == LinkState.Down);
        Lab.Eventually(() => region.ReadCounters(0).Drops[(int)DropReason.PortDown] > 100);

        rack.Lab.Ip("link", "set", "q0", "up");
        Lab.Eventually(() => region.ReadPort(1).Link == LinkState.Up);
        ulong before = received.ReadCounters(1).Received[0];
        Lab.Eventually(() => received.ReadCounters(1).Received[0] > before + 100);
        Assert.Equal((1UL, 1UL), (region.ReadPort(1).LinkDowns, region.ReadPort(1).LinkUps));
        Assert.Equal((0, ""), forward.Stop());
    }

    [Fact]
    public void AnInterfaceThatIsDeletedUnderLoadIsNamedAndTheRestGoesOn()
    {
        using Rack rack = Rack.Create();
        using Daemon forward = Daemon.StartArmed(rack.Forwarder());
        using Daemon load = Daemon.StartArmed(rack.Load(ratePps: 5_000, durationMs: 60_000));
        Rack.Begin(load);
        SharedRegion region = forward.Region;
        Lab.Eventually(() => region.ReadCounters(0).TxFrames > 100);

        rack.Lab.Ip("link", "delete", "q0"); // and its peer s0
        Lab.Eventually(() => region.ReadPort(1).Link == LinkState.Gone);
        Lab.Eventually(() => region.ReadCounters(0).Drops[(int)DropReason.PortDown] > 100);
        Assert.Equal(LinkState.Up, region.ReadPort(0).Link);
        Assert.Equal(0UL, region.ReadCounters(0).ConservationBreaks);
        Assert.Equal((0, ""), forward.Stop());
        Assert.Equal((0, ""), load.Stop());
    }

    [Fact]
    public void AKilledDataPlaneLeavesTheHookFreeAndARestartWorksAtOnce()
    {
        using Rack rack = Rack.Create();
        using Daemon load = Daemon.StartArmed(rack.Load(ratePps: 5_000, durationMs: 60_000));
        Rack.Begin(load);
        using (Daemon first = Daemon.StartArmed(rack.Forwarder()))
        {
            Assert.NotEqual(0u, rack.ProgramOn("p0"));
            Assert.True(first.Region.IsOwnerAlive);
            first.Kill9();
            Assert.Equal(0u, rack.ProgramOn("p0"));
            Assert.Equal(0u, rack.ProgramOn("q0"));
            Assert.False(first.Region.IsOwnerAlive); // and what it knew can still be read
            Assert.Equal(RegionState.Armed, first.Region.Header.State);
        }

        using Daemon second = Daemon.StartArmed(rack.Forwarder());
        SharedRegion region = second.Region;
        Lab.Eventually(() => region.ReadCounters(0).TxFrames > 100);
        Assert.Equal((0, ""), second.Stop());
    }

    [Fact]
    public void ASecondDataPlaneOfTheSameNameIsRefused()
    {
        using Rack rack = Rack.Create();
        using Daemon first = Daemon.StartArmed(rack.Forwarder());
        using Daemon second = Daemon.Start(rack.Forwarder());
        (int code, string error) = second.WaitForExit();
        Assert.Equal(2, code);
        Assert.Equal(
            $"lowlatd: flock({first.RegionPath}): EBUSY. A data plane named '{rack.Lab.Name}' runs already: stop it, "
            + "or give this one another name.",
            error);
        Assert.True(first.IsRunning);
    }

    [Fact]
    public void AQueueThatAnotherSocketHoldsIsRefusedAfterTheRetriesAndNothingIsLeft()
    {
        using Rack rack = Rack.Create();
        using Daemon first = Daemon.StartArmed(rack.Forwarder());
        using Daemon second = Daemon.Start(rack.Forwarder(suffix: "-b"));
        (int code, string error) = second.WaitForExit();
        Assert.Equal(2, code);
        Assert.StartsWith(
            "lowlatd: boot step 'umem and sockets': bind(AF_XDP, p0 queue 0, zero-copy): EBUSY. Another AF_XDP socket",
            error, StringComparison.Ordinal);
        Assert.False(File.Exists(second.RegionPath));
        Assert.NotEqual(0u, rack.ProgramOn("p0"));
        Assert.True(first.IsRunning);
    }

    [Fact]
    public void AHookThatAnotherProgramOwnsIsRefusedWithItsOwnersName()
    {
        using Rack rack = Rack.Create();
        using XdpProgram other = XdpProgram.Attach(new XdpAttachRequest
        {
            Interface = "p0",
            InterfaceIndex = rack.Lab.IndexOf("p0"),
            NetworkNamespace = rack.Lab.Path,
            QueueCount = 1,
            Mode = XdpAttachMode.Native,
            Claim = Claim.None,
        });
        using Daemon daemon = Daemon.Start(rack.Forwarder());
        (int code, string error) = daemon.WaitForExit();
        Assert.Equal(2, code);
        Assert.StartsWith("lowlatd: boot step 'xdp': bpf_link_create(XDP, p0, native): EBUSY.", error,
            StringComparison.Ordinal);
        Assert.Contains($"{Environment.ProcessId}", error, StringComparison.Ordinal);
        Assert.Equal(other.ProgramId, rack.ProgramOn("p0"));
        Assert.Equal(0u, rack.ProgramOn("q0"));
    }

    [Fact]
    public void WithoutPrivilegesOneLineSaysSo()
    {
        using Rack rack = Rack.Create();
        using Daemon daemon = Daemon.Start(rack.Forwarder(), "setpriv", "--bounding-set=-all", "--inh-caps=-all");
        (int code, string error) = daemon.WaitForExit();
        Assert.Equal(2, code);
        Assert.Contains("EPERM", error, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error);
    }

    [Fact]
    public void WithoutMemoryToLockOneLineSaysSoAndNothingIsLeft()
    {
        using Rack rack = Rack.Create();
        using Daemon daemon = Daemon.Start(rack.Forwarder(),
            "prlimit", "--memlock=65536:65536", "setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock");
        (int code, string error) = daemon.WaitForExit();
        Assert.Equal(2, code);
        Assert.Contains("ulimit -l", error, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error);
        Assert.Equal(0u, rack.ProgramOn("p0"));
        Assert.False(File.Exists(daemon.RegionPath));
    }

    [Theory]
    [InlineData("truncated", "plan is truncated or padded")]
    [InlineData("flipped", "plan is damaged")]
    [InlineData("version", "plan has version")]
    [InlineData("empty", "plan is truncated")]
    [InlineData("text", "not a plan file")]
    public void APlanFileThatIsNotWholeIsRefusedInOneLine(string damage, string expected)
    {
        using Rack rack = Rack.Create();
        byte[] bytes = rack.Forwarder().Bytes.ToArray();
        bytes = damage switch
        {
            "truncated" => bytes[..^1],
            "empty" => [],
            "text" => [.. Enumerable.Repeat((byte)'#', bytes.Length)],
            _ => bytes,
        };
        if (damage is "flipped" or "version")
        {
            bytes[damage == "version" ? 8 : ^5] ^= 4;
        }

        string path = Path.Combine(Path.GetTempPath(), $"{rack.Lab.Name}-{damage}.plan");
        File.WriteAllBytes(path, bytes);
        try
        {
            (int code, string error) = Lab.Try(Daemon.Program, "--plan", path);
            Assert.Equal(1, code);
            Assert.StartsWith($"lowlatd: {path}: {expected}", error, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', error.Trim());
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void APlanMadeForAnInterfaceThatIsGoneIsRefused()
    {
        using Rack rack = Rack.Create();
        PlanImage plan = rack.Forwarder();
        rack.Lab.Ip("link", "delete", "q0");
        using Daemon daemon = Daemon.Start(plan);
        Assert.Equal(
            (2, "lowlatd: boot step 're-check': find interface q0: ENODEV. It is gone since it was planned."),
            daemon.WaitForExit());
        Assert.Equal(0u, rack.ProgramOn("p0"));
    }
}
