using LowLatency.Control.Commands;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Running;

/// <summary>The one or two data planes of a run: armed together, watched together, stopped together. One
/// thread.</summary>
internal sealed class Fleet : IDisposable
{
    private const long ArmLimitNs = 30_000_000_000; // a queue whose owner was killed alone may take 10 s
    private const int StopLimitMs = 5000;
    private const int PollMs = 5;
    private readonly List<DataPlane> _planes = [];
    private List<string>? _complaints; // once stopped

    /// <summary>The one with generator and receiver; null: none.</summary>
    public DataPlane? Load { get; private set; }

    /// <summary>The device under test; null: none.</summary>
    public DataPlane? Forward { get; private set; }

    /// <summary>All of them.</summary>
    public IReadOnlyList<DataPlane> All => _planes;

    /// <summary>Takes one in: its <see cref="DataPlane.Role"/> says as what.</summary>
    public void Add(DataPlane plane)
    {
        _planes.Add(plane);
        if (plane.Role == "load")
        {
            Load = plane;
        }
        else
        {
            Forward = plane;
        }
    }

    /// <summary>Stops the load plane and lets it go; the others run on.</summary>
    /// <returns>What went wrong; null: nothing.</returns>
    public string? ReleaseLoad()
    {
        if (Load is not DataPlane plane)
        {
            return null;
        }

        string? complaint = null;
        if (!plane.HasEnded)
        {
            plane.AskToStop();
            complaint = plane.AwaitEnd(StopLimitMs);
        }

        Forget(plane);
        _planes.Remove(plane);
        Load = null;
        plane.Dispose();
        return complaint;
    }

    /// <summary>Waits until all are armed.</summary>
    /// <returns>False when a signal came first.</returns>
    /// <exception cref="CommandFailure">One failed, ended, or is not armed in time: exit code 2, its own
    /// words. </exception>
    public bool AwaitArmed(Interrupt interrupt)
    {
        long deadline = ThreadControl.NowNs + ArmLimitNs;
        while (!_planes.TrueForAll(plane => plane.IsArmed))
        {
            foreach (DataPlane plane in _planes)
            {
                plane.Poll();
                if (plane.HasEnded)
                {
                    throw CommandFailure.Host(plane.LastWords() is string words
                        ? $"lowlatd '{plane.Name}': {words}" : plane.DescribeEnd());
                }
            }

            if (interrupt.IsAsked)
            {
                return false;
            }

            if (ThreadControl.NowNs > deadline)
            {
                DataPlane late = _planes.Find(plane => !plane.IsArmed)!;
                throw CommandFailure.Host(
                    $"not armed within {ArmLimitNs / 1_000_000_000} s: {late.DescribeEnd()}");
            }

            interrupt.Wait(PollMs);
        }

        return true;
    }

    /// <summary>The first that ended although nobody asked it to; null: all live.</summary>
    public DataPlane? FindDead() => _planes.Find(plane => plane.HasEnded);

    /// <summary>Asks ours to stop and waits for it; a second call does nothing more.</summary>
    /// <returns>What went wrong, one line each.</returns>
    public IReadOnlyList<string> Stop()
    {
        if (_complaints is not null)
        {
            return _complaints;
        }

        List<DataPlane> ours = _planes.FindAll(plane => plane.IsOurs);
        List<DataPlane> live = ours.FindAll(plane => !plane.HasEnded);
        live.ForEach(plane => plane.AskToStop());
        _complaints = [];
        foreach (DataPlane plane in live)
        {
            if (plane.AwaitEnd(StopLimitMs) is string complaint)
            {
                _complaints.Add(complaint);
            }
        }

        ours.ForEach(Forget);
        return _complaints;
    }

    /// <summary>Stops what still runs, and lets go.</summary>
    public void Dispose()
    {
        Stop();
        _planes.ForEach(plane => plane.Dispose());
    }

    private static void Forget(DataPlane plane)
    {
        Instance.RemoveDead(plane.Name); // a killed one leaves its region
        if (plane.HasEndedWell)
        {
            Instance.RemoveFiles(plane.Name); // otherwise its log may be all that tells why
        }
    }
}
