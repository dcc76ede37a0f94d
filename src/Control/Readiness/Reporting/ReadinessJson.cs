using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using LowLatency.Control.Configuring;

namespace LowLatency.Control.Readiness.Reporting;

/// <summary>Its JSON, without reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    NewLine = "\n")]
[JsonSerializable(typeof(ReadinessDocument))]
internal sealed partial class ReadinessJsonContext : JsonSerializerContext;

/// <summary>A report as its canonical document, and as JSON.</summary>
internal static class ReadinessJson
{
    private const int MostRaw = 2000;

    private static readonly ReadinessJsonContext Context = new(
        new JsonSerializerOptions(ReadinessJsonContext.Default.Options)
        {
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // readable; never pasted into HTML
        });

    /// <summary>As text, ending in a line feed.</summary>
    /// <param name="report">The report.</param>
    /// <param name="tool">Version of this program.</param>
    public static string Write(ReadinessReport report, string tool) =>
        JsonSerializer.Serialize(Document(report, tool), Context.ReadinessDocument) + "\n";

    /// <summary>The document.</summary>
    public static ReadinessDocument Document(ReadinessReport report, string tool) => new(
        ReadinessDocument.SchemaName, Run(report, tool), report.IsReady ? "ready"
            : "not-ready", report.IsStrict,
        new CountsPart(report.Count(CheckState.Pass), report.Count(CheckState.Warn),
            report.Count(CheckState.Fail),
            report.Count(CheckState.Unknown), report.Count(CheckState.Unsupported),
            report.Count(CheckState.NotApplicable), report.Count(CheckState.Waived),
                report.Count(CheckState.Error)),
        [.. report.Results.Where(result => result.IsRefusal(report.IsStrict))
            .Select(result => result.Check.Id)],
        report.Notes, Of(report.Topology), [.. report.Results.Select(result => Of(result, report))]);

    /// <summary>A time for people: 2026-11-23T12:00:00Z.</summary>
    public static string Utc(long timeNs) => DateTime.UnixEpoch.AddTicks(timeNs / TimeSpan.NanosecondsPerTick)
        .ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    private static RunDocumentPart Run(ReadinessReport report, string tool)
    {
        Evidence evidence = report.Evidence;
        return new RunDocumentPart(tool, evidence.Tool, Utc(evidence.TimeNs),
            Line(evidence, HostIdentity.HostName),
            Line(evidence, HostIdentity.Kernel), Said(evidence.ConfigurationName),
            HostProfiles.WordOf(report.Topology.Profile), report.Topology.ProfileWhy,
            RulesOf(report.Results.Select(result => result.Check)), evidence.WindowSeconds,
                evidence.Noise.CollectMs,
            evidence.Noise.InterruptsOnData);
    }

    private static string RulesOf(IEnumerable<Check> checks)
    {
        string all = string.Concat(checks.Select(check => $"{check.Id}:{check.Version}\n"));
        string hash = TextHash.Of(all);
        return $"{all.Count(c => c == '\n')} checks, sha256 {hash}";
    }

    private static TopologyPart Of(Topology topology) => new(topology.Data.ToString(),
        topology.Housekeeping.ToString(), topology.Online.ToString(),
        [.. topology.Lanes.Select(lane => new LanePart(
            lane.Name, lane.Cpu, lane.Policy.ToString().ToLowerInvariant(), lane.Priority, lane.Ports))],
        [.. topology.Ports.Select(port => new PortPart(
            port.Name, port.Interface, Said(port.Netns), Said(port.Pci), port.Absence))],
        [.. topology.Disks.Select(disk => new DiskPart(
            disk.Name, disk.Path, Said(disk.Block), Said(disk.Pci), disk.Absence))],
        topology.AppPid > 0 ? topology.AppPid : null);

    private static CheckPart Of(CheckResult result, ReadinessReport report) =>
        new(result.Check.Id, result.Check.Version,
        result.Check.Group, Words.Of(result.Check.Kind), Words.Of(result.Check.Intrusion),
            Words.Of(result.State),
        Words.Of(result.Severity), result.IsRefusal(report.IsStrict), result.Check.Expects,
        [.. result.Findings.Select(finding => new FindingPart(
            new SubjectPart(finding.Subject.Kind.ToString().ToLowerInvariant(), finding.Subject.Name,
                finding.Subject.Cpu >= 0 ? finding.Subject.Cpu : null),
            Words.Of(finding.State), finding.Observed, finding.Fix))],
        result.Check.Why, result.Check.Source,
        new RemedyPart(Words.Of(result.Check.Remedy.Class), result.Check.Remedy.Do,
            Said(Filled(result.Check.Remedy.Boot, report.Topology)),
            Said(result.Check.Remedy.Hazard)),
        result.Waiver is WaiverUse waiver ? new WaiverPart(waiver.Owner, waiver.Reason,
            waiver.Expires.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), waiver.IsExpired) : null,
        [.. result.Evidence.Select(Of)]);

    // The lists that stand for {D} and {H}; nothing where no CPU is declared.
    private static string Filled(string boot, Topology topology) =>
        topology.Data.IsEmpty && boot.Contains('{', StringComparison.Ordinal) ? ""
        : boot.Replace("{D}", topology.Data.ToString(), StringComparison.Ordinal)
            .Replace("{H}", topology.Possible.Without(topology.Data).ToString(), StringComparison.Ordinal);

    private static EvidencePart Of(Fact fact)
    {
        string? raw = fact.State != FactState.Read ? null
            : EvidenceJson.TextOf(fact.Bytes) ?? Convert.ToBase64String(fact.Bytes);
        return new EvidencePart(fact.Source, fact.Moment.ToString().ToLowerInvariant(),
            fact.State.ToString().ToLowerInvariant(), raw?[..Math.Min(raw.Length, MostRaw)],
                raw?.Length > MostRaw,
            fact.Bytes.Length, Said(fact.Problem), Utc(fact.TimeNs), Words.Of(fact.Intrusion));
    }

    private static string? Line(Evidence evidence, string source) =>
        evidence.Find(source) is { State: FactState.Read } fact ? EvidenceJson.TextOf(fact.Bytes)?.Trim()
            : null;

    private static string? Said(string text) => text.Length == 0 ? null : text;
}
