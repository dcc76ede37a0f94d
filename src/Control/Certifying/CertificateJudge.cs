using System.Text.Json;
using LowLatency.Control.Configuring;
using LowLatency.Control.Measuring;
using LowLatency.Control.Readiness;
using LowLatency.Control.Reporting;

namespace LowLatency.Control.Certifying;

/// <summary>Judges a folder of evidence from its files alone: when it is made, and whenever it is verified.
/// </summary>
internal static class CertificateJudge
{
    /// <summary>Name of the evidence of the check.</summary>
    public const string EvidenceName = "readiness.evidence.json";

    /// <summary>Name of the folder of the load.</summary>
    public const string LoadName = "load";

    /// <summary>Name of the folder of what the lanes' CPUs lose; not there where a data plane had
    /// them.</summary>
    public const string JitterName = "jitter";

    /// <summary>Judges.</summary>
    /// <exception cref="RunFolderException">A file is missing or damaged.</exception>
    public static Certificate Run(string folder)
    {
        string text = Read(folder, RunFolder.ConfigurationName);
        RunDocument run = RunFolder.Read(Path.Combine(folder, LoadName));
        ConfigurationResult read = ConfigurationReader.ReadText(text, RunFolder.ConfigurationName);
        Configuration configuration = read.Configuration ?? throw Damaged(
            Path.Combine(folder, RunFolder.ConfigurationName), read.Errors[0].ToString());
        CertificateStep[] steps =
        [
            Check(folder, configuration, text), .. Jitter(folder, text), Load(run, text),
            Objective(run, configuration),
        ];
        return new Certificate(Certificate.SchemaName, Array.TrueForAll(steps, step => step.Ok),
            TextHash.Of(text), run.Manifest.StartUtc, run.Manifest.Version, steps);
    }

    /// <summary>What a configuration promises.</summary>
    public static Promise PromiseOf(Configuration configuration) => Promise.Of(
        [.. configuration.Load?.Slo ?? [], .. configuration.Promise?.Slo ?? []],
        configuration.Promise?.RatePps, configuration.Promise?.DurationNs);

    /// <summary>Where two certificates of one folder differ, a line each.</summary>
    public static IEnumerable<string> Differences(Certificate recorded, Certificate now)
    {
        if (recorded.ConfigSha256 != now.ConfigSha256)
        {
            yield return $"{Certificate.FileName}: is of another configuration";
        }

        foreach (CertificateStep step in now.Steps)
        {
            CertificateStep? there = recorded.Steps.FirstOrDefault(s => s.Name == step.Name);
            if (there?.Ok != step.Ok)
            {
                string then = there is null ? "nothing" : there.Ok ? "ok" : "not ok";
                yield return $"{Certificate.FileName}: {step.Name} is recorded as {then}, the evidence says "
                    + (step.Ok ? "ok" : "not ok");
            }
        }

        if (recorded.Certified != now.Certified)
        {
            yield return $"{Certificate.FileName}: the verdict does not follow from the evidence";
        }
    }

    private static CertificateStep Check(string folder, Configuration configuration, string text)
    {
        Evidence evidence;
        try
        {
            evidence = EvidenceJson.Read(Read(folder, EvidenceName));
        }
        catch (JsonException e)
        {
            throw Damaged(Path.Combine(folder, EvidenceName), e.Message);
        }

        ReadinessReport report = Judge.Run(evidence, configuration, null, Catalogue.All, isStrict: false);
        List<string> reasons = [.. report.Results.Where(result => result.IsRefusal(false))
            .Select(result => $"{result.Check.Id}: {result.Decisive.First().Observed}")];
        if (evidence.ConfigurationText != text)
        {
            reasons.Add($"{EvidenceName} is of another configuration");
        }

        string profile = HostProfiles.WordOf(report.Topology.Profile);
        return new CertificateStep("check", reasons.Count == 0,
            [
                $"profile {profile}: {report.Count(CheckState.Pass)} pass, {report.Count(CheckState.Warn)} "
                    + $"warn, {report.Count(CheckState.Fail)} fail, {report.Count(CheckState.Waived)} waived",
            ],
            reasons);
    }

    // What it says is weighed by the objectives of the load; here it must only be whole.
    private static IEnumerable<CertificateStep> Jitter(string folder, string text)
    {
        string path = Path.Combine(folder, JitterName);
        if (!Directory.Exists(path))
        {
            yield break;
        }

        RunDocument run = RunFolder.Read(path);
        List<string> reasons = [.. run.Result.Verdict.Reasons];
        if (run.Manifest.ConfigSha256 != TextHash.Of(text))
        {
            reasons.Add($"{JitterName}/{RunFolder.ManifestName} is of another configuration");
        }

        List<string> lines = [.. (run.Result.Noise ?? []).Select(noise => $"CPU {noise.Cpu}: lost "
            + $"{Units.Us(noise.LostNs / Math.Max(noise.Seconds, 1e-3))} us/s, longest gap "
            + $"{Units.Us(noise.MaxNs ?? 0)} us")];
        if (run.Result.Explain is { } explain)
        {
            lines.Add(LostTimeText.Headline(explain));
        }

        yield return new CertificateStep(JitterName, reasons.Count == 0, lines, reasons);
    }

    private static CertificateStep Load(RunDocument run, string text)
    {
        RunResult result = run.Result;
        // Objectives have a step of their own; what could only be seen at the time stays as recorded.
        List<string> reasons = [.. Judgement.Of(result with { Slo = [] }, []).Reasons];
        reasons.AddRange(result.Verdict.Reasons.Where(reason => !reasons.Contains(reason)
            && !reason.StartsWith("objective ", StringComparison.Ordinal)));
        if (result.IsPartial)
        {
            reasons.Add("the load ended before its time");
        }

        if (run.Manifest.ConfigSha256 != TextHash.Of(text))
        {
            reasons.Add($"{LoadName}/{RunFolder.ManifestName} is of another configuration");
        }

        if (!AreSame(result.EndToEnd, LatencySummary.Of(run.Histograms?[HistogramSet.EndToEnd])))
        {
            reasons.Add($"{RunFolder.ResultName} does not follow from {RunFolder.HistogramsName}");
        }

        string rate = result.Generator is { } generator ? $"{Units.Rate(generator.AchievedRate)} pps, " : "";
        return new CertificateStep(LoadName, reasons.Count == 0,
            [$"{rate}{result.DurationSeconds:0.0} s, {Units.Count(result.EndToEnd?.Count ?? 0)} samples"],
            reasons);
    }

    private static CertificateStep Objective(RunDocument run, Configuration configuration)
    {
        PromiseResult? promise = PromiseOf(configuration).Judge(run.Result,
            run.Histograms ?? new HistogramSet());
        return promise is null
            ? new CertificateStep("objective", false, [], ["the configuration promises nothing"])
            : new CertificateStep("objective", promise.Met,
                [.. promise.Rows.Where(row => row.Met).Select(row => row.ToString())],
                [.. promise.Rows.Where(row => !row.Met).Select(row => row.ToString())]);
    }

    private static bool AreSame(LatencySummary? one, LatencySummary? other) =>
        one is null or { Count: 0 } ? other is null or { Count: 0 }
        : one.Count == other?.Count && Enumerable.Range(0, Percentile.All.Length)
            .All(index => one.At(index) == other.At(index));

    private static string Read(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Damaged(path, e.Message);
        }
    }

    private static RunFolderException Damaged(string path, string message) =>
        new($"{path}: {message.ReplaceLineEndings(" ")}", isHostFault: false);
}
