namespace LowLatency.Control.Explaining;

/// <summary>What had a CPU, with a name that may become known only after it began.</summary>
/// <param name="bucket">Its class.</param>
/// <param name="name">What is known of it.</param>
/// <param name="sinceNs">When it got the CPU, CLOCK_MONOTONIC ns.</param>
internal sealed class Occupant(Bucket bucket, string name, long sinceNs)
{
    /// <summary>When it got the CPU, CLOCK_MONOTONIC ns. A lane that ran later has ended it, told or
    /// not.</summary>
    public long SinceNs { get; } = sinceNs;

    /// <summary>Its class.</summary>
    public Bucket Bucket { get; } = bucket;

    /// <summary>Its name.</summary>
    public string Name { get; private set; } = name;

    /// <summary>True for an interrupt that another CPU sent: its sender may be found.</summary>
    public bool IsSent => Bucket == Bucket.Ipi;

    /// <summary>Says more of it, once.</summary>
    public void Detail(string detail)
    {
        if (detail.Length > 0 && !Name.EndsWith(')'))
        {
            Name = $"{Name} ({detail})";
        }
    }
}

/// <summary>A time in which one occupant, and none above it, had the CPU.</summary>
/// <param name="StartNs">CLOCK_MONOTONIC, ns.</param>
/// <param name="EndNs">CLOCK_MONOTONIC, ns.</param>
/// <param name="By">Whose time it was.</param>
internal readonly record struct Segment(long StartNs, long EndNs, Occupant By);

/// <summary>One CPU's time, as far as the lane did not have it: built from events in order, nested ones taken
/// off those they interrupt, so that segments never overlap. One thread.</summary>
/// <param name="laneTid">The lane's thread: its own time is no segment.</param>
/// <param name="ours">Names threads of our own processes; null for others.</param>
internal sealed class CpuTimeline(int laneTid, Func<int, string?> ours)
{
    private const long KeptNs = 20_000_000_000; // gaps are asked for within a second or two
    private const int DepthMax = 16;            // NMI over IRQ over softirq over a call: more is nonsense
    private readonly OrderedWindow<Segment> _segments = new(segment => segment.EndNs);
    private readonly Stack<(EventKind Opened, Occupant By)> _nested = new();
    private readonly List<(EventKind Opened, Occupant By)> _laneNested = []; // calls that the lane sleeps in
    private readonly Queue<(long AtNs, string What)> _faults = new();
    private long _laneState;   // when it last lost the CPU: as sched_switch has it
    private Occupant? _thread; // null: the lane, or not known yet
    private long _sinceNs;

    /// <summary>Time of the last event, CLOCK_MONOTONIC ns.</summary>
    public long LastNs { get; private set; }

    private Occupant? Top => _nested.Count > 0 ? _nested.Peek().By : _thread;

    /// <summary>Takes the next event of this CPU.</summary>
    public void Add(in CpuEvent told)
    {
        LastNs = told.AtNs;
        if (told.Pid == laneTid && told.Kind != EventKind.Switch && _thread is not null && _nested.Count == 0)
        {
            Close(told.AtNs); // it is back, and nobody said so: kernels are silent about switches from idle
            _thread = null;
        }

        switch (told.Kind)
        {
            case EventKind.Switch:
                Switch(told);
                break;
            case EventKind.VectorEntry:
                Push(told, (Bucket)told.Value);
                break;
            case EventKind.IrqEntry:
                Push(told, Bucket.Irq);
                break;
            case EventKind.SoftirqEntry:
                Push(told, Bucket.Softirq);
                break;
            case EventKind.CallEntry when told.Pid == laneTid:
                Push(told, Bucket.OwnCall);
                break;
            case EventKind.VectorExit or EventKind.IrqExit or EventKind.SoftirqExit:
                Pop(told);
                break;
            case EventKind.CallExit when told.Pid == laneTid:
                Pop(told);
                break;
            case EventKind.Nmi:
                AddNmi(told);
                break;
            case EventKind.Fault when told.Pid == laneTid:
                _faults.Enqueue((told.AtNs, $"page fault at 0x{told.Value:x}"));
                break;
            case EventKind.WorkStart when _thread is not null && _nested.Count == 0:
                Close(told.AtNs);
                _thread = new Occupant(_thread.Bucket, Plain(_thread.Name), _thread.SinceNs);
                _thread.Detail(told.Name);
                break;
            case EventKind.WorkEnd when _thread is not null && _nested.Count == 0:
                Close(told.AtNs);
                _thread = new Occupant(_thread.Bucket, Plain(_thread.Name), _thread.SinceNs);
                break;
            case EventKind.TimerCallback:
                Top?.Detail(told.Name);
                break;
            default:
                break;
        }
    }

