namespace LowLatency.Control.Searching;

/// <summary>What one trial answers to a search.</summary>
/// <param name="IsGood">The rate held for this long.</param>
/// <param name="HintPps">A rate that may hold, from what came through; null: no idea.</param>
internal readonly record struct TrialAnswer(bool IsGood, double? HintPps);

/// <summary>How a search ended.</summary>
/// <param name="LowerPps">Highest rate that passed with every rate below the upper bound; null: none
/// did.</param>
/// <param name="UpperPps">Lowest rate that failed; null: none did.</param>
/// <param name="IsComplete">The bounds are as close as asked for, or one is an end of the range.</param>
/// <param name="Why">Why it ended, in words.</param>
/// <param name="IsUneven">A rate above the upper bound passed: the device is not monotonic.</param>
internal sealed record SearchOutcome(
    double? LowerPps, double? UpperPps, bool IsComplete, string Why, bool IsUneven);

/// <summary>Looks for the highest rate that passes. Deterministic: what it does follows from the answers
/// alone. One thread.</summary>
/// <param name="goal">What is looked for.</param>
/// <param name="trial">Sends so many frames a second for so many seconds; null: interrupted.</param>
internal sealed class RateSearch(SearchGoal goal, Func<double, double, TrialAnswer?> trial)
{
    private readonly SortedDictionary<double, List<(double Seconds, bool IsGood)>> _trials = [];
    private int _count;
    private double? _hint;
    private double? _guess; // a hint that was tried: what is sought is near it
    private int _ups;
    private bool _isInterrupted;

    /// <summary>Searches.</summary>
    public SearchOutcome Run()
    {
        SearchPhase last = default;
        foreach (SearchPhase phase in goal.Phases)
        {
            last = phase;
            _ups = 0;
            while (Next(phase) is double rate)
            {
                if (_count >= goal.TrialsMax)
                {
                    return End(phase, false, $"{_count} trials are all it may use");
                }

                Try(rate, phase);
                if (_isInterrupted)
                {
                    return End(phase, false, "interrupted");
                }
            }
        }

        (double? lower, double? failed) = Bounds(last);
        return End(last, true, lower is null ? "the lowest rate fails" : failed is null
            ? "the highest rate passes" : "the bounds are close enough");
    }

    /// <summary>What is known of every rate tried, rated by the last phase; lowest first.</summary>
    public IReadOnlyDictionary<double, Rating> Known()
    {
        SearchPhase last = goal.Phases.Last();
        return _trials.ToDictionary(pair => pair.Key, pair => Ratings.Of(pair.Value, last));
    }

    private void Try(double rate, in SearchPhase phase)
    {
        _count++;
        if (trial(rate, phase.Seconds) is not TrialAnswer answer)
        {
            _isInterrupted = true;
            return;
        }

        if (!_trials.TryGetValue(rate, out List<(double Seconds, bool IsGood)>? there))
        {
            _trials[rate] = there = [];
        }

        there.Add((phase.Seconds, answer.IsGood));
        _hint = answer.HintPps;
    }

    // The rate to try next in this phase; null: the phase is done.
    private double? Next(in SearchPhase phase)
    {
        if (_trials.Count == 0)
        {
            return goal.MaxPps;
        }

        (double? lower, double? upper) = Bounds(phase);
        if (OpenBetween(lower, upper, phase) is double open)
        {
            return open;
        }

        return (lower, upper) switch
        {
            (null, double u) => u <= goal.MinPps ? null : Down(u, phase),
            (double l, null) => l >= goal.MaxPps ? null : Up(l, phase),
            (double l, double u) => u - l <= u * phase.Width ? null
                : l.Equals(_guess) ? Math.Min(Up(l, phase), Middle(l, u)) : Middle(l, u),
            _ => goal.MaxPps,
        };
    }

    // Rates of an earlier phase that this one has to confirm: the lower ones first, a pass there saves most.
    private double? OpenBetween(double? lower, double? upper, in SearchPhase phase)
    {
        double? best = null;
        foreach ((double rate, List<(double Seconds, bool IsGood)> trials) in _trials)
        {
            bool isInside = (lower is null || rate > lower) && (upper is null || rate < upper);
            if (!isInside || Ratings.Of(trials, phase) != Rating.Open)
            {
                continue;
            }

            bool wasGood = trials.TrueForAll(t => t.IsGood);
            if (wasGood || best is null)
            {
                best = rate; // the highest that was good so far, else the lowest
            }

            if (!wasGood)
            {
                break;
            }
        }

        return best;
    }

    private double Down(double upper, in SearchPhase phase)
    {
        // What came through a little below the rate that lost is the best guess there is.
        if (_hint is double hint && hint < upper * (1 - (phase.Width / 2)) && hint > goal.MinPps)
        {
            _guess = hint;
            return hint;
        }

        // Once something came through, what is sought is not far below; before, it may be anywhere.
        double middle = Middle(goal.MinPps, upper);
        return upper - goal.MinPps <= upper * phase.Width ? goal.MinPps
            : _guess is null ? middle : Math.Max(middle, upper / 2);
    }

    private double Up(double lower, in SearchPhase phase)
    {
        // Shorter trials above it were wrong: away from it in steps that double.
        double step = phase.Width * (2 << Math.Min(_ups++, 10));
        return Math.Min(goal.MaxPps, lower / (1 - Math.Min(0.5, step)));
    }

    private static double Middle(double low, double high) => Math.Sqrt(low * high);

    private (double? Lower, double? Upper) Bounds(in SearchPhase phase)
    {
        double? lower = null;
        foreach ((double rate, List<(double Seconds, bool IsGood)> trials) in _trials)
        {
            Rating rating = Ratings.Of(trials, phase);
            if (rating == Rating.Fail)
            {
                return (lower, rate);
            }

            lower = rating == Rating.Pass ? rate : lower;
        }

        return (lower, null);
    }

    private SearchOutcome End(in SearchPhase phase, bool isComplete, string why)
    {
        (double? lower, double? upper) = Bounds(phase);
        bool isUneven = false;
        foreach ((double rate, List<(double Seconds, bool IsGood)> trials) in _trials)
        {
            isUneven |= rate > upper && Ratings.Of(trials, phase) == Rating.Pass;
        }

        return new SearchOutcome(lower, upper, isComplete, why, isUneven);
    }
}
