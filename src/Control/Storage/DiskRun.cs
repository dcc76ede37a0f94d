using HdrHistogram;
using LowLatency.Control.Commands;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;
using LowLatency.Control.Running;
using LowLatency.Native;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Storage;

/// <summary>One <c>lowlat disk</c>: measures on a thread of its own, shows how it goes, leaves a run folder.
/// </summary>
/// <param name="request">What to measure.</param>
/// <param name="outRoot">Where run folders are made.</param>
/// <param name="isJson">JSON, and nothing else, to the output.</param>
/// <param name="typed">The command line.</param>
/// <param name="io">Report and progress.</param>
internal sealed class DiskRun(DiskRequest request, string outRoot, bool isJson, IReadOnlyList<string> typed,
    CommandIo io)
{
    private const int PollMs = 20;
    private const long ShowEveryNs = 1_000_000_000;

    /// <summary>Runs it.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="CommandFailure">Refused before anything was measured.</exception>
    public int Execute()
    {
        using Interrupt interrupt = new();
        using DiskTarget target = DiskTarget.Open(request, io.Say);
        DiskModes modes = DiskModes.Find(request.Mode, target, request.BlockBytes);
        io.Say($"{request.Path}: {modes.Effective} ({modes.Why})");
        DateTime startUtc = DateTime.UtcNow;
        string folder = RunFolder.Create(outRoot, startUtc, "disk");
        DiskMeter meter = new(request, target, modes);
        Measure(meter, interrupt);
        if (meter.Refusal is NativeException refusal)
        {
            Directory.Delete(folder);
            throw CommandFailure.Host(refusal.Message);
        }

        DiskResult disk = DiskResult.Of(request, target, modes, meter.Figures!, meter.Fault);
        RunDocument document = Document(disk, meter.Figures!, startUtc, interrupt.IsAsked);
        RunFolder.Write(folder, document, configuration: null);
        if (isJson)
        {
            io.Out.Write(CommandJson.Write(disk));
            io.Say($"run folder {folder}");
        }
        else
        {
            io.Out.Write(TextReport.Render(document, io.IsOutTerminal));
            io.Out.WriteLine($"\nrun folder {folder}");
        }

        return meter.Fault is not null ? ExitCode.Host : interrupt.IsAsked ? ExitCode.Interrupted
            : disk.Unsent > 0 ? ExitCode.Gate : ExitCode.Ok;
    }

    private void Measure(DiskMeter meter, Interrupt interrupt)
    {
        Thread thread = new(meter.Run) { Name = "disk" };
        thread.Start();
        ProgressLine progress = new(io);
        long startNs = ThreadControl.NowNs;
        long shownNs = startNs;
        long shown = 0;
        while (thread.IsAlive)
        {
            interrupt.WaitAnyway(PollMs);
            if (interrupt.IsAsked)
            {
                meter.Stop();
                thread.Join();
            }

            long nowNs = ThreadControl.NowNs;
            if (nowNs - shownNs >= ShowEveryNs && thread.IsAlive)
            {
                long transfers = meter.Transfers;
                double rate = (transfers - shown) * 1e9 / (nowNs - shownNs);
                string warmup = transfers == 0 && nowNs - startNs <= request.WarmupNs + ShowEveryNs
                    ? "  warm-up" : "";
                progress.Show(FormattableString.Invariant($"{(nowNs - startNs) / 1e9,6:0.0} s  ")
                    + $"{Units.Rate(rate)} IOPS  {Units.Bytes((long)(rate * request.BlockBytes))}/s{warmup}");
                (shownNs, shown) = (nowNs, transfers);
            }
        }

        progress.Close();
    }

    private RunDocument Document(DiskResult disk, DiskFigures figures, DateTime startUtc, bool isPartial)
    {
        LongHistogram all = Histograms.New();
        all.Add(figures.Read);
        all.Add(figures.Write);
        HistogramSet histograms = new();
        histograms.Add(HistogramSet.EndToEnd, all);
        if (request.Rate is not null)
        {
            histograms.Add(HistogramSet.ServiceTime, figures.Service);
            histograms.Add(HistogramSet.Lateness, figures.Late);
        }

        List<string> reasons = disk.Fault is null ? [] : [disk.Fault];
        if (disk.Unsent > 0 && !isPartial && disk.Fault is null)
        {
            reasons.Add($"{Units.Count(disk.Unsent)} transfers were given up: the rate is above what the drive "
                + $"does at depth {disk.Depth}");
        }

        List<string> notes = [];
        if (disk.EffectiveMode != disk.RequestedMode)
        {
            notes.Add($"transfers were completed in mode {disk.EffectiveMode}: {disk.Why}");
        }

        if (isPartial)
        {
            notes.Add("partial: it was interrupted and ended early");
        }

        RunResult result = new(RunResult.SchemaName, "disk", disk.DurationSeconds, disk.Latency,
            request.Rate is null ? null : disk.Service, null, null, null, null, null, null, [], [], null, [],
            [], new Verdict(reasons.Count == 0, reasons, notes))
        {
            Disk = disk,
            IsPartial = isPartial || disk.Fault is not null,
        };
        return new RunDocument(result,
            RunManifest.Collect("disk", startUtc, DateTime.UtcNow, typed, null, null, BuildInfo.Libraries),
            Timeline: null, histograms);
    }
}
