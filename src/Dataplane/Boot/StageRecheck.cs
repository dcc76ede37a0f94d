using System.Numerics;
using LowLatency.Dataplane.Stages;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Tables;
using static LowLatency.Dataplane.Boot.PlanRecheck;

namespace LowLatency.Dataplane.Boot;

/// <summary>What each kind of stage will trust of its tables and settings. Pure.</summary>
internal static class StageRecheck
{
    /// <summary>Throws with the first thing that is wrong.</summary>
    public static void Check(PlanImage plan, in PlanLane lane, in PlanStage stage, string who)
    {
        switch (stage.Kind)
        {
            case StageKind.Route:
                CheckRoute(plan, stage, who);
                break;
            case StageKind.Vlan:
                Require(HasTable(plan, stage, 0, TableKind.Vlans,
                    Limits.PortsPerLaneMax * (long)VlanPort.SizeBytes),
                    $"{who}: a vlan stage without ports");
                break;
            case StageKind.Switch:
                CheckSwitch(plan, stage, who);
                break;
            case StageKind.Fanout:
                CheckGroups(plan, stage, who);
                break;
            case StageKind.Mirror:
                CheckMirror(lane, stage, who);
                break;
            case StageKind.Nat:
                CheckNat(plan, lane, stage, who);
                break;
            case StageKind.Police:
                CheckPolice(plan, stage, who);
                break;
            case StageKind.Arbitrate:
                CheckArbitrate(plan, lane, stage, who);
                break;
            case StageKind.Stamp:
                Require(HasTable(plan, stage, 0, TableKind.Histogram, RegionLayout.HistogramBytes),
                    $"{who}: a stamp stage without a histogram");
                Require(StampSettings.Read(stage).Sample > 0, $"{who}: a stamp stage's sample is none");
                break;
            case StageKind.Record:
                CheckRecord(plan, stage, who);
                break;
            case StageKind.Replay:
                CheckReplay(plan, lane, stage, who);
                break;
            case StageKind.Recorder:
                CheckRecorder(plan, lane, stage, who);
                break;
            case StageKind.Acl:
                Require(stage.RuleCount > 0 && HasTable(plan, stage, Acl.CountersTable, TableKind.RuleCounters,
                        stage.RuleCount * (long)RuleCounter.SizeBytes),
                    $"{who}: an acl stage without counters");
                Require(HasTable(plan, stage, Acl.ListTable, TableKind.Acl, AclTable.BytesMin),
                    $"{who}: an acl stage without its list");
                break;
            default:
                break;
        }
    }

    private static void CheckRecord(PlanImage plan, in PlanStage stage, string who)
    {
        RecordSettings settings = RecordSettings.Read(stage);
        int queue = Record.QueueTable(stage);
        Require(HasTable(plan, stage, queue, TableKind.Records,
            RecordQueueHeader.SizeBytes
                + (RecordQueueHeader.BlocksMin * (long)RecordQueueHeader.BlockBytes)),
            $"{who}: a record stage without its blocks");
        PlanTable table = plan.Table((int)stage.FirstTable + queue);
        Require(table.Bytes == RecordQueueHeader.SizeBytes
            + (table.Capacity * (long)RecordQueueHeader.BlockBytes), $"{who}: a record stage's blocks");
        Require(settings.Recorder >= 0 && settings.Recorder < plan.LaneCount
            && plan.Lane((int)settings.Recorder).Kind == LaneKind.Storage, $"{who}: records for no recorder");
        Require(settings.Sample > 0 && settings.SnapBytes is >= 0 and <= Limits.ChunkBytesMax
            && settings.CutBytes is >= 0 and <= Limits.ChunkBytesMax, $"{who}: a record stage's settings");
    }

    private static void CheckRecorder(PlanImage plan, in PlanLane lane, in PlanStage stage, string who)
    {
        RecorderSettings settings = RecorderSettings.Read(stage);
        Require(lane.Kind == LaneKind.Storage, $"{who}: a recorder in a lane of another kind");
        Require(HasTable(plan, stage, 0, TableKind.Entries, RecorderSettings.PathBytes),
            $"{who}: a recorder without a folder");
        Require(settings.FileBytes is >= RecorderSettings.FileBytesMin and <= RecorderSettings.FileBytesMax
            && settings.FileNs >= 0 && settings.SyncNs > 0 && settings.KeepBytes >= 0
            && settings.Mode <= RecordMode.IoPoll, $"{who}: a recorder's settings");
    }

