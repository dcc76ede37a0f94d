using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Configuring;

/// <summary>What must hold of lanes, whatever the host. Pure.</summary>
internal static class LaneRules
{
    /// <summary>Adds what is wrong.</summary>
    public static void Check(Configuration configuration, Findings findings)
    {
        if (configuration.Lanes.Count == 0 && configuration.Load == null)
        {
            findings.Error(PortRules.FileOf(configuration, "lane"), "there is no lane and no load",
                "Add a [[lane]], a [load], or both.");
        }

        findings.AtMost(
            configuration.Lanes.Count, Limits.LanesMax, PortRules.FileOf(configuration, "lane"), "lanes");
        foreach (LaneConfiguration lane in configuration.Lanes)
        {
            CheckThread(lane.Section, findings);
            CheckYield(lane, findings);
            CheckModes(configuration, lane.Ports, lane.Section.At("ports"), findings);
            CheckFrames(configuration, lane, findings);
        }

        CheckShared(configuration.Lanes, findings);
    }

    /// <summary>Checks that priority goes with fifo and nice with other.</summary>
    public static void CheckThread(Section section, Findings findings)
    {
        bool isFifo = section.Get<string>("policy") == "fifo";
        string stray = isFifo ? "nice" : "priority";
        if (section.IsGood("policy") && section.Has(stray))
        {
            findings.Error(section.At(stray), $"is for policy = \"{(isFifo ? "other" : "fifo")}\" only",
                $"Write {(isFifo ? "priority" : "nice")}, or change the policy.");
        }
    }

    /// <summary>Checks that the kernel can bind all sockets of a UMEM in one mode.</summary>
    public static void CheckModes(
        Configuration configuration, IEnumerable<string> names, Place place, Findings findings)
    {
        PortConfiguration[] ports = [.. names.Select(configuration.FindPort).OfType<PortConfiguration>()];
        PortConfiguration? zeroCopy = Array.Find(ports, port => port.Mode == BindMode.ZeroCopy);
        PortConfiguration? copy = Array.Find(ports, port => port.Mode is BindMode.Copy or BindMode.Generic);
        if (zeroCopy != null && copy != null)
        {
            findings.Error(place,
                $"port \"{zeroCopy.Name}\" wants zero-copy and port \"{copy.Name}\" "
                    + $"{copy.Section.Get<string>("mode")}: the kernel binds a UMEM in one mode",
                "Give them one mode, or a lane each.");
        }
    }

    private static void CheckYield(LaneConfiguration lane, Findings findings)
    {
        if (lane.YieldEveryNs > 0 && lane.YieldForNs >= lane.YieldEveryNs)
        {
            findings.Error(lane.Section.At("yield_for", OptionType.DurationText(lane.YieldForNs)),
                $"must be less than yield_every, which is {OptionType.DurationText(lane.YieldEveryNs)}",
                "A pause of 50us each second is enough for the kernel.");
        }
    }

    private static void CheckFrames(Configuration configuration, LaneConfiguration lane, Findings findings)
    {
        Section section = lane.Section;
        if (!section.Has("frames") || !section.IsGood("frames"))
        {
            return;
        }

        int fill = lane.Ports.Select(configuration.FindPort).Sum(port => port?.FillLevel ?? 0);
        int least = fill + section.Int("burst");
        if (section.Get<long>("frames") < least)
        {
            findings.Error(section.At("frames"),
                $"must be at least {least}: the ports keep {fill} posted and a burst is "
                    + $"{section.Int("burst")}",
                $"Write frames = {System.Numerics.BitOperations.RoundUpToPowerOf2((uint)least)}, or "
                    + "lower fill_level.");
        }
    }

    private static void CheckShared(IReadOnlyList<LaneConfiguration> lanes, Findings findings)
    {
        Dictionary<string, LaneConfiguration> firsts = [];
        foreach (LaneConfiguration lane in lanes)
        {
            bool isNamed = lane.Section.Has("thread");
            if (lane.SharedThread == null)
            {
                if (isNamed && lane.Section.IsGood("host"))
                {
                    findings.Error(lane.Section.At("thread"), "is for host = \"shared\" only",
                        "Write host = \"shared\", or remove thread.");
                }

                continue;
            }

            if (!isNamed)
            {
                findings.Error(lane.Section.At("host"), "a shared lane must name its thread",
                    "Add thread = \"x\", the same in all lanes that share it.");
            }
            else if (!firsts.TryAdd(lane.SharedThread, lane))
            {
                CheckAgreement(firsts[lane.SharedThread], lane, findings);
            }
        }
    }

    private static void CheckAgreement(LaneConfiguration first, LaneConfiguration lane, Findings findings)
    {
        string? key = lane.Cpu != first.Cpu ? "cpu"
            : lane.Thread.Policy != first.Thread.Policy ? "policy"
            : lane.Thread.Priority != first.Thread.Priority
                ? (lane.Thread.Policy == LanePolicy.Fifo ? "priority" : "nice")
            : lane.YieldEveryNs != first.YieldEveryNs ? "yield_every"
            : lane.YieldForNs != first.YieldForNs ? "yield_for" : null;
        if (key != null)
        {
            findings.Error(lane.Section.At(key),
                $"lane \"{first.Name}\" (line {first.Section.Head.Line}) has another, and shares the thread "
                    + $"\"{lane.SharedThread}\"",
                $"Make {key} the same in both lanes.");
        }
    }
}
