using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Dataplane.Load;

/// <summary>When the generator means to send each frame, and on which path: open loop, a function of the
/// plan and the start alone, whatever the network does. One generator lane.</summary>
/// <remarks>The schedule runs in active time, which leaves the quiet windows out (see
/// <see cref="PlanLoad"/>), and is
/// mapped to CLOCK_MONOTONIC frame by frame. Paths take turns in slices of active time.</remarks>
internal struct LoadSchedule
{
    private readonly PlanLoad _plan;
    private readonly double _intervalNs;   // mean distance, active time
    private readonly double _burstStepNs;  // distance within a burst, active time
    private readonly long _activeNs;       // active time of one quiet period
    private readonly long _cycleNs;        // active time of one round over all paths
    private readonly long _warmupNs;       // active time at which measuring starts
    private readonly long _activeEndNs;    // active time at which the run ends
    private readonly ReplayFrames? _replay;
    private RateProfile _profile;
    private SplitMix _random;
    private long _baseNs;
    private double _atNs;                  // active time of the next frame
    private ulong _count;

    /// <summary>Prepares a schedule; <see cref="Start"/> gives it its beginning.</summary>
    /// <param name="plan">Checked.</param>
    /// <param name="replay">Has the times of schedule replay.</param>
    public LoadSchedule(in PlanLoad plan, ReplayFrames? replay = null)
    {
        _plan = plan;
        _replay = replay;
        bool hasQuiet = plan.QuietEveryNs > 0;
        _activeNs = hasQuiet ? plan.QuietEveryNs - plan.QuietForNs - plan.QuietGuardNs : 1;
        Invariant.Require(_activeNs > 0 && plan.RatePps > 0 && plan.PathCount > 0);
        double activeShare = hasQuiet ? (double)_activeNs / plan.QuietEveryNs : 1;
        _intervalNs = 1e9 / plan.RatePps * activeShare;
        if (plan.Schedule == Schedule.Burst)
        {
            Invariant.Require(plan.BurstFrames > 1);
            // What the gap leaves of N mean distances, over the N - 1 distances within a burst.
            _burstStepNs = ((plan.BurstFrames * _intervalNs) - plan.BurstGapNs) / (plan.BurstFrames - 1);
            Invariant.Require(_burstStepNs >= 0);
        }

        for (int path = 0; path < plan.PathCount; path++)
        {
            _cycleNs += plan.Paths[path].SliceNs;
        }

        Invariant.Require(_cycleNs > 0 && plan.Paths[0].SliceNs > 0);
        // whole rounds, then the rest of the first path's slice
        long firstPathNs = (long)(plan.DurationNs * activeShare);
        long rounds = firstPathNs / plan.Paths[0].SliceNs;
        _warmupNs = (long)(plan.WarmupNs * activeShare);
        _activeEndNs = _warmupNs + (rounds * _cycleNs) + (firstPathNs % plan.Paths[0].SliceNs);
        if (plan.Schedule is Schedule.Ramp or Schedule.Steps)
        {
            _profile = new RateProfile(plan, _warmupNs, _activeEndNs, activeShare);
        }

        _random = new SplitMix(plan.Seed);
    }

    /// <summary>Intended time of the next frame, CLOCK_MONOTONIC ns.</summary>
    public long NextNs { get; private set; } = long.MaxValue;

    /// <summary>Path of the next frame.</summary>
    public int Path { get; private set; }

    /// <summary>True once every frame of the run has been taken.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Sets the beginning.</summary>
    public void Start(long startNs)
    {
        _baseNs = _plan.QuietEveryNs > 0 ? RoundUp(startNs, _plan.QuietEveryNs) : startNs;
        _count = 0;
        _atNs = 0;
        Place();
    }

    /// <summary>Moves on to the frame after this one.</summary>
    public void Advance()
    {
        _count++;
        // From the count, not by adding up: no drift. Poisson: exponential distances by inversion.
        _atNs = _plan.Schedule switch
        {
            Schedule.Poisson => _atNs - (Math.Log(1.0 - _random.NextUnit()) * _intervalNs),
            Schedule.Burst => (_count / _plan.BurstFrames * (_plan.BurstFrames * _intervalNs))
                + (_count % _plan.BurstFrames * _burstStepNs),
            Schedule.Replay => _replay!.TimeOf(_count),
            Schedule.Ramp or Schedule.Steps => _profile.TimeOf(_count, _plan),
            _ => _count * _intervalNs,
        };
        Place();
    }

