using System.Globalization;
using System.Text;
using LowLatency.Control.Measuring;

namespace LowLatency.Control.Reporting;

/// <summary>What was promised and what took the time, for eyes.</summary>
internal static class PromiseText
{
    private const string Explanation =
        "percentiles of parts do not add up; they show which is large";

    /// <summary>Appends to a text report.</summary>
    public static void Write(StringBuilder text, PromiseResult? promise)
    {
        if (promise is null)
        {
            return;
        }

        text.Append("\nObjective\n");
        foreach (PromiseRow row in promise.Rows)
        {
            text.Append($"  {(row.Met ? "   " : "no ")}{row}\n");
        }

        if (promise.Budget is Budget budget)
        {
            text.Append($"\nWhat took the {Units.Us(budget.LimitNs)} us of {budget.Name}: {Explanation}\n");
            TextTable table = new("part", "p50 us", budget.Name + " us", "% of limit");
            foreach (BudgetRow row in budget.Rows)
            {
                table.Add(row.Part, Us(row.P50Ns, "-"), Us(row.AtNs, "-"), Percent(row.Share, "-"));
            }

            table.WriteTo(text);
        }
    }

    /// <summary>Appends to a page.</summary>
    public static void WriteHtml(StringBuilder body, PromiseResult? promise)
    {
        if (promise is null)
        {
            return;
        }

        body.Append("<h2>Objective</h2>\n").Append(HtmlText.Table(["promised", "limit", "measured", ""],
            promise.Rows.Select(row => new[]
            {
                row.Name, row.TextOf(row.Limit), row.Actual is double actual ? row.TextOf(actual) : "–",
                row.Met ? "met" : "not met",
            })));
        if (promise.Budget is Budget budget)
        {
            body.Append($"<p class=\"soft small\">What took the {Units.Us(budget.LimitNs)} µs of "
                + $"{HtmlText.Escape(budget.Name)}: {Explanation}.</p>\n")
                .Append(HtmlText.Table(["part", "p50 µs", budget.Name + " µs", "% of limit"],
                    budget.Rows.Select(row => new[]
                    {
                        row.Part, Us(row.P50Ns, "–"), Us(row.AtNs, "–"), Percent(row.Share, "–"),
                    })));
        }
    }

    private static string Us(long? ns, string none) => ns is long value ? Units.Us(value) : none;

    private static string Percent(double? share, string none) => share is double value
        ? (value * 100).ToString("0.0", CultureInfo.InvariantCulture) : none;
}
