namespace LowLatency.Control.Measuring;

/// <summary>The generator's rate over wall time, from published counters: only readings while the schedule
/// runs.</summary>
internal sealed class RateTrack
{
    // A copy of the counters is a millisecond old at most: half a second keeps that under 0.4 %.
    private const double SpanSecondsMin = 0.5;

    private long _firstNs;
    private ulong _firstSent;
    private long _lastNs;
    private ulong _lastSent;

    /// <summary>Takes a reading.</summary>
    /// <param name="publishedNs">When the lane published it, CLOCK_MONOTONIC ns.</param>
    /// <param name="sent">Frames sent until then.</param>
    /// <param name="isRunning">False once the schedule has ended.</param>
    public void Add(long publishedNs, ulong sent, bool isRunning)
    {
        if (!isRunning || sent == 0)
        {
            return;
        }

        if (_firstNs == 0)
        {
            (_firstNs, _firstSent) = (publishedNs, sent);
        }

        (_lastNs, _lastSent) = (publishedNs, sent);
    }

    /// <summary>Frames counted between the first and the last reading.</summary>
    public long Frames => (long)(_lastSent - _firstSent);

    /// <summary>Frames a second; null when the readings are too close.</summary>
    public double? PerSecond
    {
        get
        {
            double seconds = (_lastNs - _firstNs) / 1e9;
            return seconds < SpanSecondsMin ? null : Frames / seconds;
        }
    }
}
