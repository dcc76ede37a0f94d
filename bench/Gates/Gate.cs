using System.Text.Json;

namespace LowLatency.Bench.Gates;

/// <summary>One rule over one measured value: at least, at most, or exactly.</summary>
internal sealed record Gate(string Id, double? Min, double? Max, double? Exact)
{
    /// <summary>The rule as text.</summary>
    public string Rule => Exact is { } exact ? $"= {exact}" : Min is { } min ? $">= {min}" : $"<= {Max}";

    /// <summary>Reads gates.json; each gate has exactly one rule.</summary>
    /// <exception cref="JsonException">It has none, or two.</exception>
    public static Gate[] ReadAll(string text)
    {
        using JsonDocument document = JsonDocument.Parse(text);
        return [.. document.RootElement.GetProperty("gates").EnumerateArray().Select(Read)];
    }

    /// <summary>True when the value passes; NaN never does.</summary>
    public bool Holds(double value) =>
        Exact is { } exact ? value == exact : Min is { } min ? value >= min : value <= Max!.Value;

    private static Gate Read(JsonElement entry)
    {
        Gate gate = new(entry.GetProperty("id").GetString()!, Number(entry, "min"), Number(entry, "max"),
            Number(entry, "exact"));
        int rules = (gate.Min.HasValue ? 1 : 0) + (gate.Max.HasValue ? 1 : 0) + (gate.Exact.HasValue ? 1 : 0);
        return rules == 1 ? gate : throw new JsonException($"gate {gate.Id}: one of min, max, exact");
    }

    private static double? Number(JsonElement entry, string name) =>
        entry.TryGetProperty(name, out JsonElement value) ? value.GetDouble() : null;
}
