namespace LowLatency.Tidy.Tests;

/// <summary>A place where a rule may be broken, how far, and why.</summary>
/// <param name="Rule">The rule's id.</param>
/// <param name="Path">The file, or a folder with a slash at its end.</param>
/// <param name="Item">What within it, for rules that look at more than one thing; else empty.</param>
/// <param name="Most">Lines for rules about length, else how many findings. May shrink, never grow.</param>
/// <param name="Reason">Why the rule does not fit here.</param>
internal sealed record Allowance(string Rule, string Path, string Item, int Most, string Reason)
{
    /// <summary>True if the finding is one of these; a path that ends in a slash is a folder.</summary>
    public bool Covers(Finding finding) => Rule == finding.Rule && Item == finding.Item
        && (Path == finding.Path
            || (Path.EndsWith('/') && finding.Path.StartsWith(Path, StringComparison.Ordinal)));
}

/// <summary>The ratchet: every exception from a rule, in one table.</summary>
internal static class Exceptions
{
    private const string Wide = "older than the rule: break them when the file is touched";
    private const string Untested = "its tests are still to be written; this row goes with them";
    private const string JsonShapes = "shapes of the plan's JSON, named like the plan's own types";

    /// <summary>All of them. A row that is no longer needed is itself a finding.</summary>
    public static readonly Allowance[] All =
    [
        new("lane-shares", "src/Dataplane/Lanes/LaneThread.cs", "", 1,
            "the stop word: written once at disarm, read once a turn"),
        new("lane-throws", "src/Dataplane/Lanes/LaneThread.cs", "", 1,
            "Start runs on the boot thread and passes on what the host refused"),

        new("type-summary", "src/Control/Planning/PlanJson.cs", "PlanDocument", 1, JsonShapes),
        new("type-summary", "src/Control/Planning/PlanJson.cs", "PortDocument", 1, JsonShapes),
        new("type-summary", "src/Control/Planning/PlanJson.cs", "LaneDocument", 1, JsonShapes),
        new("type-summary", "src/Control/Planning/PlanJson.cs", "StageDocument", 1, JsonShapes),
        new("type-summary", "src/Control/Planning/PlanJson.cs", "RuleDocument", 1, JsonShapes),
        new("type-summary", "src/Control/Planning/PlanJson.cs", "LoadDocument", 1, JsonShapes),
        new("type-summary", "src/Control/Planning/PlanJson.cs", "SizeDocument", 1, JsonShapes),
        new("type-summary", "src/Control/Planning/PlanJson.cs", "PathDocument", 1, JsonShapes),
        new("type-summary", "src/Control/Planning/PlanJson.cs", "PlanJsonContext", 1, JsonShapes),

        new("test-mirror", "src/Native/Interop", "", 1,
            "declarations only: the layouts and the verbs over them are tested in their own folders"),

        new("line-width", "bench/", "", 71, Wide),
        new("line-width", "src/Control/", "", 118, Wide),
        new("line-width", "src/Dataplane/", "", 83, Wide),
        new("line-width", "src/Native/", "", 114, Wide),
        new("line-width", "tests/Dataplane.Tests/", "", 45, Wide),
        new("line-width", "tests/Native.Tests/", "", 19, Wide),
        new("line-width", "tests/Netns.Tests/", "", 12, Wide),
        new("line-width", "xdp/", "", 1, Wide),
    ];

    /// <summary>The findings that no row allows, and the rows that allow nothing.</summary>
    public static List<Finding> Apply(IEnumerable<Finding> findings, IReadOnlyCollection<Allowance> rows)
    {
        var kept = new List<Finding>();
        var used = new HashSet<Allowance>();
        foreach (var group in findings.GroupBy(finding => rows.FirstOrDefault(row => row.Covers(finding))))
        {
            if (group.Key is not { } row)
            {
                kept.AddRange(group);
                continue;
            }

            used.Add(row);
            int amount = group.Sum(finding => finding.Amount);
            if (amount > row.Most)
            {
                kept.AddRange(group.Select(finding => finding with
                {
                    Fix = $"{finding.Fix} ({amount}, and {row.Most} allowed: {row.Reason})",
                }));
            }
        }

        kept.AddRange(rows.Where(row => !used.Contains(row)).Select(row => new Finding(row.Path, 0, row.Rule,
            $"nothing {row.Item} is out of order any more; take the row out of Exceptions.cs")));
        return kept;
    }
}
