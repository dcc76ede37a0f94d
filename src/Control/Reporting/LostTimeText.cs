using System.Globalization;
using System.Text;
using LowLatency.Control.Explaining;
using LowLatency.Control.Measuring;

namespace LowLatency.Control.Reporting;

/// <summary>What CPUs lose and where it went, as text for eyes: at most 100 columns.</summary>
internal static class LostTimeText
{
    private const int CulpritsShown = 15;
    private const int WorstShown = 5;
    private const int CauseWidth = 45;
    private const int ChecksShown = 4;

    /// <summary>Writes the noise of meters.</summary>
    public static void WriteNoise(StringBuilder text, IReadOnlyList<NoiseSpectrum>? spectra)
    {
        if (spectra is not { Count: > 0 })
        {
            return;
        }

        text.Append("\nGaps a second longer than\n");
        TextTable rates = new(["meter", .. spectra[0].Over.Select(rate => $"{Limit(rate.OverNs)}")]);
        foreach (NoiseSpectrum spectrum in spectra)
        {
            rates.Add([spectrum.Lane, .. spectrum.Over.Select(Rate)]);
        }

        rates.WriteTo(text);
        text.Append("\nWhat a packet that comes at any moment waits, us\n");
        TextTable waits = new([
            "meter", .. spectra[0].Wait.Select(wait => wait.Percentile), "longest gap", "lost us/s"]);
        foreach (NoiseSpectrum spectrum in spectra)
        {
            waits.Add([
                spectrum.Lane, .. spectrum.Wait.Select(wait => wait.Ns == 0 ? "0" : Units.Us(wait.Ns)),
                spectrum.MaxNs is long max ? Units.Us(max) : "-",
                Units.Us(spectrum.LostNs / Math.Max(spectrum.Seconds, 1e-3))]);
        }

        waits.WriteTo(text);
    }

    /// <summary>The explanation in one line.</summary>
    public static string Headline(Explanation explain)
    {
        string share = explain.NamedTimeShare is double time && explain.NamedCountShare is double count
            ? $"; {Percent(time)} of it has a name, {Percent(count)} of the gaps" : "";
        return $"Lost time: {Units.Count(explain.Gaps)} gaps, {Units.Us(explain.LostNs)} us{share}";
    }

    /// <summary>Writes the explanation.</summary>
    public static void WriteExplanation(StringBuilder text, Explanation? explain, double seconds)
    {
        if (explain is null)
        {
            return;
        }

        text.Append('\n').Append(Headline(explain)).Append('\n');
        if (explain.Tier == "T0")
        {
            text.Append($"  nothing is named: {explain.Why}\n");
        }

        WriteCulprits(text, explain, seconds);
        WriteChecks(text, explain);
        if (explain.Culprits.Count > CulpritsShown)
        {
            text.Append($"  and {explain.Culprits.Count - CulpritsShown} more in result.json\n");
        }

        foreach (ExplainedGap gap in explain.Worst.Take(WorstShown))
        {
            string parts = string.Join(" + ", gap.Parts.Take(3).Select(part => part.Name.Length > 0
                ? $"{Units.Us(part.Ns)} {part.Name}" : $"{Units.Us(part.Ns)} {part.Bucket}"));
            text.Append(TextTable.Clip($"  {gap.Lane} away {Units.Us(gap.LengthNs)} us: {parts}",
                TextTable.WidthMax)).Append('\n');
        }

        if (explain.GapsUnseen > 0)
        {
            text.Append($"  {Units.Count(explain.GapsUnseen)} more gaps found no room in the lanes' event "
                + $"rings: "
                + "not explained\n");
        }

        foreach (string note in explain.Notes)
        {
            TextReport.Lines(text, "  note: ", note);
        }

        if (explain.Tier != "T0")
        {
            text.Append($"  observer: {Units.Count(explain.Observer.Events)} kernel events read, "
                + $"{Units.Count(explain.Observer.EventsLost)} lost, {Units.Us(explain.Observer.OwnNs)} us "
                    + $"of lanes' "
                + $"time; armed in {Units.Us(explain.Observer.ArmNs)} us, before\n");
        }
    }

    private static void WriteCulprits(StringBuilder text, Explanation explain, double seconds)
    {
        TextTable table = new("<lane", "gaps", "lost us/s", "share", "max us", "every", "<cause");
        foreach (CulpritRow row in explain.Culprits.Take(CulpritsShown))
        {
            string cause = row.Name.Length > 0 ? $"{row.Bucket}: {row.Name}" : row.Bucket;
            table.Add(row.Lane, Units.Short(row.Gaps), Units.Us(row.LostNs / Math.Max(seconds, 1e-3)),
                Units.Share(row.LostNs, explain.LostNs), Units.Us(row.MaxNs),
                row.PeriodNs is long period ? Every(period) : "", TextTable.Clip(cause, CauseWidth));
        }

        if (explain.Culprits.Count > 0)
        {
            table.WriteTo(text);
        }
    }

    // Where to go from here: checks by the time that they answer for.
    private static void WriteChecks(StringBuilder text, Explanation explain)
    {
        foreach (IGrouping<string, CulpritRow> check in explain.Culprits.Where(row => row.Check.Length > 0)
            .GroupBy(row => row.Check).OrderByDescending(rows => rows.Sum(row => row.LostNs))
                .Take(ChecksShown))
        {
            text.Append($"  {Units.Share(check.Sum(row => row.LostNs), explain.LostNs)} % would go with "
                + $"'lowlat check explain {check.Key}'\n");
        }
    }

    private static string Every(long ns) => ns >= 1_000_000_000
        ? (ns / 1e9).ToString("0.##", CultureInfo.InvariantCulture) + " s"
        : (ns / 1e6).ToString("0.##", CultureInfo.InvariantCulture) + " ms";

    private static string Percent(double share) =>
        (share * 100).ToString("0.0", CultureInfo.InvariantCulture) + " %";

    private static string Limit(long ns) => ns >= 1_000_000 ? $"{ns / 1_000_000} ms" : $"{ns / 1000} us";

    private static string Rate(GapRate rate) => rate.UpperPerSecond is double upper
        ? "<" + upper.ToString("0.##", CultureInfo.InvariantCulture)
        : rate.PerSecond.ToString(rate.PerSecond >= 100 ? "0" : "0.##", CultureInfo.InvariantCulture);
}
