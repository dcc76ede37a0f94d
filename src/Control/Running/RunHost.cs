using LowLatency.Control.Commands;
using LowLatency.Control.Configuring;
using LowLatency.Control.Measuring;
using LowLatency.Control.Reporting;
using LowLatency.Control.Searching;
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
        _folder = request.Folder ?? RunFolder.Create(request.OutRoot, _startUtc, request.Verb);
        Directory.CreateDirectory(_folder);
        _changes = new HostChanges(Instance.Journal(), io);
    }

    /// <summary>Signals, from the start of the run on.</summary>
    public Interrupt Interrupt { get; } = new();

    /// <summary>The run folder.</summary>
    public string Folder => _folder;

    /// <summary>The data planes.</summary>
    public Fleet Fleet { get; } = new();

    /// <summary>Starts what is planned and waits until it is armed; this process moves out of the lanes'
    /// way.</summary>
    /// <returns>False: interrupted before.</returns>
    /// <exception cref="CommandFailure">Refused; everything started is stopped by
    /// <see cref="Dispose"/>.</exception>
    /// <param name="hasLoad">False: the load is armed later, by <see cref="ArmLoad"/>.</param>
    public bool Arm(bool hasLoad = true)
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

        foreach (PlanImage plan in plans.Where(plan => hasLoad || !ReferenceEquals(plan, _request.Load)))
        {
            string role = ReferenceEquals(plan, _request.Load) ? "load" : "forward";
            Fleet.Add(DataPlane.Start(plan.Header.Name.ToString(), role, plan,
                role == "forward" ? _request.Tables : _request.LoadTables, _request.Cgroup));
        }

        if (_request.AttachTo is string name)
        {
            Fleet.Add(DataPlane.Attach(name, "forward")
                ?? throw CommandFailure.Host($"data plane '{name}' ended before the load began"));
        }

        return Fleet.AwaitArmed(Interrupt);
    }

    /// <summary>Stops the load that was, and arms another; the forwarder runs on.</summary>
    /// <param name="plan">Plan of generator and receiver.</param>
    /// <returns>False: interrupted before.</returns>
    /// <exception cref="CommandFailure">Refused.</exception>
    public bool ArmLoad(PlanImage plan)
    {
        if (Fleet.ReleaseLoad() is string complaint)
        {
            throw CommandFailure.Host(complaint);
        }

        Fleet.Add(DataPlane.Start(plan.Header.Name.ToString(), "load", plan, tables: null, _request.Cgroup));
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
        RunResult result = Judge(measured, faults, ledger);
        RunDocument document = new(result, MakeManifest(), measured.Timeline, measured.Histograms)
        {
            Intervals = measured.Intervals,
        };
        RunFolder.Write(_folder, document, _request.ConfigText);
        _isWritten = true;
        Report(document);
        return CodeOf(faults, isRestored, result.Verdict.Ok);
    }

    /// <summary>Stops, restores, writes a search's folder, reports.</summary>
    /// <param name="make">Makes the search, from what went wrong.</param>
    /// <param name="deaths">Data planes that ended by themselves, one line each.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="RunFolderException">The folder could not be written.</exception>
    public int FinishSearch(Func<IReadOnlyList<string>, SearchResult> make, IReadOnlyList<string> deaths)
    {
        string[] faults = [.. deaths, .. Fleet.Stop()];
        bool isRestored = _changes.Restore();
        SearchResult search = make(faults);
        SearchFolder.Write(_folder, new SearchDocument(search, MakeManifest()), _request.ConfigText);
        _isWritten = true;
        if (_request.IsJson)
        {
            _io.Out.Write(RunJson.Write(search));
            _io.Say($"run folder {_folder}");
        }
        else
        {
            _io.Out.Write(SearchText.Render(search));
            _io.Out.WriteLine($"\nrun folder {_folder}");
        }

        return CodeOf(faults, isRestored, search.Ok);
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

    private RunManifest MakeManifest() => RunManifest.Collect(_request.Verb, _startUtc, DateTime.UtcNow,
        _request.CommandLine, _request.ConfigPath, TextHash.Of(_request.ConfigText), BuildInfo.Libraries);

    private int CodeOf(string[] faults, bool isRestored, bool isOk)
    {
        foreach (string fault in faults)
        {
            _io.Say(fault);
        }

        return faults.Length > 0 || !isRestored ? ExitCode.Host
            : Interrupt.IsAsked && _request.Load is not null ? ExitCode.Interrupted
            : isOk ? ExitCode.Ok : ExitCode.Gate;
    }

    private RunResult Judge(RunMeasurement measured, string[] faults, ForwardLedger? ledger)
    {
        RunResult result = measured.Result;
        List<string> reasons = [.. faults, .. result.Verdict.Reasons];
        List<string> notes = [.. result.Verdict.Notes];
        if (Interrupt.IsAsked && _request.Load is not null)
        {
            notes.Add("partial: the load was interrupted and ended early");
        }

        PromiseResult? promise = _request.Promise.Judge(result, measured.Histograms);
        reasons.AddRange(promise?.Missed ?? []);
        IReadOnlyList<RecordStatus> recordings = Fleet.Forward?.Recordings() ?? [];
        // Forwarding goes on without its record; a capture that is not whole is none.
        (_request.Verb == "record" ? reasons : notes).AddRange(
            recordings.Select(recording => recording.Complaint).OfType<string>());
        if (ledger is not null)
        {
            (ledger.Unaccounted == 0 ? notes : reasons).Add(ledger.Line);
        }

        return result with
        {
            Verdict = new Verdict(reasons.Count == 0, reasons, notes),
            Promise = promise,
            Recordings = recordings.Count > 0 ? recordings : null,
            IsPartial = _request.Load is not null && (Interrupt.IsAsked || faults.Length > 0),
        };
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
