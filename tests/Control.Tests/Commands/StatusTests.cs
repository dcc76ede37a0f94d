using System.Text.Json;
using LowLatency.Control.Running;
using LowLatency.Control.Tests.Measuring;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Control.Tests.Commands;

public sealed class StatusTests
{
    public StatusTests() => Assert.SkipUnless(Environment.IsPrivilegedProcess,
        "status reads what root's lowlatd made");

    [Fact]
    public void A_live_data_plane_is_shown_with_its_lanes_and_their_rates()
    {
        using FakeDataPlane plane = new(LaneKind.Forward);
        plane.Owner.Header.State = RegionState.Armed;
        plane.Start(0);
        JsonElement shown = Status(NameOf(plane));
        plane.Stop();
        Assert.True(shown.GetProperty("isAlive").GetBoolean());
        Assert.Equal("armed", shown.GetProperty("state").GetString());
        Assert.Equal(Environment.ProcessId, shown.GetProperty("pid").GetInt32());
        Assert.Equal("forward", shown.GetProperty("lanes")[0].GetProperty("kind").GetString());
    }

    [Fact]
    public void Frames_that_a_tx_ring_keeps_are_shown_by_name()
    {
        using FakeDataPlane plane = new(LaneKind.Forward);
        ref LaneCounters counters = ref plane.Owner.LanePage(0).Value.Counters;
        (counters.TxFrames, counters.FramesTxSide, counters.FramesTxRing) = (100, 7, 4);
        plane.Owner.Header.State = RegionState.Armed;
        JsonElement lane = Status(NameOf(plane)).GetProperty("lanes")[0];
        Assert.Equal("""{"tx-not-taken":4,"tx-not-completed":3}""",
            JsonSerializer.Serialize(lane.GetProperty("held")));
        Assert.Contains(": on the tx side tx-not-taken 4, tx-not-completed 3",
            CommandRun.Of("status", "--name", NameOf(plane)).Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_dead_one_is_named_dead_with_the_way_to_clean_up_which_works()
    {
        using FakeDataPlane plane = new(LaneKind.Forward);
        string name = NameOf(plane);
        plane.Owner.Header.State = RegionState.Armed;
        plane.Owner.Header.Step.Set("open");
        plane.Die();
        CommandRun text = CommandRun.Of("status", "--name", name);
        Assert.Equal(0, text.Code);
        Assert.StartsWith($"{name}: dead, pid {Environment.ProcessId}, boot step 'open'", text.Out,
            StringComparison.Ordinal);
        Assert.Contains($"'lowlat stop --name {name}' cleans up", text.Out, StringComparison.Ordinal);
        Assert.Equal("dead", Status(name).GetProperty("state").GetString());
        CommandRun stop = CommandRun.Of("stop", "--name", name);
        Assert.Equal(0, stop.Code);
        Assert.StartsWith($"'{name}' was dead already\n", stop.Out, StringComparison.Ordinal);
        Assert.DoesNotContain(name, Instance.Names());
    }

    [Fact]
    public void A_region_of_another_release_is_shown_as_such_and_does_not_hide_the_others()
    {
        string damaged = $"llc{Environment.ProcessId}damaged";
        using FakeDataPlane plane = new(LaneKind.Forward);
        string copy = Instance.RegionPath(damaged);
        Tool.Run("cp", [plane.Owner.Path, copy]); // .NET would not read what another descriptor has locked
        byte[] bytes = File.ReadAllBytes(copy);
        bytes[8] ^= 0x40; // the version
        File.WriteAllBytes(copy, bytes);
        try
        {
            using StatusReader reader = new(null);
            StatusDocument status = reader.Read();
            PlaneStatus shown = Assert.Single(status.DataPlanes, found => found.Name == damaged);
            Assert.False(shown.IsAlive);
            Assert.Contains("region version", shown.Failure, StringComparison.Ordinal);
            Assert.Contains(status.DataPlanes, found => found.Name == NameOf(plane) && found.IsAlive);
        }
        finally
        {
            File.Delete(copy);
        }
    }

    private static JsonElement Status(string name)
    {
        CommandRun run = CommandRun.Of("status", "--name", name, "--json");
        Assert.Equal((0, ""), (run.Code, run.Error));
        JsonElement root = JsonDocument.Parse(run.Out).RootElement;
        Assert.Equal("lowlat.status/1", root.GetProperty("schema").GetString());
        return Assert.Single(root.GetProperty("dataPlanes").EnumerateArray());
    }

    private static string NameOf(FakeDataPlane plane) =>
        Path.GetFileNameWithoutExtension(plane.Owner.Path)["lowlat-".Length..];
}
