using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace LowLatency.Control.Certifying;

/// <summary>One step of a certification.</summary>
/// <param name="Name">check, load, objective.</param>
/// <param name="Ok">Nothing stands against it.</param>
/// <param name="Says">What it came to, a line each.</param>
/// <param name="Reasons">What stands against it, a line each.</param>
internal sealed record CertificateStep(
    string Name, bool Ok, IReadOnlyList<string> Says, IReadOnlyList<string> Reasons);

/// <summary>The verdict over one folder of evidence: certificate.json. It follows from the other files of the
/// folder alone. A contract: fields are added, never renamed.</summary>
/// <param name="Schema"><see cref="SchemaName"/>.</param>
/// <param name="Certified">Every step is ok.</param>
/// <param name="ConfigSha256">Of config.toml.</param>
/// <param name="StartUtc">Start of the load.</param>
/// <param name="Version">Of the program that measured.</param>
/// <param name="Steps">In their order.</param>
internal sealed record Certificate(
    string Schema,
    bool Certified,
    string ConfigSha256,
    DateTime StartUtc,
    string Version,
    IReadOnlyList<CertificateStep> Steps)
{
    /// <summary>Name and version of the format.</summary>
    public const string SchemaName = "lowlat.certificate/1";

    /// <summary>Name of the file.</summary>
    public const string FileName = "certificate.json";

    // Readable text, never pasted into HTML.
    private static readonly CertificateJsonContext Context = new(
        new JsonSerializerOptions(CertificateJsonContext.Default.Options)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    /// <summary>As JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Context.Certificate) + "\n";

    /// <summary>Reads one.</summary>
    /// <exception cref="JsonException">Not this format, or damaged.</exception>
    public static Certificate FromJson(string text)
    {
        Certificate certificate = JsonSerializer.Deserialize(text, Context.Certificate)
            ?? throw new JsonException("the file is empty");
        return certificate.Schema == SchemaName ? certificate
            : throw new JsonException($"schema is '{certificate.Schema}', this program reads '{SchemaName}'");
    }

    /// <summary>For eyes.</summary>
    public string ToText()
    {
        StringBuilder text = new();
        text.Append(Certified ? "CERTIFIED" : "NOT CERTIFIED")
            .Append($"  load started {StartUtc:yyyy-MM-dd HH:mm:ss} UTC, lowlat {Version}, ")
            .Append($"config {ConfigSha256[..12]}\n");
        foreach (CertificateStep step in Steps)
        {
            text.Append($"  {(step.Ok ? "ok" : "no")}  {step.Name}\n");
            foreach (string line in step.Says)
            {
                text.Append($"        {line}\n");
            }

            foreach (string line in step.Reasons)
            {
                text.Append($"    no: {line}\n");
            }
        }

        return text.ToString();
    }
}

/// <summary>Reads and writes certificates without reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    WriteIndented = true,
    NewLine = "\n")]
[JsonSerializable(typeof(Certificate))]
internal sealed partial class CertificateJsonContext : JsonSerializerContext;
