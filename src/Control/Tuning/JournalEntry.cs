using System.Text.Json.Serialization;

namespace LowLatency.Control.Tuning;

/// <summary>How far a change of the host has come.</summary>
internal static class JournalState
{
    /// <summary>Written down, perhaps not done yet.</summary>
    public const string Intended = "intended";

    /// <summary>Done, and read back.</summary>
    public const string Applied = "applied";

    /// <summary>The host is as it was before.</summary>
    public const string Undone = "undone";

    /// <summary>Someone else has changed it since: not ours to touch any more.</summary>
    public const string Left = "left";
}

/// <summary>One line of the journal: a change of the host at one moment. Lines with the same id tell its
/// story, the last one is what holds.</summary>
/// <param name="Id">Same for all lines of one change.</param>
/// <param name="State">One of <see cref="JournalState"/>.</param>
/// <param name="What">Path of the file that holds the setting.</param>
/// <param name="Before">Its content before.</param>
/// <param name="After">Its content while applied.</param>
/// <param name="Pid">The lowlat that changed it.</param>
/// <param name="PidStart">When that process started, clock ticks since boot: tells it from a later one of its
/// number. </param>
/// <param name="DataPlanes">Names of the data planes that it was done for: while one lives, it stays.</param>
/// <param name="TimeUtc">When this line was written.</param>
internal sealed record JournalEntry(
    string Id,
    string State,
    string What,
    string Before,
    string After,
    int Pid,
    long PidStart,
    IReadOnlyList<string> DataPlanes,
    DateTime TimeUtc)
{
    /// <summary>True while the host may still be changed by it.</summary>
    [JsonIgnore]
    public bool IsOpen => State is JournalState.Intended or JournalState.Applied;
}

/// <summary>Serializers of the journal, made at compile time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(JournalEntry))]
internal sealed partial class JournalJson : JsonSerializerContext;
