using System.Numerics;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Tables;
using static LowLatency.Dataplane.Boot.PlanRecheck;

namespace LowLatency.Dataplane.Boot;

/// <summary>What each kind of stage will trust of its tables and settings. Pure.</summary>
internal static class StageRecheck
{
    /// <summary>Throws with the first thing that is wrong.</summary>
    public static void Check(PlanImage plan, in PlanStage stage, string who)
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
            default:
                break;
        }
    }

    private static void CheckRoute(PlanImage plan, in PlanStage stage, string who)
    {
        Require(HasTable(plan, stage, RouteSettings.Routes4, TableKind.Routes4,
            RangeTrie.RootBytes(Lpm4.RootBits)),
            $"{who}: a route stage without IPv4 routes");
        Require(HasTable(plan, stage, RouteSettings.Routes6, TableKind.Routes6,
            RangeTrie.RootBytes(Lpm6.RootBits)),
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
