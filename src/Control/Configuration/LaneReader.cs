using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Configuration;

/// <summary>Reads [[lane]], its stages and rules.</summary>
internal static class LaneReader
{
    private const uint AnyProtocol = 256;
    private static readonly (string Name, uint Number)[] Protocols =
        [("icmp", 1), ("tcp", 6), ("udp", 17), ("icmpv6", 58), ("sctp", 132)];

    /// <summary>Reads one lane.</summary>
    public static LaneConfiguration Read(Section lane)
    {
        string host = lane.Text("host", "pinned", "pinned", "shared");
        string thread = lane.Text("thread", "");
        if ((host == "shared") != (thread.Length > 0))
        {
            lane.Fail(host == "shared" ? "host" : "thread", "a shared lane names its thread, a pinned one does not",
                "Write host = \"shared\" and thread = \"name\", or neither.");
        }

        if (!lane.Has("cpu"))
        {
            lane.Fail("", "cpu is missing", "Add cpu = N: the CPU that this lane keeps busy.");
        }

        LaneConfiguration configuration = new()
        {
            Name = ConfigurationReader.ShortName(lane, "name"),
            Thread = ReadThread(lane, (int)lane.Number("cpu", 0, 0, Limits.CpusMax - 1)),
            SharedThread = thread,
            Ports = lane.Texts("ports"),
            Frames = (uint)lane.Number("frames", 0, 1, int.MaxValue / Limits.ChunkBytesMin),
            ChunkBytes = (uint)lane.Number("chunk", 2048, 0, int.MaxValue),
            HeadroomBytes = (uint)lane.Number("headroom", 0, 0, 1024),
            HugePages = Names.Huge(lane.Text("huge_pages", "auto", Names.Huges)),
            NumaNode = (int)lane.Number("numa_node", -1, 0, 63),
            Burst = (uint)lane.Number("burst", Limits.BurstMax, 1, Limits.BurstMax),
            GapThresholdNs = lane.Duration("gap_threshold", "20us"),
            Stages = [.. lane.Tables("stage").Select(ReadStage)],
            Source = lane,
        };
        CheckSizes(configuration, lane);
        lane.RejectUnknown();
        return configuration;
    }

    /// <summary>Reads policy, priority and pauses of a thread.</summary>
    public static ThreadConfiguration ReadThread(Section section, int cpu)
    {
        bool isFifo = section.Text("policy", "fifo", "fifo", "other") == "fifo";
        long priority = section.Number("priority", 10, 1, 99);
        long nice = section.Number("nice", -20, -20, 19);
        string wrong = isFifo ? "nice" : "priority";
        if (section.Has(wrong))
        {
            section.Fail(wrong, isFifo ? "only for policy = \"other\"" : "only for policy = \"fifo\"", "Remove it.");
        }

        long every = section.Duration("yield_every", isFifo ? "1s" : "0s");
        long length = section.Duration("yield_for", "50us");
        if (every > 0 && length >= every)
        {
            section.Fail("yield_for", "shorter than yield_every", "50us of every 1s is enough for the kernel's threads.");
        }

        return new ThreadConfiguration
        {
            Cpu = cpu,
            Policy = isFifo ? LanePolicy.Fifo : LanePolicy.Other,
            Priority = (int)(isFifo ? priority : nice),
            YieldEveryNs = every,
            YieldForNs = every > 0 ? length : 0,
        };
    }

    private static void CheckSizes(LaneConfiguration lane, Section source)
    {
        if (lane.ChunkBytes is not (Limits.ChunkBytesMin or Limits.ChunkBytesMax))
        {
            source.Fail("chunk", "2048 or 4096 (the kernel's aligned chunks on 4 KiB pages)", "Take 2048 for an MTU of 1500.");
        }

        if (lane.Ports.Length is 0 or > Limits.PortsPerLaneMax)
        {
            source.Fail("ports", $"1 to {Limits.PortsPerLaneMax} port names", "Write ports = [\"a\", \"b\"].");
        }

        if (lane.Stages.Count == 0)
        {
            source.Fail("", "a lane needs a stage", "Add [[lane.stage]] with kind = \"cross-connect\".");
        }
    }

