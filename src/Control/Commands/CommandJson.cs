using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using LowLatency.Control.Running;
using LowLatency.Control.Storage;

namespace LowLatency.Control.Commands;

/// <summary>The verbs' JSON, written without reflection; fields in the order of the records.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    NewLine = "\n")]
[JsonSerializable(typeof(StatusDocument))]
[JsonSerializable(typeof(PortsDocument))]
[JsonSerializable(typeof(VersionDocument))]
[JsonSerializable(typeof(HistoryDocument))]
[JsonSerializable(typeof(SelfTestDocument))]
[JsonSerializable(typeof(TraceDocument))]
[JsonSerializable(typeof(RecordingsDocument))]
[JsonSerializable(typeof(DiskResult))]
internal sealed partial class CommandJsonContext : JsonSerializerContext;

/// <summary>The verbs' JSON as text.</summary>
internal static class CommandJson
{
    // Readable text: apostrophes and plus signs as they are; this is never pasted into HTML unescaped.
    private static readonly CommandJsonContext Context = new(
        new JsonSerializerOptions(CommandJsonContext.Default.Options)
        {
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        });

    /// <summary>One document, ending in a line feed.</summary>
    public static string Write<T>(T document) =>
        JsonSerializer.Serialize(document, (JsonTypeInfo<T>)Context.GetTypeInfo(typeof(T))!) + "\n";
}
