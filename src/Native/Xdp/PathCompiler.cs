using LowLatency.Native.Layout;
using LowLatency.Native.Tables;

namespace LowLatency.Native.Xdp;

/// <summary>What a lane's stages come to when they only connect or route, change tags and MACs and drop by
/// rules:
/// one <see cref="XdpPath"/> for each interface that frames come in by. Both programs ask it, of the same
/// plan.
/// Pure.</summary>
public static partial class PathCompiler
{
    private const uint AnyProtocol = 256;

    /// <summary>Why the kernel cannot do what the lane does; empty: it can.</summary>
    public static string WhyNot(PlanImage plan, int lane)
    {
        ref readonly PlanLane entry = ref plan.Lane(lane);
        if (entry.Kind != LaneKind.Forward)
        {
            return "it is no forwarding lane";
        }

        int filters = 0;
        int vlansIn = 0;
        int vlansOut = 0;
        int route = RouteOf(plan, lane);
        for (int i = 0; i < entry.StageCount; i++)
        {
            ref readonly PlanStage stage = ref plan.Stage((int)entry.FirstStage + i);
            filters += stage.Kind == StageKind.Filter ? 1 : 0;
            bool isKnown = stage.Kind is StageKind.CrossConnect or StageKind.MacRewrite or StageKind.MacSwap
                or StageKind.Filter or StageKind.Vlan or StageKind.Route;
            bool isVlan = stage.Kind == StageKind.Vlan;
            vlansIn += isVlan && !VlanSettings.Read(stage).IsOut ? 1 : 0;
            vlansOut += isVlan && VlanSettings.Read(stage).IsOut ? 1 : 0;
            if (route >= 0 && isKnown && (stage.Kind == StageKind.Filter ? i > route : i != route))
            {
                return $"stage {i} is of a kind that only a lane combines with route stage {route}";
            }

            if (isVlan && (vlansIn > 1 || vlansOut > 1 || vlansOut > vlansIn))
            {
                return $"vlan stage {i} "
                    + (vlansIn > 1 || vlansOut > 1 ? "is a second one" : "has none of direction in before it");
            }

            if (!isKnown || filters > 1 || stage.RuleCount > XdpRules.Max)
            {
                return !isKnown ? $"stage {i} is of a kind that only a lane runs"
                    : filters > 1 ? $"stage {i} is a second filter"
                    : $"stage {i} has {stage.RuleCount} rules, more than {XdpRules.Max}";
            }
        }

        return WhyNotPorts(plan, lane);
    }

    /// <summary>The path of what comes in by a port; false: no stage sends it anywhere.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="lane">A lane of which <see cref="WhyNot"/> says nothing.</param>
    /// <param name="port">The lane's own number of the port.</param>
    /// <param name="path">The path.</param>
    public static bool TryCompile(PlanImage plan, int lane, int port, out XdpPath path)
    {
        ref readonly PlanLane entry = ref plan.Lane(lane);
        path = new XdpPath { DestinationFrom = MacFrom.Destination, SourceFrom = MacFrom.Source };
        int route = RouteOf(plan, lane);
        int egress = -1;
        for (int i = 0; i < entry.StageCount; i++)
        {
            ref readonly PlanStage stage = ref plan.Stage((int)entry.FirstStage + i);
            switch (stage.Kind)
            {
                case StageKind.CrossConnect:
                    egress = port == stage.PortA ? stage.PortB : port == stage.PortB ? stage.PortA : egress;
                    break;
                case StageKind.MacSwap:
                    (path.Destination, path.Source) = (path.Source, path.Destination);
                    (path.DestinationFrom, path.SourceFrom) = (path.SourceFrom, path.DestinationFrom);
                    break;
                case StageKind.MacRewrite when egress >= 0 && (stage.PortA < 0 || stage.PortA == egress):
                    Rewrite(stage, ref path);
                    break;
                case StageKind.Vlan when !VlanSettings.Read(stage).IsOut || egress >= 0:
                    path.HasVlan++; // what is forwarded by then has a tag for the way out
                    break;
                case StageKind.Filter:
                    path.FilterAt = (FilterPlace)path.HasVlan;
                    AddRules(plan, stage, port, ref path);
                    break;
                default:
                    break;
            }
        }

        if (route >= 0)
        {
            AddRoute(plan, plan.Port(entry.Ports[port]), (int)entry.FirstStage + route, ref path);
            return true;
        }

        if (egress < 0)
        {
            return false;
        }

        ref readonly PlanPort to = ref plan.Port(entry.Ports[egress]);
        path.HasVlan = Math.Min(path.HasVlan, 1);
        path.Egress = to.InterfaceNumber;
        path.BytesMax = to.MtuBytes + Limits.EthernetOverheadBytes;
        return true;
    }

    /// <summary>Number of a lane's first route stage; -1: it has none.</summary>
    public static int RouteOf(PlanImage plan, int lane)
    {
        for (int i = 0; i < plan.Lane(lane).StageCount; i++)
        {
            if (plan.Stage((int)plan.Lane(lane).FirstStage + i).Kind == StageKind.Route)
            {
                return i;
            }
        }

        return -1;
    }

