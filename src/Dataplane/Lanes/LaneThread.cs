using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Threads;

namespace LowLatency.Dataplane.Lanes;

/// <summary>The thread under one lane (pinned) or several (shared, round-robin). Created at boot, it pins
/// itself, takes its policy, arms its lanes and turns them until asked to stop.</summary>
internal sealed class LaneThread : IDisposable
{
    private const int StackBytes = 256 * 1024;        // populated whole by mlockall: a lane is a few frames deep
    private const long DrainNs = 100_000_000;         // what is left after this is told by the ledger
    private readonly ILane[] _lanes;
    private readonly PlanLane _plan;
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _armed = new();
    private volatile bool _stops;                     // cold: written once, at disarm
    private NativeException? _refusal;

    /// <summary>Prepares the thread of lanes that share one plan of CPU, policy and pauses.</summary>
    public LaneThread(ILane[] lanes, in PlanLane plan)
    {
        Invariant.Require(lanes.Length > 0);
        _lanes = lanes;
        _plan = plan;
        _thread = new Thread(Run, StackBytes) { IsBackground = true, Name = "lane-" + plan.Name };
    }

    /// <summary>It is a recorder's.</summary>
    public bool IsStorage => _plan.Kind == LaneKind.Storage;

    /// <summary>Starts the thread and waits until it has its CPU and its policy; its lanes arm right
    /// after.</summary>
    /// <exception cref="NativeException">The host refused the CPU or the policy.</exception>
    public void Start()
    {
        _thread.Start();
        _armed.Wait();
        if (_refusal != null)
        {
            throw new NativeException(_refusal.Call, _refusal.Errno, _refusal.Hint);
        }
    }

    /// <summary>Asks the lanes to send what they hold and stop; returns when they have.</summary>
    public void Stop()
    {
        _stops = true;
        _thread.Join();
    }

    /// <inheritdoc/>
    public void Dispose() => _armed.Dispose();

    private void Run()
    {
        try
        {
            ThreadControl.Pin(_plan.Cpu);
            ThreadControl.SetPolicy(_plan.Policy, _plan.Priority);
            foreach (ILane lane in _lanes)
            {
                lane.Open();
            }
        }
        catch (NativeException refusal)
        {
            _refusal = refusal;
            _armed.Set();
            return;
        }

        _armed.Set();              // before arming: setting it may allocate, turning must not
        foreach (ILane lane in _lanes)
        {
            lane.Core.Arm();
        }

        Turn();
        Drain();
        foreach (ILane lane in _lanes)
        {
            lane.Close();
            lane.Core.Stop(LaneState.Stopped);
        }
    }

    private void Turn()
    {
        ILane[] lanes = _lanes;
        long everyNs = _plan.YieldEveryNs;
        long pauseAtNs = everyNs == 0 ? long.MaxValue : NextMultiple(ThreadControl.NowNs, everyNs);
        while (!_stops)
        {
            long nowNs = 0;
            foreach (ILane lane in lanes)
            {
                nowNs = lane.Turn();
            }

            if (nowNs >= pauseAtNs)
            {
                Pause(pauseAtNs);
                pauseAtNs = NextMultiple(ThreadControl.NowNs, everyNs);
            }
        }
    }

    private void Pause(long plannedNs)
    {
        long fromNs = ThreadControl.NowNs;
        ThreadControl.PauseUntil(Math.Max(plannedNs + _plan.YieldForNs, fromNs));
        long toNs = ThreadControl.NowNs;
        foreach (ILane lane in _lanes)
        {
            lane.Core.OnYielded(fromNs, toNs);
        }
    }

    private void Drain()
    {
        long untilNs = ThreadControl.NowNs + DrainNs;
        bool isDrained = false;
        while (!isDrained && ThreadControl.NowNs < untilNs)
        {
            isDrained = true;
            foreach (ILane lane in _lanes)
            {
                lane.Turn();
                isDrained &= lane.IsDrained;
            }
        }
    }

    private static long NextMultiple(long nowNs, long everyNs) => ((nowNs / everyNs) + 1) * everyNs;
}
