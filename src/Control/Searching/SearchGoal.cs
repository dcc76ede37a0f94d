namespace LowLatency.Control.Searching;

/// <summary>What a search looks for and how sure it has to be, after the goals of multiple loss ratio search
/// (draft-ietf-bmwg-mlrsearch): short trials narrow the range, full ones decide, and a rate passes by the
/// time that its good trials took.</summary>
internal sealed record SearchGoal
{
    /// <summary>Lowest rate tried, frames a second.</summary>
    public required double MinPps { get; init; }

    /// <summary>Highest rate tried, frames a second.</summary>
    public required double MaxPps { get; init; }

    /// <summary>Distance of the two bounds at the end, as a share of the upper one.</summary>
    public double Width { get; init; } = 0.02;

    /// <summary>Length of the first, short trials, seconds.</summary>
    public required double InitialSeconds { get; init; }

    /// <summary>Length of a full trial, seconds.</summary>
    public required double FinalSeconds { get; init; }

    /// <summary>Time of full trials that decides about a rate, seconds.</summary>
    public required double SumSeconds { get; init; }

    /// <summary>Share of that time that may be bad while the rate still passes.</summary>
    public double ExceedRatio { get; init; } = 0.5;

    /// <summary>Trials after which the search ends where it is.</summary>
    public int TrialsMax { get; init; } = 100;

    /// <summary>The steps on the way: lengths of trials grow to the final one, widths shrink to the final
    /// one.</summary>
    public IEnumerable<SearchPhase> Phases
    {
        get
        {
            int steps = FinalSeconds <= InitialSeconds ? 0 : FinalSeconds <= 4 * InitialSeconds ? 1 : 2;
            for (int step = 0; step < steps; step++)
            {
                double seconds = InitialSeconds
                    * Math.Pow(FinalSeconds / InitialSeconds, (double)step / steps);
                yield return new SearchPhase(seconds, seconds, Math.Min(0.5, Width * (1 << (steps - step))),
                    ExceedRatio);
            }

            yield return new SearchPhase(FinalSeconds, SumSeconds, Width, ExceedRatio);
        }
    }
}

/// <summary>One step of a search.</summary>
/// <param name="Seconds">Length of a full trial of this step.</param>
/// <param name="SumSeconds">Time of such trials that decides about a rate.</param>
/// <param name="Width">Distance of the bounds at which the step is done, as a share of the upper one.</param>
/// <param name="ExceedRatio">Share of the time that may be bad.</param>
internal readonly record struct SearchPhase(
    double Seconds, double SumSeconds, double Width, double ExceedRatio);

/// <summary>What the trials at one rate say of it.</summary>
internal enum Rating
{
    /// <summary>Not enough.</summary>
    Open,

    /// <summary>It passes: whatever the missing time would show.</summary>
    Pass,

    /// <summary>It fails: whatever the missing time would show.</summary>
    Fail,
}

/// <summary>Rates a rate. Pure.</summary>
internal static class Ratings
{
    /// <summary>Adds the time of all trials up. Short bad trials count against a rate only as far as short
    /// good ones do not outweigh them; short good ones never prove it.</summary>
    public static Rating Of(IEnumerable<(double Seconds, bool IsGood)> trials, in SearchPhase phase)
    {
        double fullGood = 0, fullBad = 0, shortGood = 0, shortBad = 0;
        foreach ((double seconds, bool isGood) in trials)
        {
            bool isFull = seconds >= phase.Seconds * 0.999;
            fullGood += isFull && isGood ? seconds : 0;
            fullBad += isFull && !isGood ? seconds : 0;
            shortGood += !isFull && isGood ? seconds : 0;
            shortBad += !isFull && !isGood ? seconds : 0;
        }

        double outweighed = shortGood * phase.ExceedRatio / (1 - phase.ExceedRatio);
        double bad = fullBad + Math.Max(0, shortBad - outweighed);
        double whole = Math.Max(phase.SumSeconds, fullGood + bad);
        double missing = whole - fullGood - bad;
        double allowed = (whole * phase.ExceedRatio) + 1e-9;
        return bad > allowed ? Rating.Fail : bad + missing <= allowed ? Rating.Pass : Rating.Open;
    }
}
