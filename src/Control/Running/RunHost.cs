using System.Globalization;
using LowLatency.Control.Commands;
using LowLatency.Control.Configuring;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;
using LowLatency.Control.Tuning;
using LowLatency.Native.Layout;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Running;

/// <summary>What every run needs around its measuring: folder, signals, host changes, data planes; and the
/// way back from each, whatever happens. One thread.</summary>
internal sealed class RunHost : IDisposable
{
    private readonly RunRequest _request;
    private readonly CommandIo _io;
    private readonly DateTime _startUtc = DateTime.UtcNow;
    private readonly string _folder;
    private readonly HostChanges _changes;
    private bool _isWritten;

    /// <summary>Makes the run folder; nothing of the host is changed yet.</summary>
    /// <exception cref="RunFolderException">No folder can be made.</exception>
    public RunHost(RunRequest request, CommandIo io)
    {
        _request = request;
        _io = io;
        _folder = RunFolder.Create(request.OutRoot, _startUtc, request.Verb);
        _changes = new HostChanges(Instance.Journal(), io);
    }

    /// <summary>Signals, from the start of the run on.</summary>
    public Interrupt Interrupt { get; } = new();

    /// <summary>The data planes.</summary>
    public Fleet Fleet { get; } = new();

    /// <summary>Starts what is planned and waits until it is armed; this process moves out of the lanes'
    /// way.</summary>
    /// <returns>False: interrupted before.</returns>
    /// <exception cref="CommandFailure">Refused; everything started is stopped by
    /// <see cref="Dispose"/>.</exception>
    public bool Arm()
    {
        PlanImage[] plans = [.. _request.Plans];
        bool hasFifo = plans.Any(plan =>
            Enumerable.Range(0, plan.LaneCount).Any(lane => plan.Lane(lane).Policy == LanePolicy.Fifo));
        if (_request.MayStopThrottling && hasFifo)
        {
            _changes.SwitchThrottlingOff([.. plans.Select(plan => plan.Header.Name.ToString())]);
        }

        if (plans.Length > 0)
        {
            ThreadControl.PinProcess(plans[0].Header.HousekeepingCpus);
        }

        foreach (PlanImage plan in plans)
        {
            string role = ReferenceEquals(plan, _request.Load) ? "load" : "forward";
            Fleet.Add(DataPlane.Start(plan.Header.Name.ToString(), role, plan,
                role == "forward" ? _request.Tables : null, _request.Cgroup));
        }

        if (_request.AttachTo is string name)
        {
            Fleet.Add(DataPlane.Attach(name, "forward")
                ?? throw CommandFailure.Host($"data plane '{name}' ended before the load began"));
        }

        return Fleet.AwaitArmed(Interrupt);
    }

    /// <summary>Stops, restores, writes the folder, reports.</summary>
    /// <param name="measured">From the session.</param>
    /// <param name="deaths">Data planes that ended by themselves, one line each.</param>
    /// <param name="ledger">The forwarder's own; null: the load's says more.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="RunFolderException">The folder could not be written.</exception>
    public int Finish(RunMeasurement measured, IReadOnlyList<string> deaths, ForwardLedger? ledger = null)
    {
        string[] faults = [.. deaths, .. Fleet.Stop()];
        bool isRestored = _changes.Restore();
        RunResult result = Judge(measured.Result, faults, ledger);
        string hash = TextHash.Of(_request.ConfigText);
        RunManifest manifest = RunManifest.Collect(_request.Verb, _startUtc, DateTime.UtcNow,
            _request.CommandLine, _request.ConfigPath, hash, BuildInfo.Libraries);
        RunDocument document = new(result, manifest, measured.Timeline, measured.Histograms);
        RunFolder.Write(_folder, document, _request.ConfigText);
        _isWritten = true;
        Report(document);
        foreach (string fault in faults)
        {
            _io.Say(fault);
        }

        return faults.Length > 0 || !isRestored ? ExitCode.Host
            : Interrupt.IsAsked && _request.Load is not null ? ExitCode.Interrupted
            : result.Verdict.Ok ? ExitCode.Ok : ExitCode.Gate;
    }

    /// <summary>Whatever still runs is stopped, whatever is still changed is restored.</summary>
    public void Dispose()
    {
        Fleet.Dispose();
        _changes.Dispose();
        Interrupt.Dispose();
        if (!_isWritten && !Directory.EnumerateFileSystemEntries(_folder).Any())
        {
            Directory.Delete(_folder); // nothing was measured
        }
    }

    private RunResult Judge(RunResult result, string[] faults, ForwardLedger? ledger)
    {
        List<string> reasons = [.. faults, .. result.Verdict.Reasons];
        List<string> notes = [.. result.Verdict.Notes];
        if (Interrupt.IsAsked && _request.Load is not null)
        {
            notes.Add("interrupted: the load ended early");
        }

        AddMissed(result, reasons);
        if (ledger is not null)
        {
            (ledger.Unaccounted == 0 ? notes : reasons).Add(ledger.Line);
        }

        return result with { Verdict = new Verdict(reasons.Count == 0, reasons, notes) };
    }

    private void AddMissed(RunResult result, List<string> reasons)
    {
        if (_request.MaxNs is long maxNs && !(result.EndToEnd?.MaxNs <= maxNs))
        {
            string actual = result.EndToEnd?.MaxNs is long ns ? $"is {Units.Us(ns)} us" : "was not measured";
            reasons.Add($"objective missed: max {actual}, limit {Units.Us(maxNs)} us");
        }

        if (_request.LossMax is double lossMax && result.Loss is { } loss && loss.Lost > lossMax * loss.Sent)
        {
            reasons.Add(string.Create(CultureInfo.InvariantCulture,
                $"objective missed: {loss.Lost} of {loss.Sent} frames lost, limit {lossMax:0.#########}"));
        }
    }

    private void Report(RunDocument document)
    {
        if (_request.IsJson)
        {
            _io.Out.Write(RunJson.Write(document.Result));
            _io.Say($"run folder {_folder}");
            return;
        }

        _io.Out.Write(TextReport.Render(document, _io.IsOutTerminal));
        _io.Out.WriteLine($"\nrun folder {_folder}");
    }
}
