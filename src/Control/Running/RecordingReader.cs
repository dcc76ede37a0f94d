using LowLatency.Control.Reporting;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Running;

/// <summary>What one record stage's recorder has done since the data plane began. A contract: fields are
/// added, never renamed.</summary>
/// <param name="Recorder">Its name.</param>
/// <param name="Lane">The lane that is recorded.</param>
/// <param name="Received">Frames that were to be recorded.</param>
/// <param name="Recorded">Of these, frames that were copied.</param>
/// <param name="Lost">Of these, frames that found no free memory: the drive was behind.</param>
/// <param name="Cut">Recorded frames that were cut for want of memory.</param>
/// <param name="Written">Frames that the drive has taken.</param>
/// <param name="Durable">Frames that survive a loss of power.</param>
/// <param name="Bytes">Bytes that the drive has taken.</param>
/// <param name="Files">Files that are whole and have their names.</param>
/// <param name="Removed">Files that were removed to keep to the limit.</param>
/// <param name="Errors">Requests that the file system or the drive refused.</param>
/// <param name="LastError">The last refusal; null: there was none.</param>
/// <param name="IsPolled">Writes are completed by polling.</param>
internal sealed record RecordStatus(string Recorder, string Lane, long Received, long Recorded, long Lost,
    long Cut, long Written, long Durable, long Bytes, long Files, long Removed, long Errors,
    string? LastError, bool IsPolled)
{
    /// <summary>What a reader should know although nothing is wrong with the forwarding; null:
    /// nothing.</summary>
    public string? Complaint => Lost + Errors + (Recorded - Durable) == 0 ? null
        : $"recorder {Recorder} of lane {Lane}: "
            + string.Join(", ", new[]
            {
                Lost > 0 ? $"{Units.Count(Lost)} of {Units.Count(Received)} frames not recorded for want of "
                    + "room" : "",
                Recorded > Durable ? $"{Units.Count(Recorded - Durable)} frames not known to be durable" : "",
                Errors > 0 ? $"{Units.Count(Errors)} requests refused, the last: {LastError}" : "",
            }.Where(part => part.Length > 0));

    /// <summary>One line for eyes.</summary>
    public string Line => $"{Recorder} <- {Lane}: {Units.Count(Recorded)} frames, "
        + $"{Units.Count(Durable)} durable, {Units.Count(Lost)} lost, {Units.Count(Cut)} cut; "
        + $"{Units.Bytes(Bytes)} in {Units.Count(Files)} files"
        + (Removed > 0 ? $", {Units.Count(Removed)} removed" : "")
        + (IsPolled ? ", polled" : "")
        + (Errors > 0 ? $"; {Units.Count(Errors)} refused, the last: {LastError}" : "");
}

/// <summary>Reads record queues from the table memory of a data plane, live or ended.</summary>
internal static class RecordingReader
{
    /// <summary>All record stages of a plan.</summary>
    public static IReadOnlyList<RecordStatus> Read(PlanImage plan, TableMemory tables)
    {
        List<RecordStatus> all = [];
        for (int lane = 0; lane < plan.LaneCount; lane++)
        {
            PlanLane entry = plan.Lane(lane);
            for (int i = 0; i < entry.StageCount; i++)
            {
                PlanStage stage = plan.Stage((int)entry.FirstStage + i);
                if (stage.Kind == StageKind.Record)
                {
                    all.Add(Read(plan, tables, entry.Name.ToString(), stage));
                }
            }
        }

        return all;
    }

    private static RecordStatus Read(PlanImage plan, TableMemory tables, string lane, in PlanStage stage)
    {
        int queue = (int)stage.FirstTable + (stage.RuleCount == 0 ? 0 : 1); // behind the rules' counters
        RecordQueueHeader header = tables.Slice<byte>(queue).First<RecordQueueHeader>().Value;
        string recorder = plan.Lane((int)RecordSettings.Read(stage).Recorder).Name.ToString();
        return new RecordStatus(recorder, lane, (long)(header.Frames + header.Lost), (long)header.Frames,
            (long)header.Lost, (long)header.Cut, (long)header.WrittenFrames, (long)header.DurableFrames,
            (long)header.WrittenBytes, (long)header.Files, (long)header.Removed, (long)header.Errors,
            header.Errors == 0 ? null : $"{header.LastCall}: {((Errno)header.LastErrno).Name()}",
            header.IsPolled != 0);
    }
}
