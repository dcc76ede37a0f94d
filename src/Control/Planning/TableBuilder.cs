using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Planning;

/// <summary>Writes the first content of one table, all zero before.</summary>
/// <param name="memory">The tables.</param>
/// <param name="table">Which of them.</param>
internal delegate void TableWriter(TableMemory memory, int table);

/// <summary>Collects the tables of a plan, and what each is filled with before the lanes start. Their memory
/// follows one another, each on pages of its own.</summary>
internal sealed class TableBuilder
{
    private readonly List<PlanTable> _tables = [];
    private readonly List<TableWriter?> _writers = [];
    private long _next;

    /// <summary>Number of an interface of the plan; null: none of its ports.</summary>
    public required Func<string, int, int?> NumberOf { get; init; }

    /// <summary>Count of tables so far.</summary>
    public int Count => _tables.Count;

    /// <summary>The tables.</summary>
    public PlanTable[] Tables => [.. _tables];

    /// <summary>Adds a table.</summary>
    /// <param name="name">What tells it from others: lane, number of the stage, and what it is.</param>
    /// <param name="kind">What it holds.</param>
    /// <param name="capacity">How many of it.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="contentHash">Of static content; 0: content that runs on.</param>
    /// <param name="writer">Fills it; null: zero is its first content.</param>
    public void Add(
        string name, TableKind kind, uint capacity, long bytes, ulong contentHash = 0,
        TableWriter? writer = null)
    {
        PlanTable table = new()
        {
            Kind = kind,
            Capacity = capacity,
            Offset = _next,
            Bytes = bytes,
            ContentHash = contentHash,
        };
        table.Name.Set(name);
        _tables.Add(table);
        _writers.Add(writer);
        _next += TableMemory.RoundUp(bytes);
    }

    /// <summary>The number of a table; null: there is none of this name.</summary>
    public int? Find(string name)
    {
        int at = _tables.FindIndex(table => table.Name.ToString() == name);
        return at < 0 ? null : at;
    }

    /// <summary>Adds the counters of a stage's rules: kept by a reload that keeps the rules.</summary>
    public void AddRuleCounters(string name, ReadOnlySpan<PlanRule> rules) =>
        Add(name + ".rules", TableKind.RuleCounters, (uint)rules.Length,
            rules.Length * (long)RuleCounter.SizeBytes,
            TextHash.Of64(PlanImage.BytesOf(rules)));

    /// <summary>Fills tables.</summary>
    /// <param name="memory">They are new: all zero.</param>
    /// <param name="isWanted">Which; null: all.</param>
    public void Fill(TableMemory memory, Predicate<int>? isWanted = null)
    {
        for (int i = 0; i < _writers.Count; i++)
        {
            if (isWanted?.Invoke(i) != false)
            {
                _writers[i]?.Invoke(memory, i);
            }
        }
    }
}
