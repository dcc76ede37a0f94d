using LowLatency.Control.Configuring;
using LowLatency.Control.Planning.Stages;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>Lays checked lanes out as a <see cref="PlanImage"/>: ports in the order of the lanes, then
/// stages, then rules. Pure.</summary>
internal sealed class PlanBuilder(
    Configuration configuration, HostFacts facts, IReadOnlyList<LaneShape> shapes)
{
    private const uint AnyProtocol = 256;

    private readonly List<PlanPort> _ports = [];
    private readonly List<PlanLane> _lanes = [];
    private readonly List<PlanStage> _stages = [];
    private readonly List<PlanRule> _rules = [];
    private readonly List<string> _threads = [];
    private readonly List<(string Netns, int Index)> _interfaces = [];
    private TableBuilder? _tables;

    /// <summary>What the tables of the plan are filled with, once it is built.</summary>
    public TableBuilder Tables => _tables ??= new TableBuilder { NumberOf = FindNumber };

    /// <summary>Path of the shared region of a plan.</summary>
    public static string RegionPathOf(string name) => $"/dev/shm/lowlat-{name}.region";

    /// <summary>Builds the plan of a name.</summary>
    public PlanImage Build(string name, in PlanLoad load)
    {
        foreach (LaneShape shape in shapes)
        {
            AddLane(shape);
        }

        if (shapes.Any(shape => shape.Kind == LaneKind.Forward))
        {
            foreach (RecorderConfiguration recorder in configuration.Recorders)
            {
                AddRecorder(recorder);
            }
        }

        PlanHeader header = new()
        {
            Generation = 1,
            LockMemory = configuration.Host.LockMemory ? 1u : 0u,
            HousekeepingCpus = CpuChecks.Housekeeping(configuration, facts),
            Load = load,
        };
        header.Name.Set(name);
        header.RegionPath.Set(RegionPathOf(name));
        TextHash.Write(configuration.Text, header.ConfigHash);
        return PlanImage.Build(header, [.. _ports], [.. _lanes], [.. _stages], [.. _rules],
            Tables.Tables);
    }

    private void AddLane(LaneShape shape)
    {
        string thread = shape.SharedThread is { } shared ? "shared " + shared : "pinned " + shape.Name;
        if (!_threads.Contains(thread))
        {
            _threads.Add(thread);
        }

        PlanLane lane = new()
        {
            Kind = shape.Kind,
            Host = shape.SharedThread == null ? LaneHost.Pinned : LaneHost.Shared,
            Thread = (uint)_threads.IndexOf(thread),
            Cpu = shape.Seat.Cpu,
            Policy = shape.Thread.Policy,
            Priority = shape.Thread.Priority,
            PortCount = (uint)shape.Ports.Count,
            FirstStage = (uint)_stages.Count,
            StageCount = shape.OwnStage is null ? (uint)shape.Stages.Count : 1,
            Frames = (uint)shape.Frames,
            ChunkBytes = (uint)shape.ChunkBytes,
            HeadroomBytes = (uint)shape.HeadroomBytes,
            HugePages = shape.HugePages,
            NumaNode = shape.NodeIn(facts),
            Burst = (uint)shape.Burst,
            Offload = shape.Offload,
            GapThresholdNs = shape.GapThresholdNs,
            YieldEveryNs = shape.YieldEveryNs,
            YieldForNs = shape.YieldForNs,
        };
        lane.Name.Set(shape.Name);
        for (int i = 0; i < shape.Ports.Count; i++)
        {
            lane.Ports[i] = _ports.Count;
            _ports.Add(PortOf(shape.Ports[i]));
        }

        if (shape.OwnStage is not null)
        {
            _stages.Add(shape.OwnStage(Tables));
        }

        for (int i = 0; i < shape.Stages.Count; i++)
        {
            _stages.Add(StageOf(shape, shape.Stages[i], i));
        }

        _lanes.Add(lane);
    }

    private void AddRecorder(RecorderConfiguration recorder)
    {
        PlanLane lane = RecorderPlan.LaneOf(recorder, CpuChecks.Housekeeping(configuration, facts));
        lane.Thread = (uint)_threads.Count;
        lane.FirstStage = (uint)_stages.Count;
        lane.StageCount = 1;
        _threads.Add("recorder " + recorder.Name);
        _stages.Add(RecorderPlan.StageOf(recorder, Tables));
        _lanes.Add(lane);
    }

    private PlanPort PortOf(PortConfiguration port)
    {
        InterfaceFacts link = facts.FindInterface(port)!;
        Section section = port.Section;
        PlanPort plan = new()
        {
            InterfaceIndex = link.Index,
            Queue = (uint)port.Queue,
            Mode = port.Mode,
            Claim = port.Claim,
            ClaimPortLow = port.ClaimPorts.Low,
            ClaimPortHigh = port.ClaimPorts.High,
            Wake = port.Wake,
            BusyPollUs = (uint)section.Int("busy_poll_us"),
            BusyPollBudget = (uint)section.Int("busy_poll_budget"),
            Stamps = port.Stamps,
            RxSlots = (uint)section.Int("rx_ring"),
            TxSlots = (uint)section.Int("tx_ring"),
            FillSlots = (uint)section.Int("fill_ring"),
            CompletionSlots = (uint)section.Int("completion_ring"),
            FillLevel = (uint)port.FillLevel,
            MtuBytes = (uint)link.MtuBytes,
            NumaNode = link.NumaNode,
            InterfaceNumber = (uint)NumberOf(port.Netns, link.Index),
            Mac = link.Mac,
        };
        plan.Name.Set(port.Name);
        plan.Interface.Set(port.Interface);
        plan.NetworkNamespace.Set(port.Netns);
        return plan;
    }

    private int? FindNumber(string netns, int index)
    {
        int at = _interfaces.IndexOf((netns, index));
        return at < 0 ? null : at;
    }

    private int NumberOf(string netns, int index)
    {
        if (!_interfaces.Contains((netns, index)))
        {
            _interfaces.Add((netns, index));
        }

        return _interfaces.IndexOf((netns, index));
    }

    private PlanStage StageOf(LaneShape lane, StageConfiguration stage, int number)
    {
        Section section = stage.Section;
        string[] ports = stage.Kind == StageKind.CrossConnect ? section.Get<string[]>("ports") : [];
        string egress = section.GetOr("port", "");
        ulong source = section.GetOr("source", 0UL);
        if (source == Schema.OwnMac)
        {
            source = facts.FindInterface(configuration.FindPort(egress)!)!.Mac;
        }

        PlanStage plan = new()
        {
            Kind = stage.Kind,
            PortA = NumberOf(lane, ports.Length > 0 ? ports[0] : egress),
            PortB = NumberOf(lane, ports.Length > 1 ? ports[1] : ""),
            FirstRule = (uint)_rules.Count,
            RuleCount = (uint)stage.Rules.Count,
            DefaultAction = ActionOf(section.Get<string>("default")),
            SourceMac = source,
            DestinationMac = section.GetOr("destination", 0UL),
            FirstTable = (uint)Tables.Count,
        };
        PlanRule[] rules = [.. stage.Rules.Select(rule => RuleOf(lane, rule))];
        _rules.AddRange(rules);
        if (rules.Length > 0)
        {
            Tables.AddRuleCounters($"{lane.Name}.{number}", rules);
        }

        StageDesigns.Find(stage.Kind)?.Build(
            new StageBuild
            {
                Configuration = configuration,
                Facts = facts,
                Lane = lane,
                Stage = stage,
                Number = number,
                Tables = Tables,
            },
            ref plan);
        if (plan.TableCount == 0)
        {
            plan.TableCount = (uint)Tables.Count - plan.FirstTable;
        }


        return plan;
    }

    private static PlanRule RuleOf(LaneShape lane, RuleConfiguration rule)
    {
        Section section = rule.Section;
        PortRange any = new(0, ushort.MaxValue);
        PortRange sources = section.GetOr("source_ports", any);
        PortRange destinations = section.GetOr("destination_ports", any);
        PlanRule plan = new()
        {
            Family = (uint)rule.Family,
            Protocol = (uint)section.GetOr("protocol", (int)AnyProtocol),
            SourceBits = (uint)(rule.Source?.Bits ?? 0),
            DestinationBits = (uint)(rule.Destination?.Bits ?? 0),
            SourcePortLow = sources.Low,
            SourcePortHigh = sources.High,
            DestinationPortLow = destinations.Low,
            DestinationPortHigh = destinations.High,
            Port = NumberOf(lane, section.GetOr("port", "")),
            Action = ActionOf(section.Get<string>("action")),
        };
        AclDesign.SetRule(rule, ref plan);
        plan.Name.Set(rule.Name);
        rule.Source?.Address.TryWriteBytes(plan.Source, out _);
        rule.Destination?.Address.TryWriteBytes(plan.Destination, out _);
        return plan;
    }

    private static RuleAction ActionOf(string word) => word == "drop" ? RuleAction.Drop : RuleAction.Pass;

    /// <summary>The lane's own number of a port; -1: any, or none.</summary>
    public static int NumberOf(LaneShape lane, string port)
    {
        for (int i = 0; i < lane.Ports.Count; i++)
        {
            if (lane.Ports[i].Name == port)
            {
                return i;
            }
        }

        return -1;
    }
}
