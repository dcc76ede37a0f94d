using LowLatency.Control.Configuring;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Planning;

/// <summary>A recorder as a lane of a plan. Pure.</summary>
internal static class RecorderPlan
{
    private const uint Frames = 64; // what every lane has, at its smallest
    private const long GapThresholdNs = 100_000_000; // nobody waits for it: a drive's stall is told elsewhere

    /// <summary>Its lane, without its place among the others.</summary>
    /// <param name="recorder">The recorder.</param>
    /// <param name="housekeeping">Where it sleeps when it has no CPU of its own.</param>
    public static PlanLane LaneOf(RecorderConfiguration recorder, in CpuSet housekeeping)
    {
        PlanLane lane = new()
        {
            Kind = LaneKind.Storage,
            Host = LaneHost.Pinned,
            Cpu = recorder.Cpu ?? FirstOf(housekeeping),
            Policy = LanePolicy.Other,
            Frames = Frames,
            ChunkBytes = Limits.ChunkBytesMin,
            HugePages = HugePages.Never,
            NumaNode = -1,
            Burst = 1,
            GapThresholdNs = GapThresholdNs,
        };
        lane.Name.Set(recorder.Name);
        return lane;
    }

    /// <summary>Its one stage; adds the table with its folder.</summary>
    public static PlanStage StageOf(RecorderConfiguration recorder, TableBuilder tables)
    {
        Section section = recorder.Section;
        PlanStage stage = new()
        {
            Kind = StageKind.Recorder,
            PortA = -1,
            PortB = -1,
            FirstTable = (uint)tables.Count,
            TableCount = 1,
        };
        new RecorderSettings(section.Get<long>("file_size"), section.GetOr("file_time", 0L),
            section.Get<long>("sync"), section.GetOr("keep", 0L), section.Get<string>("mode") switch
            {
                "interrupt" => RecordMode.Interrupt,
                "iopoll" => RecordMode.IoPoll,
                _ => RecordMode.Auto,
            }, Waits: recorder.Cpu is null).Write(ref stage);
        byte[] path = new byte[RecorderSettings.PathBytes];
        FixedText.Write(path, recorder.Path);
        tables.Add($"recorder.{recorder.Name}", TableKind.Entries, 1, path.Length, TextHash.Of64(path),
            (memory, table) => path.CopyTo(memory.Slice<byte>(table).Span));
        return stage;
    }

    /// <summary>One line of what it does, for eyes.</summary>
    public static string Describe(in PlanStage stage)
    {
        RecorderSettings settings = RecorderSettings.Read(stage);
        return $"files of {settings.FileBytes >> 20} MiB"
            + (settings.FileNs > 0 ? $" or {OptionType.DurationText(settings.FileNs)}" : "")
            + $", durable in {OptionType.DurationText(settings.SyncNs)}"
            + (settings.KeepBytes > 0 ? $", {settings.KeepBytes >> 20} MiB kept" : "")
            + $", {PlanWords.Of(settings.Mode)}{(settings.Waits ? ", sleeps" : ", spins")}";
    }

    private static int FirstOf(CpuSet cpus)
    {
        int cpu = 0;
        while (cpu < Limits.CpusMax - 1 && !cpus.Contains(cpu))
        {
            cpu++;
        }

        return cpu;
    }
}
