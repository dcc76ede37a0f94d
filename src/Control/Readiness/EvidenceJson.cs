using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace LowLatency.Control.Readiness;

/// <summary>One fact in a capture.</summary>
/// <param name="Source">Where from.</param>
/// <param name="Moment">"start" or "end".</param>
/// <param name="State">"read", "missing", "denied", "refused" or "withheld".</param>
/// <param name="Text">What was read, where it is text; else null.</param>
/// <param name="Base64">What was read, where it is not.</param>
/// <param name="Problem">Why it was not read; null when it was.</param>
/// <param name="TimeNs">When, ns since 1970.</param>
/// <param name="Intrusion">"i0" ... "i4".</param>
internal sealed record FactDocument(string Source, string Moment, string State, string? Text, string? Base64,
    string? Problem, long TimeNs, string Intrusion);

/// <summary>What <c>lowlat check --capture</c> writes: schema <c>lowlat.evidence/1</c>.</summary>
internal sealed record EvidenceDocument(string Schema, string Tool, long TimeNs, string ConfigurationName,
    string ConfigurationText, string? ProfileAsked, double WindowSeconds, double CollectMs,
        long? InterruptsOnData,
    IReadOnlyList<FactDocument> Facts)
{
    /// <summary>Name and version of the format.</summary>
    public const string SchemaName = "lowlat.evidence/1";
}

/// <summary>Its JSON, without reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    WriteIndented = true,
    NewLine = "\n")]
[JsonSerializable(typeof(EvidenceDocument))]
internal sealed partial class EvidenceJsonContext : JsonSerializerContext;

/// <summary>Evidence as a file and back, whole: what is judged from the file is judged the same.</summary>
internal static class EvidenceJson
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);
    private static readonly EvidenceJsonContext Context = new(
        new JsonSerializerOptions(EvidenceJsonContext.Default.Options)
        {
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // readable; never pasted into HTML
        });

    /// <summary>As text.</summary>
    public static string Write(Evidence evidence) => JsonSerializer.Serialize(new EvidenceDocument(
        EvidenceDocument.SchemaName, evidence.Tool, evidence.TimeNs, evidence.ConfigurationName,
        evidence.ConfigurationText, evidence.ProfileAsked, evidence.WindowSeconds, evidence.Noise.CollectMs,
        evidence.Noise.InterruptsOnData, [.. evidence.Facts.Select(Document)]), Context.EvidenceDocument)
            + "\n";

    /// <summary>Back from text.</summary>
    /// <exception cref="JsonException">Not this format, or damaged.</exception>
    public static Evidence Read(string text)
    {
        EvidenceDocument document = JsonSerializer.Deserialize(text, Context.EvidenceDocument)
            ?? throw new JsonException("the file is empty");
        if (document.Schema != EvidenceDocument.SchemaName)
        {
            throw new JsonException($"schema is '{document.Schema}', this program reads "
                + $"'{EvidenceDocument.SchemaName}'");
        }

        Evidence evidence = new()
        {
            Tool = document.Tool,
            TimeNs = document.TimeNs,
            ConfigurationName = document.ConfigurationName,
            ConfigurationText = document.ConfigurationText,
            ProfileAsked = document.ProfileAsked,
            WindowSeconds = document.WindowSeconds,
            Noise = new SelfNoise(document.CollectMs, document.InterruptsOnData),
        };
        foreach (FactDocument fact in document.Facts)
        {
            evidence.Add(Back(fact));
        }

        return evidence;
    }

    /// <summary>The bytes as text; null when they are not UTF-8.</summary>
    public static string? TextOf(byte[] bytes)
    {
        try
        {
            string text = Strict.GetString(bytes);
            return text.Contains('\0', StringComparison.Ordinal) ? null : text;
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    private static FactDocument Document(Fact fact)
    {
        bool isRead = fact.State == FactState.Read;
        string? text = isRead ? TextOf(fact.Bytes) : null;
        return new FactDocument(fact.Source, fact.Moment.ToString().ToLowerInvariant(),
            fact.State.ToString().ToLowerInvariant(), text,
            isRead && text is null ? Convert.ToBase64String(fact.Bytes) : null, isRead ? null : fact.Problem,
            fact.TimeNs, Words.Of(fact.Intrusion));
    }

    private static Fact Back(FactDocument fact)
    {
        try
        {
            return new Fact
            {
                Source = fact.Source,
                Moment = WordOf<Moment>(fact.Moment),
                State = WordOf<FactState>(fact.State),
                Bytes = fact.Text is string text ? Encoding.UTF8.GetBytes(text)
                    : fact.Base64 is string base64 ? Convert.FromBase64String(base64) : [],
                Problem = fact.Problem ?? "",
                TimeNs = fact.TimeNs,
                Intrusion = WordOf<Intrusion>(fact.Intrusion),
            };
        }
        catch (FormatException e)
        {
            throw new JsonException($"fact {fact.Source}: {e.Message}");
        }
    }

    private static T WordOf<T>(string word)
        where T : struct, Enum => word.Length > 0 && char.IsAsciiLetterLower(word[0])
            && Enum.TryParse(word, ignoreCase: true, out T value) ? value
            : throw new JsonException(string.Create(CultureInfo.InvariantCulture,
                $"'{word}' is no {typeof(T).Name}"));
}
