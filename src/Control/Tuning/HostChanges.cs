using LowLatency.Control.Commands;

namespace LowLatency.Control.Tuning;

/// <summary>The changes of the host that one run makes and takes back. One thread.</summary>
/// <param name="journal">Where they are written down.</param>
/// <param name="io">Where they are told.</param>
internal sealed class HostChanges(Journal journal, CommandIo io) : IDisposable
{
    /// <summary>How long real-time threads may run of each period, us; -1: as long as they want
    /// (sched(7)).</summary>
    public const string RtRuntime = "/proc/sys/kernel/sched_rt_runtime_us";

    private readonly Stack<JournalEntry> _applied = [];

    /// <summary>Lets FIFO lanes run without the 50 ms pause that throttling takes of each second.</summary>
    /// <param name="dataPlanes">Names of those it is done for.</param>
    /// <exception cref="CommandFailure">The host refused: exit code 2.</exception>
    public void SwitchThrottlingOff(IReadOnlyList<string> dataPlanes)
    {
        if (journal.Apply(RtRuntime, "-1", dataPlanes) is JournalEntry entry)
        {
            _applied.Push(entry);
            io.Say($"real-time throttling is off for this run (sched_rt_runtime_us was {entry.Before})");
        }
    }

    /// <summary>Takes everything back, newest first, and says what did not go.</summary>
    /// <returns>True when the host is as it was.</returns>
    public bool Restore()
    {
        bool isRestored = true;
        while (_applied.TryPop(out JournalEntry? entry))
        {
            try
            {
                JournalOutcome outcome = journal.Undo(entry);
                if (outcome.Entry.State == JournalState.Left)
                {
                    io.Say(outcome.Line);
                }
            }
            catch (CommandFailure e)
            {
                io.Say($"{e.Message}; 'lowlat tune rollback' tries again");
                isRestored = false;
            }
        }

        return isRestored;
    }

    /// <summary>As <see cref="Restore"/>.</summary>
    public void Dispose() => Restore();
}
