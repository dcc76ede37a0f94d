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
    private readonly long _activeNs;       // active time of one quiet period
    private readonly long _cycleNs;        // active time of one round over all paths
    private readonly long _warmupNs;       // active time at which measuring starts
    private readonly long _activeEndNs;    // active time at which the run ends
    private SplitMix _random;
    private long _baseNs;
    private double _atNs;                  // active time of the next frame
    private ulong _count;

    /// <summary>Prepares a schedule; <see cref="Start"/> gives it its beginning.</summary>
    public LoadSchedule(in PlanLoad plan)
    {
        _plan = plan;
        bool hasQuiet = plan.QuietEveryNs > 0;
        _activeNs = hasQuiet ? plan.QuietEveryNs - plan.QuietForNs - plan.QuietGuardNs : 1;
        Invariant.Require(_activeNs > 0 && plan.RatePps > 0 && plan.PathCount > 0);
        double activeShare = hasQuiet ? (double)_activeNs / plan.QuietEveryNs : 1;
        _intervalNs = 1e9 / plan.RatePps * activeShare;
        for (int path = 0; path < plan.PathCount; path++)
        {
            _cycleNs += plan.Paths[path].SliceNs;
        }

        Invariant.Require(_cycleNs > 0 && plan.Paths[0].SliceNs > 0);
        long firstPathNs = (long)(plan.DurationNs * activeShare); // whole rounds, then the rest of the first path's slice
        long rounds = firstPathNs / plan.Paths[0].SliceNs;
        _warmupNs = (long)(plan.WarmupNs * activeShare);
        _activeEndNs = _warmupNs + (rounds * _cycleNs) + (firstPathNs % plan.Paths[0].SliceNs);
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
        _atNs = _plan.Schedule == Schedule.Poisson
            ? _atNs - (Math.Log(1.0 - _random.NextUnit()) * _intervalNs)
            : _count * _intervalNs;
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
