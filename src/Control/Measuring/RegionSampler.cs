using System.Diagnostics;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Measuring;

/// <summary>Reads one lowlatd's shared region once per interval: histogram banks, counters, gaps, ports. One
/// sampling thread; never makes a lane wait.</summary>
internal sealed class RegionSampler
{
    /// <summary>How long a lane may take to flip: an RT-throttled one is away for 50 ms at a time.</summary>
    private const int FlipWaitMs = 250;

    // Never set: waiting for it is how the sampling thread passes a millisecond.
    private static readonly ManualResetEventSlim Never = new(false);

    /// <summary>Starts with nothing read.</summary>
    /// <param name="region">An opened region; the caller keeps and closes it.</param>
    /// <param name="process">"load" or "forward".</param>
    public RegionSampler(SharedRegion region, string process)
    {
        Region = region;
        Process = process;
        Lanes = [.. Enumerable.Range(0, region.Plan.LaneCount)
            .Select(i => new LaneTrack(region, process, i))];
        FirstPorts = new PortPage[region.Plan.PortCount];
        LastPorts = new PortPage[region.Plan.PortCount];
    }

    /// <summary>The region.</summary>
    public SharedRegion Region { get; }

    /// <summary>Name of the process in reports.</summary>
    public string Process { get; }

    /// <summary>One per lane of the plan.</summary>
    public IReadOnlyList<LaneTrack> Lanes { get; }

    /// <summary>Port pages at the baseline.</summary>
    public PortPage[] FirstPorts { get; }

    /// <summary>Port pages of the latest sample.</summary>
    public PortPage[] LastPorts { get; }

    /// <summary>Lanes that did not flip in the last sample, by name.</summary>
    public List<string> Silent { get; } = [];

    /// <summary>True once the lane writes no more: stopped, or its process is gone.</summary>
    public bool IsEnded(LaneTrack lane)
    {
        LaneState state = lane.Page.State;
        Interlocked.MemoryBarrier(); // the lane's last bucket is visible before what we read next
        return state == LaneState.Stopped || !Region.IsOwnerAlive;
    }

    /// <summary>First step of a sample: asks every lane for its other bank, so that all flip at about one
    /// time.</summary>
    public void RequestFlips()
    {
        foreach (LaneTrack lane in Lanes)
        {
            lane.BeginInterval();
            lane.RequestFlip();
        }
    }

    /// <summary>Second step: waits (bounded) for the flips, then reads everything.</summary>
    /// <param name="isKept">False in warm-up: the lanes' own histograms and gaps are thrown away.</param>
    /// <param name="isBaseline">True: everything read so far is thrown away and deltas start here.</param>
    public void Collect(bool isKept, bool isBaseline)
    {
        AwaitFlips();
        Silent.Clear();
        foreach (LaneTrack lane in Lanes)
        {
            if (lane.HasFlipped)
            {
                lane.TakeLeftBank(isKept, isBaseline);
            }
            else if (!IsEnded(lane))
            {
                Silent.Add(lane.Name);
            }

            lane.TakeGaps(isKept && !isBaseline);
            if (!isKept || isBaseline)
            {
                lane.SkipStageTimes();
            }
        }

        ReadCounters(isBaseline);
    }

    /// <summary>The last sample: lanes that ended, or do not answer, give both banks.</summary>
    /// <param name="isKept">False after the load's end: as in warm-up.</param>
    public void Finish(bool isKept)
    {
        RequestFlips();
        AwaitFlips();
        Silent.Clear();
        foreach (LaneTrack lane in Lanes)
        {
            bool isEnded = IsEnded(lane);
            if (lane.HasFlipped)
            {
                lane.TakeLeftBank(isKept, isBaseline: false);
            }
            else if (!isEnded)
            {
                Silent.Add(lane.Name);
                lane.TakeBothBanks(isKept);
            }

            if (isEnded)
            {
                lane.TakeBothBanks(isKept);
            }

            lane.TakeGaps(isKept);
        }

        ReadCounters(isBaseline: false);
    }

    private void AwaitFlips()
    {
        long deadline = Stopwatch.GetTimestamp() + (Stopwatch.Frequency * FlipWaitMs / 1000);
        while (Lanes.Any(lane => !lane.HasFlipped && !IsEnded(lane)) && Stopwatch.GetTimestamp() < deadline)
        {
            // a bounded wait: lanes flip at their next housekeeping, within about a millisecond
            Never.Wait(1);
        }
    }

    private void ReadCounters(bool isBaseline)
    {
        foreach (LaneTrack lane in Lanes)
        {
            lane.ReadCounters(isBaseline);
        }

        for (int port = 0; port < LastPorts.Length; port++)
        {
            LastPorts[port] = Region.ReadPort(port);
            if (isBaseline)
            {
                FirstPorts[port] = LastPorts[port];
            }
        }
    }
}
