using HdrHistogram;
using LowLatency.Control.Measuring;

namespace LowLatency.Control.Reporting;

/// <summary>A long run's histograms, interval by interval, as a HdrHistogram log that grows while the run
/// lasts: <c>intervals.hlog</c>. Every line in it is whole; it has its final name once it is closed. A disk
/// that refuses ends the log, not the run. One thread.</summary>
internal sealed class IntervalLog : IDisposable
{
    /// <summary>Name of the file.</summary>
    public const string Name = "intervals.hlog";

    private readonly string _path;
    private readonly double _everySeconds;
    private readonly DateTime _startUtc;
    private readonly List<Interval> _rows = [];
    private readonly Dictionary<string, LongHistogram> _histograms = [];
    private FileStream? _file;
    private Interval? _sum;
    private long _length; // of whole lines

    /// <summary>Opens the log.</summary>
    /// <param name="folder">The run folder.</param>
    /// <param name="everySeconds">Length of an interval; it ends at the sample that completes it.</param>
    /// <param name="startUtc">Start of the measuring: the baseline.</param>
    /// <exception cref="RunFolderException">The host refused.</exception>
    public IntervalLog(string folder, double everySeconds, DateTime startUtc)
    {
        _path = Path.Combine(folder, Name);
        _everySeconds = everySeconds;
        _startUtc = startUtc;
        try
        {
            // Unbuffered: what is written is in the file, and closing it writes nothing more.
            _file = new FileStream(_path + ".unfinished", FileMode.Create, FileAccess.Write, FileShare.Read,
                bufferSize: 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RunFolderException($"cannot write {_path}: {e.Message.ReplaceLineEndings(" ")}",
                isHostFault: true);
        }

        Put(Hlog.Write(new HistogramSet(), startUtc, startUtc));
    }

    /// <summary>The timeline: a row an interval.</summary>
    public IReadOnlyList<Interval> Rows => _rows;

    /// <summary>Why the log ended before the run; null: it did not.</summary>
    public string? Fault { get; private set; }

    /// <summary>Takes one sample in.</summary>
    /// <param name="sample">The sample's row.</param>
    /// <param name="histograms">Its histograms by tag; copied.</param>
    public void Add(Interval sample, IEnumerable<(string Tag, HistogramBase? Histogram)> histograms)
    {
        if (_sum is not null && _sum.IsWarmup != sample.IsWarmup)
        {
            Flush();
        }

        foreach ((string tag, HistogramBase? histogram) in histograms)
        {
            if (histogram is { TotalCount: > 0 })
            {
                if (!_histograms.TryGetValue(tag, out LongHistogram? sum))
                {
                    _histograms[tag] = sum = Histograms.New(tag);
                }

                sum.Add(histogram);
            }
        }

        _sum = _sum is null ? sample : sample with
        {
            LengthSeconds = Math.Round(_sum.LengthSeconds + sample.LengthSeconds, 3),
            Sent = _sum.Sent + sample.Sent,
            Received = _sum.Received + sample.Received,
            Forwarded = _sum.Forwarded + sample.Forwarded,
        };
        if (_sum.LengthSeconds >= _everySeconds - 0.05)
        {
            Flush();
        }
    }

    /// <summary>Writes what has come since the last interval, and gives the file its name.</summary>
    public void Close()
    {
        Flush();
        if (_file is null)
        {
            return;
        }

        Guard(() =>
        {
            _file.Flush(flushToDisk: true);
            _file.Dispose();
            File.Move(_path + ".unfinished", _path, overwrite: true);
        });
        _file = null;
    }

    /// <summary>Lets the file go as it is.</summary>
    public void Dispose() => _file?.Dispose();

    private void Flush()
    {
        if (_sum is not Interval sum)
        {
            return;
        }

        _sum = null;
        double seconds = Math.Max(sum.LengthSeconds, 1e-9);
        LatencySummary? through = Of(HistogramSet.EndToEnd), direct = Of(HistogramSet.Direct);
        _rows.Add(sum with
        {
            SentPerSecond = Math.Round(sum.Sent / seconds, 1),
            ReceivedPerSecond = Math.Round(sum.Received / seconds, 1),
            P50Ns = through?.P50Ns,
            P99Ns = through?.P99Ns,
            MaxNs = through?.MaxNs,
            DirectP50Ns = direct?.P50Ns,
            DirectP99Ns = direct?.P99Ns,
            GapMaxNs = Of(HistogramSet.Gap)?.MaxNs,
        });
        if (!sum.IsWarmup)
        {
            HistogramSet set = new();
            foreach ((string tag, LongHistogram histogram) in _histograms)
            {
                set.Add(tag, histogram);
            }

            DateTime end = _startUtc.AddSeconds(sum.AtSeconds);
            byte[] log = Hlog.Write(set, end.AddSeconds(-sum.LengthSeconds), end);
            int line = log.AsSpan().IndexOf("\nTag="u8);
            if (line >= 0)
            {
                Put(log.AsSpan(line + 1));
            }
        }

        foreach (LongHistogram histogram in _histograms.Values)
        {
            histogram.Reset();
        }
    }

    private LatencySummary? Of(string tag) => LatencySummary.Of(_histograms.GetValueOrDefault(tag));

    private void Put(ReadOnlySpan<byte> bytes)
    {
        byte[] whole = bytes.ToArray();
        Guard(() =>
        {
            _file?.Write(whole);
            _length += whole.Length;
        });
    }

    private void Guard(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Fault ??= $"{_path}: ended early: {e.Message.ReplaceLineEndings(" ")} (is the disk full?)";
            CutToLastLine();
        }
    }

    private void CutToLastLine()
    {
        try
        {
            _file?.SetLength(_length);
        }
        catch (IOException)
        {
            // The last line is not whole; the name says that the file is unfinished.
        }

        _file?.Dispose();
        _file = null;
    }
}