    private static StageConfiguration ReadStage(Section stage)
    {
        string word = stage.Required("kind").Length > 0 ? stage.Text("kind", "mac-swap", Names.Stages) : "mac-swap";
        StageKind kind = Names.Stage(word);
        List<Section> rules = kind == StageKind.Filter ? stage.Tables("rule") : [];
        string source = kind == StageKind.MacRewrite ? stage.Text("source", "") : "";
        string[] ports = kind switch
        {
            StageKind.CrossConnect => stage.Texts("ports"),
            StageKind.MacRewrite when stage.Text("port", "") is { Length: > 0 } port => [port],
            _ => [],
        };
        StageConfiguration configuration = new()
        {
            Kind = kind,
            Ports = ports,
            SourceMac = source is "" or "own" ? 0 : stage.Parse<ulong>("source", 0, Quantity.TryMac,
                "\"own\" or a MAC address", "\"02:00:00:00:00:01\""),
            SourceIsOwn = source == "own",
            DestinationMac = kind == StageKind.MacRewrite
                ? stage.Parse<ulong>("destination", 0, Quantity.TryMac, "a MAC address", "\"02:00:00:00:00:01\"") : 0,
            Default = kind == StageKind.Filter ? Names.Action(stage.Text("default", "pass", Names.Actions)) : default,
            Rules = [.. rules.Select(ReadRule)],
            RulePorts = [.. rules.Select(rule => rule.Text("port", ""))],
            RuleSources = [.. rules],
            Source = stage,
        };
        if (kind == StageKind.CrossConnect && (ports.Length != 2 || ports[0] == ports[1]))
        {
            stage.Fail("ports", "two different ports", "Write ports = [\"a\", \"b\"].");
        }

        rules.ForEach(rule => rule.RejectUnknown());
        stage.RejectUnknown();
        return configuration;
    }

    private static PlanRule ReadRule(Section rule)
    {
        PlanRule plan = new() { Port = -1, SourcePortHigh = ushort.MaxValue, DestinationPortHigh = ushort.MaxValue };
        plan.Name.Set(rule.Text("name", ""));
        plan.Action = Names.Action(rule.Text("action", "drop", Names.Actions));
        plan.Family = (uint)rule.Number("family", 0, 4, 6);
        plan.Protocol = ReadProtocol(rule);
        ReadPrefix(rule, "source", ref plan.Family, ref plan.Source, ref plan.SourceBits);
        ReadPrefix(rule, "destination", ref plan.Family, ref plan.Destination, ref plan.DestinationBits);
        ReadPorts(rule, "source_ports", ref plan.SourcePortLow, ref plan.SourcePortHigh);
        ReadPorts(rule, "destination_ports", ref plan.DestinationPortLow, ref plan.DestinationPortHigh);
        if (plan.Family == 5)
        {
            rule.Fail("family", "4 or 6", "Write family = 4 or family = 6.");
        }

        return plan;
    }

    private static uint ReadProtocol(Section rule)
    {
        string text = rule.Text("protocol", "any");
        foreach ((string name, uint number) in Protocols)
        {
            if (name == text)
            {
                return number;
            }
        }

        if (text == "any")
        {
            return AnyProtocol;
        }

        if (byte.TryParse(text, out byte protocol))
        {
            return protocol;
        }

        rule.Fail("protocol", "udp, tcp, icmp, icmpv6, sctp, any or a number from \"0\" to \"255\"", "Write one of these.");
        return AnyProtocol;
    }

    private static void ReadPrefix(Section rule, string key, ref uint family, ref Address16 address, ref uint bits)
    {
        string text = rule.Text(key, "");
        if (text.Length == 0)
        {
            return;
        }

        if (!Quantity.TryPrefix(text, out address, out bits, out uint own))
        {
            rule.Fail(key, "an address or a prefix", "Write for example \"10.0.0.0/8\" or \"2001:db8::/32\".");
        }
        else if (family != 0 && family != own)
        {
            rule.Fail(key, $"the rule is about IPv{family}, this is IPv{own}", "One rule has one family: write two.");
        }
        else
        {
            family = own;
        }
    }

    private static void ReadPorts(Section rule, string key, ref ushort low, ref ushort high)
    {
        string text = rule.Text(key, "");
        if (text.Length > 0 && !Quantity.TryPorts(text, out low, out high))
        {
            rule.Fail(key, "a port or a range", "Write for example \"53\" or \"1024-65535\".");
        }
    }
}
