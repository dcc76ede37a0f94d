using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using LowLatency.Control.Searching;

namespace LowLatency.Control.Reporting;

/// <summary>Our JSON files' types, read and written without reflection; fields in the order of the
/// records.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    WriteIndented = true,
    NewLine = "\n")]
[JsonSerializable(typeof(RunResult))]
[JsonSerializable(typeof(RunManifest))]
[JsonSerializable(typeof(RunTimeline))]
[JsonSerializable(typeof(SearchResult))]
internal sealed partial class RunJsonContext : JsonSerializerContext;

/// <summary>A run's JSON files as text and back.</summary>
internal static class RunJson
{
    // Readable text: apostrophes and plus signs as they are; these files are never pasted into HTML
    // unescaped.
    private static readonly RunJsonContext Context = new(
        new JsonSerializerOptions(RunJsonContext.Default.Options)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    /// <summary>result.json.</summary>
    public static string Write(RunResult result) => JsonSerializer.Serialize(result, Context.RunResult)
        + "\n";

    /// <summary>manifest.json.</summary>
    public static string Write(RunManifest manifest) =>
        JsonSerializer.Serialize(manifest, Context.RunManifest) + "\n";

    /// <summary>timeline.json.</summary>
    public static string Write(RunTimeline timeline) =>
        JsonSerializer.Serialize(timeline, Context.RunTimeline) + "\n";

    /// <summary>search.json.</summary>
    public static string Write(SearchResult search) =>
        JsonSerializer.Serialize(search, Context.SearchResult) + "\n";

    /// <summary>Reads search.json.</summary>
    /// <exception cref="JsonException">Not this format, or damaged.</exception>
    public static SearchResult ReadSearch(string text)
    {
        SearchResult search = JsonSerializer.Deserialize(text, Context.SearchResult)
            ?? throw new JsonException("the file is empty");
        return search.Schema == SearchResult.SchemaName ? search
            : throw new JsonException($"schema is '{search.Schema}', this program reads "
                + $"'{SearchResult.SchemaName}'");
    }

    /// <summary>Reads result.json.</summary>
    /// <exception cref="JsonException">Not this format, or damaged.</exception>
    public static RunResult ReadResult(string text)
    {
        RunResult result = JsonSerializer.Deserialize(text, Context.RunResult)
            ?? throw new JsonException("the file is empty");
        return result.Schema == RunResult.SchemaName ? result
            : throw new JsonException($"schema is '{result.Schema}', this program reads "
                + $"'{RunResult.SchemaName}'");
    }

    /// <summary>Reads manifest.json.</summary>
    /// <exception cref="JsonException">Not this format, or damaged.</exception>
    public static RunManifest ReadManifest(string text) =>
        JsonSerializer.Deserialize(text, Context.RunManifest) ?? throw new JsonException("the file is empty");

    /// <summary>Reads timeline.json.</summary>
    /// <exception cref="JsonException">Not this format, or damaged.</exception>
    public static RunTimeline ReadTimeline(string text) =>
        JsonSerializer.Deserialize(text, Context.RunTimeline) ?? throw new JsonException("the file is empty");
}
