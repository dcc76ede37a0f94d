using LowLatency.Control.Planning;

namespace LowLatency.Control.Configuring;

/// <summary>What must hold of [load], whatever the host. Pure.</summary>
internal static class LoadRules
{
    /// <summary>Adds what is wrong.</summary>
    public static void Check(Configuration configuration, Findings findings)
    {
        if (configuration.Load is not { } load)
        {
            return;
        }

        LaneRules.CheckThread(load.Section, findings);
        CheckCpus(load.Section, findings);
        CheckQuiet(load.Section, findings);
        if (load.Section.IsGood("schedule"))
        {
            _ = Arrivals.From(load.Section, null, LoadOverrides.None, findings);
        }

        CheckShare(load, findings);
        Replay.Check(load.Section, LoadOverrides.None, findings);
        _ = Traffic.From(load.Section, LoadOverrides.None, findings);
        if (load.Through == null)
        {
            findings.Error(
                load.Section.Head with { Key = "load.through" }, "[load] must say where the load goes",
                "Add [load.through] with tx and rx.");
        }

        foreach (PathConfiguration path in load.Paths)
        {
            CheckPath(configuration, path, findings);
        }

        Place tx = (load.Through?.Section ?? load.Section).At("tx");
        LaneRules.CheckModes(configuration, load.Paths.Select(path => path.Tx), tx, findings);
        Place rx = (load.Through?.Section ?? load.Section).At("rx");
        LaneRules.CheckModes(configuration, load.Paths.Select(path => path.Rx), rx, findings);
    }

    private static void CheckCpus(Section section, Findings findings)
    {
        bool hasPair = section.Has("generator_cpu") || section.Has("receiver_cpu");
        bool hasBoth = section.Has("generator_cpu") && section.Has("receiver_cpu");
        if (section.Has("cpu") && hasPair)
        {
            string key = section.Has("generator_cpu") ? "generator_cpu" : "receiver_cpu";
            findings.Error(section.At(key), "cpu puts both lanes on one thread already",
                "Write cpu alone, or generator_cpu and receiver_cpu.");
        }
        else if (!section.Has("cpu") && !hasBoth)
        {
            string key = section.Has("generator_cpu") ? "receiver_cpu"
                : section.Has("receiver_cpu") ? "generator_cpu" : "cpu";
            findings.Error(section.Head with { Key = key, Value = "" }, "the load must say its CPUs",
                "Add cpu = 0 for one shared thread, or generator_cpu and receiver_cpu for two.");
        }
    }

    private static void CheckQuiet(Section section, Findings findings)
    {
        long every = section.Get<long>("quiet_every");
        long length = section.Get<long>("quiet_for");
        long guard = section.Get<long>("quiet_guard");
        if (every == 0 && (length > 0 || guard > 0))
        {
            findings.Error(section.At(length > 0 ? "quiet_for" : "quiet_guard"), "needs quiet_every",
                "Add quiet_every = \"20ms\", for example.");
        }
        else if (every > 0 && length == 0 && section.IsGood("quiet_for"))
        {
            findings.Error(
                section.At("quiet_every"), "needs quiet_for", "Add quiet_for = \"1ms\", for example.");
        }
        else if (every > 0 && length + guard >= every)
        {
            findings.Error(section.At("quiet_every"),
                $"quiet_for and quiet_guard make {OptionType.DurationText(length + guard)}: no time "
                    + "is left to send",
                "Make quiet_every longer.");
        }
    }

    // A slice is whole nanoseconds, and lowlatd refuses a path that has none.
    private static void CheckShare(LoadConfiguration load, Findings findings)
    {
        Section section = load.Section;
        if (load.Direct == null || !section.IsGood("slice") || !section.IsGood("direct_share"))
        {
            return;
        }

        long cycleNs = section.Get<long>("slice");
        long directNs = load.DirectSliceNs;
        if (directNs == 0 || directNs == cycleNs)
        {
            findings.Error(section.At("direct_share"),
                $"leaves the {(directNs == 0 ? "direct" : "through")} path no time in slices of "
                    + OptionType.DurationText(cycleNs),
                "Write direct_share = 0.2, for example.");
        }
    }

    private static void CheckPath(Configuration configuration, PathConfiguration path, Findings findings)
    {
        Section section = path.Section;
        string other = section.GetOr("destination_mac_of", "");
        if (section.Has("destination_mac") && section.Has("destination_mac_of"))
        {
            findings.Error(
                section.At("destination_mac_of"), "destination_mac says it already", "Write one of them.");
        }
        else if (other.Length > 0 && configuration.FindPort(other) == null)
        {
            findings.Error(section.At("destination_mac_of"), $"no port has the name \"{other}\"",
                $"Ports of this file: {string.Join(", ", configuration.Ports.Select(port => port.Name))}.");
        }
    }
}