    private static void AddRoute(PlanImage plan, in PlanPort ingress, int stage, ref XdpPath path)
    {
        int first = (int)plan.Stage(stage).FirstTable;
        path.HasRoute = 1;
        path.BytesMax = uint.MaxValue; // the next hop's MTU counts
        path.OwnMac = ingress.Mac;
        path.RootBits4 = (uint)Lpm4.RootBitsOf(plan.Table(first + RouteSettings.Routes4).Bytes);
        path.RootBits6 = (uint)Lpm6.RootBitsOf(plan.Table(first + RouteSettings.Routes6).Bytes);
        path.HopCount = plan.Table(first + RouteSettings.NextHops).Capacity;
        path.TablesAt = plan.Table(first).Offset;
    }

    private static string WhyNotPorts(PlanImage plan, int lane)
    {
        ref readonly PlanLane entry = ref plan.Lane(lane);
        string space = plan.Port(entry.Ports[0]).NetworkNamespace.ToString();
        for (int i = 0; i < plan.PortCount; i++)
        {
            PlanPort port = plan.Port(i);
            bool isOwn = false;
            bool isShared = false;
            for (int own = 0; own < entry.PortCount; own++)
            {
                isOwn |= entry.Ports[own] == i;
                isShared |= entry.Ports[own] != i
                    && plan.Port(entry.Ports[own]).InterfaceNumber == port.InterfaceNumber;
            }

            if (isShared)
            {
                return $"{port.Interface} is {(isOwn ? "two ports of it" : "shared with another lane")}";
            }

            if (isOwn && port.NetworkNamespace.ToString() != space)
            {
                return "its ports are in different network namespaces";
            }
        }

        return "";
    }

    private static void Rewrite(in PlanStage stage, ref XdpPath path)
    {
        if (stage.DestinationMac != 0)
        {
            path.Destination = stage.DestinationMac;
            path.DestinationFrom = MacFrom.Fixed;
        }

        if (stage.SourceMac != 0)
        {
            path.Source = stage.SourceMac;
            path.SourceFrom = MacFrom.Fixed;
        }
    }

    private static void AddRules(PlanImage plan, in PlanStage stage, int port, ref XdpPath path)
    {
        path.HasFilter = 1;
        path.DefaultIsDrop = stage.DefaultAction == RuleAction.Drop ? 1u : 0u;
        for (int i = 0; i < stage.RuleCount; i++)
        {
            ref readonly PlanRule rule = ref plan.Rule((int)stage.FirstRule + i);
            if (rule.Port < 0 || rule.Port == port)
            {
                path.Rules[(int)path.RuleCount++] = Compile(rule, (uint)i);
            }
        }
    }

    private static XdpRule Compile(in PlanRule plan, uint number)
    {
        XdpRule rule = new()
        {
            SourceLow = plan.SourcePortLow,
            SourceSpan = (ushort)(plan.SourcePortHigh - plan.SourcePortLow),
            DestinationLow = plan.DestinationPortLow,
            DestinationSpan = (ushort)(plan.DestinationPortHigh - plan.DestinationPortLow),
            IsDrop = plan.Action == RuleAction.Drop ? 1u : 0u,
            Counter = number,
        };
        int width = plan.Family == 4 ? 4 : 16;
        Span<byte> address = rule.Addresses;
        Span<byte> mask = rule.AddressMask;
        WritePrefix(plan.Source, plan.SourceBits, address[(16 - width)..16], mask[(16 - width)..16]);
        WritePrefix(plan.Destination, plan.DestinationBits, address[(32 - width)..], mask[(32 - width)..]);
        if (plan.Family != 0)
        {
            rule.Kind |= plan.Family;
            rule.KindMask |= 0xFF;
        }

        if (plan.Protocol != AnyProtocol)
        {
            rule.Kind |= (plan.Protocol << XdpRule.ProtocolShift) | XdpRule.IpBit;
            rule.KindMask |= (0xFFu << XdpRule.ProtocolShift) | XdpRule.IpBit;
        }

        if (plan.Protocol > AnyProtocol)
        {
            rule.Kind |= XdpRule.NeverBit;
            rule.KindMask |= XdpRule.NeverBit;
        }

        if (rule.SourceSpan != ushort.MaxValue || rule.DestinationSpan != ushort.MaxValue)
        {
            rule.Kind |= XdpRule.PortsBit; // a frame without ports has none in any range
            rule.KindMask |= XdpRule.PortsBit;
        }

        return rule;
    }

    private static void WritePrefix(in Address16 prefix, uint bits, Span<byte> address, Span<byte> mask)
    {
        Invariant.Require(bits <= address.Length * 8);
        ((ReadOnlySpan<byte>)prefix)[..address.Length].CopyTo(address);
        for (int i = 0; i < address.Length; i++)
        {
            int count = Math.Clamp((int)bits - (i * 8), 0, 8);
            mask[i] = (byte)(0xFF00 >> count);
        }
    }
}
