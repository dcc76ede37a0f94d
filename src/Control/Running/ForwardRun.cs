using System.Globalization;
using LowLatency.Control.Commands;
using LowLatency.Control.Explaining;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Running;

/// <summary>The forwarder at work until a signal or its time ends it. One thread, on the housekeeping
/// CPUs.</summary>
/// <param name="request">With a forward plan.</param>
/// <param name="io">Report and progress.</param>
internal sealed class ForwardRun(RunRequest request, CommandIo io)
{
    private const int PollMs = 250;
    private const int ExplainPollMs = 20;
    private const long LineEveryNs = 1_000_000_000;
    private const long LineEveryUnseenNs = 10_000_000_000;

    // The timeline of a month must fit into memory and a page: each hour's worth of samples doubles the
    // interval.
    private const int SamplesPerInterval = 3600;

    /// <summary>Runs it.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="CommandFailure">Refused before anything ran.</exception>
    public int Execute()
    {
        using RunHost host = new(request, io);
        using TraceArming? arming = Explainers.Prepare(request);
        if (!host.Arm())
        {
            io.Say("interrupted before the lanes were armed");
            return ExitCode.Interrupted;
        }

        SharedRegion region = host.Fleet.Forward!.Region!;
        string does = request.Verb == "record" ? "captures" : "forwards";
        io.Say($"'{host.Fleet.Forward.Name}' {does} (pid {region.Header.Pid}); Ctrl-C, or "
            + $"'lowlat stop --name {host.Fleet.Forward.Name}', ends it");
        MeasurementSession session = new(load: null, region);
        using Explainer? explainer = Explainers.Start(host, arming, session);
        session.Baseline();
        string? death = Watch(host, session, region, explainer);
        if (death is null)
        {
            host.Fleet.Stop(); // lanes send what they hold; then their last counters are on their pages
        }

        RunMeasurement measured = session.Finish(request.Verb, request.Promise.Percentiles);
        return host.Finish(Explainers.Finish(explainer, session, measured), death is null ? [] : [death],
            death is null ? ForwardLedger.Read(region) : null);
    }

    /// <returns>What died; null: nothing, or it was asked to by someone else.</returns>
    private string? Watch(
        RunHost host, MeasurementSession session, SharedRegion region, Explainer? explainer)
    {
        ProgressLine progress = new(io);
        StallWatch stall = new(host.Fleet);
        LinkWatch links = new(region);
        long startNs = ThreadControl.NowNs;
        long endNs = request.DurationNs == 0 ? long.MaxValue : startNs + request.DurationNs;
        long lineEveryNs = io.IsErrorTerminal ? LineEveryNs : LineEveryUnseenNs;
        (long lineNs, long sampleNs, int samples) = (startNs, startNs, 0);
        ForwardLedger last = ForwardLedger.Read(region);
        string? death = null;
        while (death is null && !host.Interrupt.IsAsked && ThreadControl.NowNs < endNs)
        {
            int pollMs = explainer is null ? PollMs : ExplainPollMs;
            host.Interrupt.Wait((int)Math.Min(pollMs, ((endNs - ThreadControl.NowNs) / 1_000_000) + 1));
            Explainers.Turn(explainer, session);
            if (host.Fleet.FindDead() is DataPlane dead)
            {
                if (dead.HasEndedWell)
                {
                    io.Say($"'{dead.Name}' was stopped from elsewhere");
                    break;
                }

                death = dead.DescribeEnd();
            }

            host.Fleet.Forward!.Poll(); // another generation may have tables that follow the kernel's
            foreach (string change in links.Find().Concat(host.Fleet.Forward.Routes?.Complaints() ?? []))
            {
                progress.Close();
                io.Say(change);
            }

            long now = ThreadControl.NowNs;
            if (now - sampleNs >= LineEveryNs << Math.Min(samples / SamplesPerInterval, 12))
            {
                session.Sample();
                (sampleNs, samples) = (now, samples + 1);
                death ??= stall.Find();
            }

            if (now - lineNs >= lineEveryNs)
            {
                ForwardLedger current = ForwardLedger.Read(region);
                progress.Show(Line(last, current, (now - lineNs) / 1e9, (now - startNs) / 1e9));
                (last, lineNs) = (current, now);
            }
        }

        progress.Close();
        return death;
    }

    private static string Line(ForwardLedger before, ForwardLedger now, double seconds, double atSeconds)
    {
        string at = atSeconds.ToString("0", CultureInfo.InvariantCulture).PadLeft(6);
        string drops = string.Join(", ", now.Drops.Select(drop => $"{drop.Key} {Units.Count(drop.Value)}"));
        return TextTable.Clip($"{at} s  rx {Units.Rate((now.Received - before.Received) / seconds)}/s  "
            + $"tx {Units.Rate((now.Sent - before.Sent) / seconds)}/s  "
            + $"drops {(drops.Length > 0 ? drops : "none")}", TextTable.WidthMax);
    }
}
