using System.Globalization;
using System.Text;
using LowLatency.Control.Reporting;

namespace LowLatency.Control.Running;

/// <summary>A traced frame, for eyes.</summary>
internal static class TraceText
{
    private const int HexShown = 42; // Ethernet, IPv4, UDP
    private const int ChangesWidth = 62;

    /// <summary>Some lines a frame.</summary>
    public static string Render(TracedFrame frame)
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture,
            $"{frame.Lane} #{frame.Number}: in by {frame.Ingress}, {frame.Bytes} bytes, in a burst of "
            + $"{frame.BurstFrames}\n");
        text.Append($"  {Grouped(frame.Start)}\n");
        foreach (TracedStep step in frame.Steps)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"  {step.Stage,2} {step.Kind,-13} +{Units.Us(step.AtNs),8} us  {step.Verdict}\n");
            foreach (string change in step.Changes)
            {
                text.Append("       ").Append(change.Length > ChangesWidth ? change[..ChangesWidth] + "..."
                    : change)
                    .Append('\n');
            }
        }

        text.Append(CultureInfo.InvariantCulture, $"     {"end",-13} +{Units.Us(frame.EndNs),8} us  "
            + $"{frame.Outcome}\n");
        return text.ToString();
    }

    private static string Grouped(string hex)
    {
        string shown = hex[..Math.Min(hex.Length, HexShown * 2)];
        return string.Join(' ', Enumerable.Range(0, (shown.Length + 7) / 8)
            .Select(i => shown[(i * 8)..Math.Min(shown.Length, (i * 8) + 8)]))
                + (shown.Length < hex.Length ? " ..." : "");
    }
}
