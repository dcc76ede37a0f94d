using LowLatency.Control.Measuring;

namespace LowLatency.Control.Storage;

/// <summary>What <c>lowlat disk</c> measured: its <c>--json</c>, and <c>disk</c> of result.json. A contract:
/// fields are added, never renamed.</summary>
/// <param name="Schema"><see cref="SchemaName"/>.</param>
/// <param name="Path">What was measured.</param>
/// <param name="Device">The block device under it; empty: unknown.</param>
/// <param name="SizeBytes">The area that transfers went to.</param>
/// <param name="Pattern">random or sequential.</param>
/// <param name="ReadPercent">Share of reads.</param>
/// <param name="BlockBytes">Bytes of a transfer.</param>
/// <param name="Depth">Transfers under way at most.</param>
/// <param name="Rate">Intended transfers a second; null: bound by depth alone.</param>
/// <param name="RequestedMode">auto, interrupt, iopoll, sqpoll, passthrough.</param>
/// <param name="EffectiveMode">How transfers were completed.</param>
/// <param name="Why">How that came about.</param>
/// <param name="DurationSeconds">Measured time.</param>
/// <param name="Transfers">Completed in it.</param>
/// <param name="Iops">Transfers a second.</param>
/// <param name="BytesPerSecond">Bytes a second.</param>
/// <param name="Latency">Of all: from the intended time (bound by depth: from submission) to
/// completion.</param>
/// <param name="Read">The same of reads; null: there were none.</param>
/// <param name="Write">The same of writes; null: there were none.</param>
/// <param name="Service">Submission to completion, of all.</param>
/// <param name="Lateness">Intended time to submission; null: bound by depth.</param>
/// <param name="AllocatedBytes">Managed bytes of the measuring thread.</param>
/// <param name="Collections">Garbage collections of the process.</param>
/// <param name="Faults">Page faults of the measuring thread.</param>
/// <param name="Preemptions">Switches of the measuring thread that it did not ask for.</param>
/// <param name="Fault">What broke it off; null: nothing.</param>
/// <param name="Unsent">Transfers that were intended in the time and given up: the drive, or the depth, is
/// behind the rate.</param>
internal sealed record DiskResult(
    string Schema,
    string Path,
    string Device,
    long SizeBytes,
    string Pattern,
    int ReadPercent,
    int BlockBytes,
    int Depth,
    double? Rate,
    string RequestedMode,
    string EffectiveMode,
    string Why,
    double DurationSeconds,
    long Transfers,
    double Iops,
    double BytesPerSecond,
    LatencySummary Latency,
    LatencySummary? Read,
    LatencySummary? Write,
    LatencySummary Service,
    LatencySummary? Lateness,
    long AllocatedBytes,
    long Collections,
    long Faults,
    long Preemptions,
    string? Fault,
    long Unsent)
{
    /// <summary>Name and version of the format.</summary>
    public const string SchemaName = "lowlat/disk/1";

    /// <summary>Puts it together.</summary>
    public static DiskResult Of(DiskRequest request, DiskTarget target, DiskModes modes, DiskFigures figures,
        string? fault)
    {
        HdrHistogram.LongHistogram all = Histograms.New();
        all.Add(figures.Read);
        all.Add(figures.Write);
        double iops = figures.Seconds > 0 ? figures.Transfers / figures.Seconds : 0;
        return new DiskResult(SchemaName, request.Path, target.Device, target.SizeBytes,
            request.IsRandom ? "random" : "sequential", request.ReadPercent, request.BlockBytes,
            request.Depth, request.Rate, request.Mode.ToString().ToLowerInvariant(), modes.Effective,
            modes.Why, Math.Round(figures.Seconds, 6), figures.Transfers, Math.Round(iops, 1),
            Math.Round(iops * request.BlockBytes), LatencySummary.Of(all)!,
            figures.Read.TotalCount > 0 ? LatencySummary.Of(figures.Read) : null,
            figures.Write.TotalCount > 0 ? LatencySummary.Of(figures.Write) : null,
            LatencySummary.Of(figures.Service)!,
            request.Rate is null ? null : LatencySummary.Of(figures.Late),
            figures.AllocatedBytes, figures.Collections, figures.Faults, figures.Preemptions, fault,
            figures.Unsent);
    }
}