    private static void CheckReplay(PlanImage plan, in PlanLane lane, in PlanStage stage, string who)
    {
        ReplaySettings settings = ReplaySettings.Read(stage);
        Require(lane.Kind == LaneKind.Replay, $"{who}: a replay in a lane of another kind");
        Require(HasTable(plan, stage, 0, TableKind.Entries, ReplayHeader.SizeBytes),
            $"{who}: a replay without a file");
        Require(settings.Form <= CaptureForm.Pcapng && settings.UnitsPerSecond > 0 && settings.FileBytes > 0
            && settings.Speed > 0 && settings.RatePps is >= 0 and <= Limits.RatePpsMax,
            $"{who}: a replay's settings");
    }

    private static void CheckGroups(PlanImage plan, in PlanStage stage, string who)
    {
        Require(HasTable(plan, stage, 0, TableKind.Entries, 0), $"{who}: a fanout stage without groups");
        long bytes = plan.Table((int)stage.FirstTable).Bytes;
        long places = bytes / FanoutGroup.SizeBytes;
        Require(bytes == 0 || (bytes % FanoutGroup.SizeBytes == 0 && BitOperations.IsPow2(places)),
            $"{who}: a fanout stage's groups are no power of two");
    }

    private static void CheckArbitrate(PlanImage plan, in PlanLane lane, in PlanStage stage, string who)
    {
        ArbitrateSettings settings = ArbitrateSettings.Read(stage);
        Require(HasTable(plan, stage, ArbitrateSettings.Streams, TableKind.Windows, StreamWindow.SizeBytes)
            && HasTable(plan, stage, ArbitrateSettings.SkewOfB, TableKind.Histogram, RegionLayout.HistogramBytes)
            && HasTable(plan, stage, ArbitrateSettings.SkewOfA, TableKind.Histogram, RegionLayout.HistogramBytes),
            $"{who}: an arbitrate stage without its tables");
        long bytes = plan.Table((int)stage.FirstTable).Bytes;
        Require(bytes % StreamWindow.SizeBytes == 0 && BitOperations.IsPow2(bytes / StreamWindow.SizeBytes),
            $"{who}: an arbitrate stage's streams are no power of two");
        Require(settings.Out >= -1 && settings.Out < lane.PortCount, $"{who}: an arbitrate stage's port is none");
        Require(settings.Format is >= SequenceFormat.Custom and <= SequenceFormat.Rtp && settings.At is >= 0 and <= 4096
                && settings.Width is 1 or 2 or 4 or 8,
            $"{who}: an arbitrate stage's numbers are none");
        Require(settings.Window is >= 64 and <= ArbitrateSettings.WindowMax && BitOperations.IsPow2(settings.Window),
            $"{who}: an arbitrate stage's window is none");
    }

    private static void CheckMirror(in PlanLane lane, in PlanStage stage, string who)
    {
        MirrorSettings settings = MirrorSettings.Read(stage);
        Require(settings.Port >= 0 && settings.Port < lane.PortCount, $"{who}: a mirror stage's port is none");
        Require(settings.Sample > 0 && settings.SnapBytes >= 0, $"{who}: a mirror stage's sample is none");
    }

    private static void CheckNat(PlanImage plan, in PlanLane lane, in PlanStage stage, string who)
    {
        NatSettings settings = NatSettings.Read(stage);
        Require(HasTable(plan, stage, NatSettings.Flows, TableKind.Flows, NatHeader.BytesFor(2)),
            $"{who}: a nat stage without flows");
        long bytes = plan.Table((int)stage.FirstTable + NatSettings.Flows).Bytes;
        long flows = NatHeader.FlowsOf(bytes);
        Require(bytes <= int.MaxValue && bytes == NatHeader.BytesFor(flows) && BitOperations.IsPow2(flows),
            $"{who}: a nat stage's flows are no power of two");
        Require(HasTable(plan, stage, NatSettings.Entries, TableKind.Entries, 0),
            $"{who}: a nat stage without entries");
        long ports = (1L << (int)lane.PortCount) - 1;
        Require((settings.Inside & ~ports) == 0 && (settings.Outside & ~ports) == 0
            && (settings.Inside & settings.Outside) == 0, $"{who}: a nat stage's ports are none");
        Require(settings.PortLow > 0 && settings.PortLow <= settings.PortHigh
                && settings.PortHigh <= ushort.MaxValue,
            $"{who}: a nat stage has no ports to give");
        Require(settings.UdpNs is > 0 and <= NatSettings.TimeMaxNs
                && settings.EstablishedNs is > 0 and <= NatSettings.TimeMaxNs
                && settings.TransitoryNs is > 0 and <= NatSettings.TimeMaxNs
                && settings.IcmpNs is > 0 and <= NatSettings.TimeMaxNs,
            $"{who}: a nat stage's times are none");
    }

