using LowLatency.Control.Measuring;

namespace LowLatency.Control.Explaining;

/// <summary>Sums of what explained gaps are made of: bounded, whatever a run's length. One thread.</summary>
internal sealed class Tally
{
    private const int CulpritsMax = 4096; // a host that starts threads without end does not fill our memory
    private const int WorstMax = 200;
    private const int StartsMax = 1024;
    private const int PeriodStartsMin = 8;
    private const double PeriodSpread = 0.05;
    private const double PeriodShare = 0.8;

    private readonly Dictionary<(string Lane, Bucket Bucket, string Name), Row> _culprits = [];
    private readonly Row[] _buckets = [.. Buckets.All.Select(_ => new Row())];
    private readonly PriorityQueue<ExplainedGap, long> _worst = new();
    private long _gaps;
    private long _named;
    private long _lostNs;

    /// <summary>Time of a class so far, ns.</summary>
    public long NsOf(Bucket bucket) => _buckets[(int)bucket].LostNs;

    /// <summary>Takes a gap in.</summary>
    public void Add(
        ExplainedLane lane, GapRecord gap, IReadOnlyList<(Bucket Bucket, string Name, long Ns)> parts)
    {
        _gaps++;
        _lostNs += gap.LengthNs;
        long namedNs = 0;
        foreach ((Bucket bucket, string name, long ns) in parts)
        {
            namedNs += bucket.IsNamed() ? ns : 0;
            (string, Bucket, string) key = (lane.Name, bucket, WithoutPid(name));
            if (!_culprits.TryGetValue(key, out Row? row))
            {
                key = _culprits.Count < CulpritsMax ? key : (lane.Name, bucket, "others");
                row = _culprits.GetValueOrDefault(key) ?? (_culprits[key] = new Row());
            }

            row.Add(gap.StartNs, ns);
        }

        foreach (IGrouping<Bucket, (Bucket Bucket, string Name, long Ns)> group in parts.GroupBy(p =>
            p.Bucket))
        {
            _buckets[(int)group.Key].Add(gap.StartNs, group.Sum(part => part.Ns));
        }

        _named += namedNs * 2 >= gap.LengthNs ? 1 : 0;
        ExplainedGap explained = new(lane.Name, lane.Cpu, gap.StartNs, gap.LengthNs,
            [.. parts.OrderByDescending(p => p.Ns).Select(p => new GapPart(p.Bucket.Name(), p.Name, p.Ns))]);
        if (_worst.Count < WorstMax)
        {
            _worst.Enqueue(explained, gap.LengthNs);
        }
        else
        {
            _worst.EnqueueDequeue(explained, gap.LengthNs);
        }
    }

    /// <summary>The result.</summary>
    public Explanation Make(
        string tier, string why, long unseen, ObserverCost observer, IReadOnlyList<string> notes)
    {
        long unnamedNs = NsOf(Bucket.Unattributed) + NsOf(Bucket.Unknown);
        bool isNamed = tier != "T0";
        return new Explanation(
            tier, why, _gaps, unseen, _lostNs,
            isNamed && _lostNs > 0 ? Math.Round(1 - (unnamedNs / (double)_lostNs), 4) : null,
            isNamed && _gaps > 0 ? Math.Round(_named / (double)_gaps, 4) : null,
            [.. _buckets.Select((row, i) => (Row: row, Name: Buckets.All[i])).Where(b => b.Row.Gaps > 0)
                .OrderByDescending(b => b.Row.LostNs).Select(b => new BucketRow(
                    b.Name, b.Row.Gaps, b.Row.LostNs, Math.Round(b.Row.LostNs / (double)_lostNs, 4),
                    b.Row.MaxNs))],
            [.. _culprits.OrderByDescending(c => c.Value.LostNs).Select(c => new CulpritRow(
                c.Key.Lane, c.Key.Bucket.Name(), c.Key.Name, c.Value.Gaps, c.Value.LostNs, c.Value.MaxNs,
                c.Value.PeriodNs(), Buckets.CheckOf(c.Key.Bucket, c.Key.Name)))],
            [.. _worst.UnorderedItems.Select(item => item.Element).OrderByDescending(gap => gap.LengthNs)],
            observer, notes);
    }

    // "kworker/1:2/103 (vmstat_update)" is "kworker/1:2 (vmstat_update)": threads of one kind are one row.
    private static string WithoutPid(string name)
    {
        int end = name.IndexOf(" (", StringComparison.Ordinal);
        end = end < 0 ? name.Length : end;
        int slash = name.LastIndexOf('/', Math.Max(0, end - 1));
        bool isPid = slash > 0 && slash + 1 < end
            && name.AsSpan(slash + 1, end - slash - 1).IndexOfAnyExceptInRange('0', '9') < 0;
        return isPid ? name.Remove(slash, end - slash) : name;
    }

    private sealed class Row
    {
        private readonly List<long> _starts = [];

        public long Gaps { get; private set; }

        public long LostNs { get; private set; }

        public long MaxNs { get; private set; }

        public void Add(long startNs, long ns)
        {
            Gaps++;
            LostNs += ns;
            MaxNs = Math.Max(MaxNs, ns);
            if (_starts.Count < StartsMax)
            {
                _starts.Add(startNs);
            }
        }

        public long? PeriodNs()
        {
            if (_starts.Count < PeriodStartsMin)
            {
                return null;
            }

            _starts.Sort();
            long[] distances = [.. _starts.Zip(_starts.Skip(1), (one, next) => next - one).Order()];
            long median = distances[distances.Length / 2];
            int close = distances.Count(distance => Math.Abs(distance - median) <= median * PeriodSpread);
            return close >= distances.Length * PeriodShare ? median : null;
        }
    }
}
