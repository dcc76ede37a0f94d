using System.Text;
using HdrHistogram;
using LowLatency.Control.Measuring;

namespace LowLatency.Control.Reporting;

/// <summary>Histograms as a HdrHistogram log, format 1.3: one tagged line per histogram for the whole run,
/// ASCII, so that the standard tools (HistogramLogProcessor, hdr-plot…) read it.</summary>
internal static class Hlog
{
    /// <summary>The log's text.</summary>
    /// <param name="histograms">Tagged histograms; empty ones are left out, the tools stumble over
    /// them.</param>
    /// <param name="startUtc">Start of the measuring.</param>
    /// <param name="endUtc">End of the measuring.</param>
    public static byte[] Write(HistogramSet histograms, DateTime startUtc, DateTime endUtc)
    {
        HistogramBase[] filled = [.. histograms.All.Where(h => h.TotalCount > 0)];
        foreach (HistogramBase histogram in filled)
        {
            histogram.StartTimeStamp = new DateTimeOffset(startUtc).ToUnixTimeMilliseconds();
            histogram.EndTimeStamp = new DateTimeOffset(endUtc).ToUnixTimeMilliseconds();
        }

        return Encode(filled, startUtc);
    }

    /// <summary>As <see cref="Write"/>, many histograms a tag, each with its own start and end.</summary>
    public static byte[] WriteIntervals(HistogramSet intervals, DateTime startUtc) =>
        Encode([.. intervals.All.Where(h => h.TotalCount > 0)], startUtc);

    private static byte[] Encode(HistogramBase[] filled, DateTime startUtc)
    {
        using MemoryStream stream = new();
        HistogramLogWriter.Write(stream, startUtc, filled);

        // The library writes UTF-16 with a byte order mark and the line ends of its platform.
        string text = Encoding.Unicode.GetString(stream.ToArray()).TrimStart('\uFEFF')
            .ReplaceLineEndings("\n");
        return Encoding.ASCII.GetBytes(text);
    }

    /// <summary>Reads a log back.</summary>
    /// <exception cref="FormatException">Not a histogram log, or damaged.</exception>
    public static HistogramSet Read(byte[] log)
    {
        HistogramSet set = new();
        try
        {
            using MemoryStream stream = new(log);
            // its static Read closes the stream before it is read
            using HistogramLogReader reader = new(stream);
            foreach (HistogramBase histogram in reader.ReadHistograms())
            {
                set.Add(histogram.Tag ?? "", histogram);
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The library throws whatever its decoder meets: one kind for callers.
            throw new FormatException($"not a HdrHistogram log, or damaged: {e.Message}", e);
        }

        return set;
    }
}
