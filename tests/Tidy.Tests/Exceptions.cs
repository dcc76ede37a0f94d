namespace LowLatency.Tidy.Tests;

/// <summary>A place where a rule may be broken, how far, and why.</summary>
/// <param name="Rule">The rule's id.</param>
/// <param name="Path">The file or folder.</param>
/// <param name="Item">What within it, for rules that look at more than one thing; else empty.</param>
/// <param name="Most">Lines for rules about length, else how many findings. It may shrink, never grow.</param>
/// <param name="Reason">Why the rule does not fit here.</param>
internal sealed record Allowance(string Rule, string Path, string Item, int Most, string Reason);

/// <summary>The ratchet: every exception from a rule, in one table.</summary>
internal static class Exceptions
{
    /// <summary>All of them. A row that is no longer needed is itself a finding.</summary>
    public static readonly Allowance[] All =
    [
    ];

    /// <summary>The findings that no row allows, and the rows that allow nothing.</summary>
    public static List<Finding> Apply(IEnumerable<Finding> findings, IReadOnlyCollection<Allowance> rows)
    {
        var kept = new List<Finding>();
        var used = new HashSet<Allowance>();
        foreach (var group in findings.GroupBy(finding => (finding.Rule, finding.Path, finding.Item)))
        {
            Allowance? row = rows.FirstOrDefault(row => (row.Rule, row.Path, row.Item) == group.Key);
            if (row != null)
            {
                used.Add(row);
            }

            int amount = group.Sum(finding => finding.Amount);
            if (row == null || amount > row.Most)
            {
                kept.AddRange(row == null
                    ? group
                    : group.Select(f => f with { Fix = $"{f.Fix} ({amount}, and {row.Most} allowed: {row.Reason})" }));
            }
        }

        kept.AddRange(rows.Where(row => !used.Contains(row)).Select(row => new Finding(row.Path, 0, row.Rule,
            $"nothing {row.Item} is out of order any more; take the row out of tests/Tidy.Tests/Exceptions.cs")));
        return kept;
    }
}