    private static void CheckPolice(PlanImage plan, in PlanStage stage, string who)
    {
        PoliceSettings settings = PoliceSettings.Read(stage);
        const long Bytes = TokenBuckets.SizeBytes;
        int table = stage.RuleCount == 0 ? 0 : 1;
        long least = settings.Scope == PoliceScope.Port ? Limits.PortsPerLaneMax
            : settings.Scope == PoliceScope.Rule ? stage.RuleCount : 1;
        Require(settings.Scope is >= PoliceScope.Port and <= PoliceScope.Flow
            && (settings.Scope == PoliceScope.Rule) == (stage.RuleCount > 0), $"{who}: a police stage's scope is none");
        Require(HasTable(plan, stage, table, TableKind.Buckets, least * Bytes), $"{who}: a police stage without buckets");
        long buckets = plan.Table((int)stage.FirstTable + table).Bytes / Bytes;
        Require(settings.Scope != PoliceScope.Flow || BitOperations.IsPow2(buckets),
            $"{who}: a police stage's flows are no power of two");
        Require(settings.Rate is > 0 and <= PoliceSettings.RateMax && settings.PeakRate is >= 0 and <= PoliceSettings.RateMax
                && settings.Burst is >= 0 and <= PoliceSettings.BurstMax
                && settings.ExcessBurst is >= 0 and <= PoliceSettings.BurstMax,
            $"{who}: a police stage's rates are none");
    }

    private static void CheckRoute(PlanImage plan, in PlanStage stage, string who)
    {
        Require(HasTable(plan, stage, RouteSettings.Routes4, TableKind.Routes4, Lpm4.BytesMin),
            $"{who}: a route stage without IPv4 routes");
        Require(HasTable(plan, stage, RouteSettings.Routes6, TableKind.Routes6, Lpm6.BytesMin),
            $"{who}: a route stage without IPv6 routes");
        Require(stage.TableCount == RouteSettings.Tables, $"{who}: a route stage has {stage.TableCount} "
            + $"tables");
        uint hops = plan.Table((int)stage.FirstTable + RouteSettings.NextHops).Capacity;
        Require(hops is > 0 and <= int.MaxValue
                && HasTable(plan, stage, RouteSettings.NextHops, TableKind.NextHops,
                    NextHops.BytesFor(hops, 0)),
            $"{who}: a route stage without next hops");
    }

    private static void CheckSwitch(PlanImage plan, in PlanStage stage, string who)
    {
        SwitchSettings settings = SwitchSettings.Read(stage);
        const long BucketBytes = MacEntry.BucketEntries * MacEntry.SizeBytes;
        Require(HasTable(plan, stage, 0, TableKind.Macs, SwitchCounters.SizeBytes + BucketBytes),
            $"{who}: a switch stage without addresses");
        long bytes = plan.Table((int)stage.FirstTable).Bytes - SwitchCounters.SizeBytes;
        Require(bytes % BucketBytes == 0 && BitOperations.IsPow2(bytes / BucketBytes),
            $"{who}: a switch stage's table is no power of two");
        Require(settings.AgeSeconds is >= 0 and <= uint.MaxValue && settings.FloodsPerSecond
            is >= 0 and <= 1_000_000_000,
            $"{who}: a switch stage's times are none");
        bool hasVlans = settings.VlanTable >= 0;
        Require(settings.VlanTable >= -1 && settings.VlanTable < plan.TableCount && (!hasVlans
                || (plan.Table((int)settings.VlanTable).Kind == TableKind.Vlans
                    && plan.Table((int)settings.VlanTable)
                        .Bytes >= Limits.PortsPerLaneMax * (long)VlanPort.SizeBytes)),
            $"{who}: a switch stage's VLAN table is none");
    }
}