    /// <summary>Forgets what is open: events were lost.</summary>
    public void Interrupt()
    {
        _nested.Clear();
        _laneNested.Clear();
        _thread = null;
        _sinceNs = 0;
    }

    /// <summary>Segments that lie in a time, in order, cut to it.</summary>
    public IEnumerable<Segment> Within(long startNs, long endNs)
    {
        foreach (Segment segment in _segments.From(startNs + 1))
        {
            if (segment.StartNs >= endNs)
            {
                break;
            }

            yield return new Segment(
                Math.Max(segment.StartNs, startNs), Math.Min(segment.EndNs, endNs), segment.By);
        }
    }

    /// <summary>The first page fault of the lane in a time; null: none.</summary>
    public string? FaultWithin(long startNs, long endNs)
    {
        foreach ((long atNs, string what) in _faults)
        {
            if (atNs >= startNs && atNs <= endNs)
            {
                return what;
            }
        }

        return null;
    }

    /// <summary>Lets go of what ended before.</summary>
    public void ForgetBefore(long ns)
    {
        _segments.DropBefore(Math.Max(ns, LastNs - KeptNs));

        while (_faults.TryPeek(out (long AtNs, string What) first) && first.AtNs < ns)
        {
            _faults.Dequeue();
        }
    }

    private static string Plain(string name)
    {
        int detail = name.IndexOf(" (", StringComparison.Ordinal);
        return detail < 0 ? name : name[..detail];
    }

    private void Push(in CpuEvent told, Bucket bucket)
    {
        Close(told.AtNs);
        if (_nested.Count == DepthMax)
        {
            _nested.Clear(); // ends were not told: start anew
        }

        _nested.Push((told.Kind, new Occupant(bucket, told.Name, told.AtNs)));
    }

    private void Pop(in CpuEvent told)
    {
        EventKind opened = told.Kind - 1; // each end follows its beginning in the enumeration
        if (!_nested.Any(entry => entry.Opened == opened))
        {
            return; // began before we looked
        }

        Close(told.AtNs);
        while (_nested.Pop().Opened != opened)
        {
        }
    }

    private void Switch(in CpuEvent told)
    {
        Close(told.AtNs);
        if (told.Pid == laneTid)
        {
            _laneState = told.Value;
            _laneNested.Clear();
            _laneNested.AddRange(_nested.Where(entry => entry.Opened == EventKind.CallEntry).Reverse());
        }

        _nested.Clear(); // nothing but a call is left where threads change
        _thread = null;
        if (told.Other == laneTid)
        {
            foreach ((EventKind, Occupant) entry in _laneNested)
            {
                _nested.Push(entry);
            }

            _laneNested.Clear();
        }
        else if (told.Other == 0)
        {
            _thread = new Occupant(Bucket.Thread, IdleName(_laneState), told.AtNs);
        }
        else
        {
            _thread = ours(told.Other) is { } own ? new Occupant(Bucket.Own, own, told.AtNs)
                : new Occupant(Bucket.Thread, $"{told.Name}/{told.Other}", told.AtNs);
        }

        _sinceNs = told.AtNs;
    }

    // include/trace/events/sched.h, __trace_sched_switch_state: bits S 1, D 2, T 4, t 8; 256 says preempted.
    private static string IdleName(long state) => (state & 0xFF) switch
    {
        0 => "idle: the scheduler held the lane back",
        4 or 8 => "idle: the lane was stopped",
        _ => "idle: the lane slept",
    };

    private void AddNmi(in CpuEvent told)
    {
        long startNs = Math.Max(told.AtNs - told.Value, _sinceNs);
        Close(startNs);
        _segments.Add(new Segment(startNs, told.AtNs, new Occupant(Bucket.Nmi, told.Name, startNs)));
        _sinceNs = told.AtNs;
    }

    private void Close(long nowNs)
    {
        if (Top is { } top && _sinceNs != 0 && nowNs > _sinceNs)
        {
            _segments.Add(new Segment(_sinceNs, nowNs, top));
        }

        _sinceNs = nowNs;
    }
}