    /// <summary>The wall clock at which measured time begins, for a schedule that starts at
    /// <paramref name="startNs"/>.</summary>
    public static long MeasureFrom(in PlanLoad plan, long startNs)
    {
        long baseNs = plan.QuietEveryNs > 0 ? RoundUp(startNs, plan.QuietEveryNs) : startNs;
        return baseNs + plan.WarmupNs;
    }

    private void Place()
    {
        long active = (long)_atNs;
        if (active >= _activeEndNs)
        {
            IsOver = true;
            NextNs = long.MaxValue;
            return;
        }

        NextNs = _plan.QuietEveryNs > 0
            ? _baseNs + (active / _activeNs * _plan.QuietEveryNs) + _plan.QuietForNs + (active % _activeNs)
            : _baseNs + active;
        long inCycle = (active - _warmupNs) % _cycleNs; // rounds count from where measuring starts
        inCycle += inCycle < 0 ? _cycleNs : 0;
        int path = 0;
        while (path < (int)_plan.PathCount - 1 && inCycle >= _plan.Paths[path].SliceNs)
        {
            inCycle -= _plan.Paths[path].SliceNs;
            path++;
        }

        Path = path;
    }

    private static long RoundUp(long value, long unit) => (value + unit - 1) / unit * unit;
}

/// <summary>The time of each frame where the rate is not one: parts in which it changes linearly, the warm-up
/// before them at the first rate. Frame numbers only grow. One generator lane.</summary>
internal struct RateProfile
{
    private readonly double _scale;    // measured time of all paths to that of the plan's parts
    private readonly double _perNs;    // one frame a second over wall time, as frames of an active ns
    private int _part = -1;            // index into the plan's rates; -1: warm-up
    private double _startNs;           // active time at which the part begins
    private double _lengthNs;          // active time that it lasts
    private double _from;              // frames of an active ns at its beginning
    private double _slope;             // by how much that grows in an active ns
    private double _firstFrame;        // frames before the part, not rounded
    private double _frames;            // frames of the part, not rounded

    /// <summary>Prepares it at the start of the warm-up.</summary>
    /// <param name="plan">With rates.</param>
    /// <param name="warmupNs">Active time of the warm-up.</param>
    /// <param name="endNs">Active time at which the run ends.</param>
    /// <param name="activeShare">Share of active time.</param>
    public RateProfile(in PlanLoad plan, long warmupNs, long endNs, double activeShare)
    {
        double sum = 0;
        for (int part = 0; part < Limits.RatesMax && plan.Rates[part].ForNs > 0; part++)
        {
            sum += plan.Rates[part].ForNs;
        }

        Invariant.Require(sum > 0 && plan.Rates[0].FromPps > 0);
        _scale = (endNs - warmupNs) / sum;
        _perNs = 1e-9 / activeShare;
        Set(plan.Rates[0].FromPps, plan.Rates[0].FromPps, warmupNs);
    }

    /// <summary>Active time of a frame, ns; the last part has no end.</summary>
    /// <param name="frame">Its number, no lower than that of the call before.</param>
    /// <param name="plan">The same as ever.</param>
    public double TimeOf(ulong frame, in PlanLoad plan)
    {
        while (frame - _firstFrame >= _frames && _part + 1 < Limits.RatesMax
            && plan.Rates[_part + 1].ForNs > 0)
        {
            _part++;
            _startNs += _lengthNs;
            _firstFrame += _frames;
            ref readonly PlanRate rate = ref plan.Rates[_part];
            Set(rate.FromPps, rate.ToPps, rate.ForNs * _scale);
        }

        // frames = from * t + slope / 2 * t², solved for t in the form that loses no digits when the slope is
        // small.
        double n = frame - _firstFrame;
        double root = (_from * _from) + (2 * _slope * n);
        return _startNs + (n <= 0 ? 0 : 2 * n / (_from + Math.Sqrt(Math.Max(0, root))));
    }

    private void Set(double fromPps, double toPps, double lengthNs)
    {
        _lengthNs = lengthNs;
        _from = fromPps * _perNs;
        double to = toPps * _perNs;
        _slope = lengthNs > 0 ? (to - _from) / lengthNs : 0;
        _frames = (_from + to) / 2 * lengthNs;
    }
}

/// <summary>splitmix64 (Steele, Lea, Flood 2014): small, seeded, good enough for arrival times and
/// sizes.</summary>
internal struct SplitMix(ulong seed)
{
    private ulong _state = seed;

    /// <summary>64 random bits.</summary>
    public ulong Next()
    {
        _state += 0x9E37_79B9_7F4A_7C15;
        ulong z = _state;
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
        return z ^ (z >> 31);
    }

    /// <summary>Uniform in [0, 1), 53 bits.</summary>
    public double NextUnit() => (Next() >> 11) * (1.0 / (1UL << 53));
}
