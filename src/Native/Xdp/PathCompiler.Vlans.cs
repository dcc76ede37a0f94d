using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Native.Xdp;

/// <summary>The part for tags: what the vlan stages come to between a port and the one that it is connected
/// to.</summary>
public static partial class PathCompiler
{
    /// <summary>Of <see cref="VlanMap"/> in a path: the frame leaves without a tag (xdp/lowlat.h
    /// <c>LL_VLAN_UNTAGGED</c>). <see cref="VlanMap.None"/>: the lane has it.</summary>
    public const ushort LeavesUntagged = 0x1000;

    private const ushort CustomerTag = 0x8100; // 802.1Q
    private const ushort ServiceTag = 0x88A8;  // 802.1ad
    private const int PriorityShift = 13;

    /// <summary>Adds to a path what the tables of its vlan stages say.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="lane">The lane.</param>
    /// <param name="port">The lane's own number of the port that frames come in by.</param>
    /// <param name="tables">Where the vlan stages' tables are.</param>
    /// <param name="path">Made by <see cref="TryCompile"/>.</param>
    /// <param name="map">The id that a frame leaves with, by the one that it came with.</param>
    public static void AddVlans(
        PlanImage plan, int lane, int port, TableMemory tables, ref XdpPath path, ref VlanMap map)
    {
        ArgumentNullException.ThrowIfNull(tables);
        ref readonly PlanLane entry = ref plan.Lane(lane);
        int egress = EgressOf(plan, entry, path);
        VlanPort none = default;
        ref VlanPort from = ref none;
        ref VlanPort to = ref none;
        bool isConnected = false;
        for (int i = 0; i < entry.StageCount; i++)
        {
            ref readonly PlanStage stage = ref plan.Stage((int)entry.FirstStage + i);
            isConnected |= stage.Kind == StageKind.CrossConnect
                && (port == stage.PortA || port == stage.PortB);
            if (stage.Kind == StageKind.Vlan && !VlanSettings.Read(stage).IsOut)
            {
                from = ref tables.Slice<VlanPort>((int)stage.FirstTable)[port];
            }
            else if (stage.Kind == StageKind.Vlan && isConnected)
            {
                to = ref tables.Slice<VlanPort>((int)stage.FirstTable)[egress];
            }
        }

        path.HasVlan = from.Mode != VlanMode.None || to.Mode != VlanMode.None ? 1u : 0u;
        bool isAsItCame = from.Mode == VlanMode.None;
        path.VlanTagIn = isAsItCame ? CustomerTag : from.Mode == VlanMode.Tunnel ? (ushort)0 : from.TagType;
        path.VlanTagInToo = isAsItCame ? ServiceTag : (ushort)0;
        path.VlanTagOut = to.Mode == VlanMode.None ? from.TagType : to.TagType;
        path.VlanPriority = (ushort)(from.Priority << PriorityShift);
        for (int wire = 0; wire < VlanMap.Count; wire++)
        {
            ushort vlan = isAsItCame ? (ushort)wire : wire == 0 ? from.Untagged : from.In[wire];
            map[wire] = vlan >= VlanMap.Count ? VlanMap.None : Leave(vlan, to);
        }
    }

    // As the lane's stage does on the way out.
    private static ushort Leave(ushort vlan, in VlanPort to) =>
        to.Mode == VlanMode.None ? vlan
        : vlan == 0 || to.Out[vlan] >= VlanMap.Count ? VlanMap.None
        : vlan == to.Untagged ? LeavesUntagged
        : to.Out[vlan];

    private static int EgressOf(PlanImage plan, in PlanLane lane, in XdpPath path)
    {
        for (int own = 0; own < lane.PortCount; own++)
        {
            if (plan.Port(lane.Ports[own]).InterfaceNumber == path.Egress)
            {
                return own;
            }
        }

        throw new ArgumentException("the path is not of this lane", nameof(path));
    }
}
