using HdrHistogram;

namespace LowLatency.Control.Measuring;

/// <summary>A run's whole histograms by tag, in the order of reports and files.</summary>
internal sealed class HistogramSet
{
    /// <summary>Tags that every report knows.</summary>
    public const string EndToEnd = "endToEnd";

    /// <inheritdoc cref="EndToEnd"/>
    public const string ServiceTime = "serviceTime";

    /// <inheritdoc cref="EndToEnd"/>
    public const string Direct = "direct";

    /// <inheritdoc cref="EndToEnd"/>
    public const string DirectServiceTime = "directServiceTime";

    /// <inheritdoc cref="EndToEnd"/>
    public const string Residence = "residence";

    /// <inheritdoc cref="EndToEnd"/>
    public const string RxWait = "rxWait";

    /// <inheritdoc cref="EndToEnd"/>
    public const string Gap = "gap";

    /// <inheritdoc cref="EndToEnd"/>
    public const string Lateness = "lateness";

    /// <summary>Begins the tag of one stage's histogram.</summary>
    public const string StagePrefix = "stage.";

    private readonly List<HistogramBase> _histograms = [];

    /// <summary>All, in order; each with its tag.</summary>
    public IReadOnlyList<HistogramBase> All => _histograms;

    /// <summary>All of one tag: of a log of intervals, in order of time.</summary>
    public IEnumerable<HistogramBase> AllOf(string tag) => _histograms.Where(h => h.Tag == tag);

    /// <summary>The (first) histogram of a tag; null when the run has none.</summary>
    public HistogramBase? this[string tag] => _histograms.Find(h => h.Tag == tag);

    /// <summary>Adds one under a tag; null is not added.</summary>
    public void Add(string tag, HistogramBase? histogram)
    {
        if (histogram is not null)
        {
            histogram.Tag = Clean(tag);
            _histograms.Add(histogram);
        }
    }

    // The log format separates by commas and lines: a tag holds neither, nor spaces.
    private static string Clean(string tag) =>
        string.Concat(tag.Select(c => c is > ' ' and < (char)127 and not ',' ? c : '_'));
}
