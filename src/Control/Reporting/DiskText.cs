using System.Globalization;
using System.Text;
using LowLatency.Control.Measuring;
using LowLatency.Control.Storage;

namespace LowLatency.Control.Reporting;

/// <summary>What a drive did, as text and as a page's table.</summary>
internal static class DiskText
{
    /// <summary>Appends it; nothing where no drive was measured.</summary>
    public static void Write(StringBuilder text, DiskResult? disk)
    {
        if (disk is null)
        {
            return;
        }

        text.Append('\n');
        foreach ((string name, string value) in Rows(disk))
        {
            TextReport.Lines(text, $"  {name,-12}", value);
        }
    }

    /// <summary>The same as a list of a page.</summary>
    public static void WriteHtml(StringBuilder body, DiskResult? disk)
    {
        if (disk is null)
        {
            return;
        }

        body.Append("<h2>Transfers</h2>\n<dl>\n");
        foreach ((string name, string value) in Rows(disk))
        {
            body.Append($"<dt>{HtmlText.Escape(name)}</dt><dd>{HtmlText.Escape(value)}</dd>\n");
        }

        body.Append("</dl>\n");
    }

    private static List<(string Name, string Value)> Rows(DiskResult disk)
    {
        string device = disk.Device.Length > 0 ? $" on {disk.Device}" : "";
        string share = disk.ReadPercent switch
        {
            100 => "read",
            0 => "write",
            _ => $"{disk.ReadPercent} % read",
        };
        string bound = disk.Rate is double rate ? $", {Units.Rate(rate)} a second intended" : "";
        List<(string, string)> rows =
        [
            ("measured", $"{disk.Path}{device}, {Units.Bytes(disk.SizeBytes)}"),
            ("transfers", $"{disk.Pattern} {share}, {Units.Bytes(disk.BlockBytes)}, depth {disk.Depth}{bound}"),
            ("mode", $"{disk.EffectiveMode} ({disk.RequestedMode}: {disk.Why})"),
            ("rate", $"{Units.Rate(disk.Iops)} IOPS, {Units.Bytes((long)disk.BytesPerSecond)}/s, "
                + $"{Units.Count(disk.Transfers)} transfers"),
        ];
        if (disk.Read is LatencySummary read && disk.Write is LatencySummary write)
        {
            rows.Add(("reads", Line(read)));
            rows.Add(("writes", Line(write)));
        }

        if (disk.Lateness is LatencySummary late)
        {
            rows.Add(("submitted", $"late by p50 {Us(late.P50Ns)}, p99 {Us(late.P99Ns)}, max "
                + $"{Us(late.MaxNs)} us"));
        }

        rows.Add(("own share", string.Create(CultureInfo.InvariantCulture,
            $"{disk.AllocatedBytes} bytes allocated, {disk.Collections} collections, {disk.Faults} page "
            + $"faults, {disk.Preemptions} preemptions while measuring")));
        return rows;
    }

    private static string Line(LatencySummary summary) =>
        $"{Units.Count(summary.Count)}: p50 {Us(summary.P50Ns)}, p99 {Us(summary.P99Ns)}, p99.99 "
        + $"{Us(summary.P9999Ns)}, max {Us(summary.MaxNs)} us";

    private static string Us(long? ns) => ns is long value ? Units.Us(value) : "-";
}
