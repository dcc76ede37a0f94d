using LowLatency.Control.Certifying;
using LowLatency.Control.Configuring;
using LowLatency.Control.Readiness;
using LowLatency.Control.Reporting;
using LowLatency.Control.Tests.Commands;
using LowLatency.Control.Tests.Planning;
using LowLatency.Control.Tests.Reporting;
using Xunit;

namespace LowLatency.Control.Tests.Certifying;

/// <summary>A certificate follows from the files of its folder, and what was changed is told.</summary>
public sealed class CertificateTests : IDisposable
{
    private const string Text = Sample.Text + "\n[objective]\n\"p99.9\" = \"1ms\"\nloss = 0.01\n";
    private readonly string _folder = Directory.CreateTempSubdirectory("certify").FullName;

    public CertificateTests()
    {
        File.WriteAllText(At(RunFolder.ConfigurationName), Text);
        File.WriteAllText(At(CertificateJudge.EvidenceName),
            EvidenceJson.Write(new Evidence
            {
                Tool = "test",
                TimeNs = 1,
                ConfigurationText = Text,
            }));
        Directory.CreateDirectory(At("load"));
        RunDocument run = SampleRun.Make();
        RunFolder.Write(At("load"), run with
        {
            Result = run.Result with { Slo = [], Verdict = new Verdict(true, [], []) },
            Manifest = run.Manifest with { ConfigSha256 = TextHash.Of(Text) },
        }, Text);
        File.WriteAllText(At(Certificate.FileName), CertificateJudge.Run(_folder).ToJson());
        HashList.Write(_folder);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Load_and_objective_are_judged_from_what_was_kept()
    {
        Certificate certificate = CertificateJudge.Run(_folder);
        Assert.Equal([("check", false), ("load", true), ("objective", true)],
            certificate.Steps.Select(step => (step.Name, step.Ok))); // no evidence of the host: not ready
        Assert.False(certificate.Certified);
        Assert.StartsWith("NOT CERTIFIED", certificate.ToText(), StringComparison.Ordinal);
        Assert.Equal(2, certificate.Steps[2].Says.Count);
        Assert.Equal(certificate.ToJson(), Certificate.FromJson(certificate.ToJson()).ToJson());
    }

    [Fact]
    public void An_untouched_folder_verifies_with_its_own_verdict()
    {
        CommandRun run = CommandRun.Of("certify", "--verify", _folder);
        Assert.Equal(3, run.Code); // verified, and not certified
        Assert.Contains("\nverified: ", run.Out, StringComparison.Ordinal);
        Assert.Equal("", run.Error);
    }

    [Theory]
    [InlineData("load/latency.hlog")]
    [InlineData("load/result.json")]
    [InlineData("load/report.html")]
    [InlineData("certificate.json")]
    [InlineData("config.toml")]
    [InlineData("readiness.evidence.json")]
    public void A_changed_byte_is_told_by_the_name_of_its_file(string file)
    {
        byte[] bytes = File.ReadAllBytes(At(file));
        bytes[^10] ^= 1;
        File.WriteAllBytes(At(file), bytes);
        CommandRun run = CommandRun.Of("certify", "--verify", _folder);
        Assert.Equal(3, run.Code);
        Assert.Contains($"lowlat: {file}: changed\n", run.Error, StringComparison.Ordinal);
        Assert.Contains("NOT VERIFIED", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_verdict_that_does_not_follow_is_told_although_the_hashes_fit()
    {
        Certificate good = CertificateJudge.Run(_folder);
        File.WriteAllText(At(Certificate.FileName), (good with
        {
            Certified = true,
            Steps = [good.Steps[0] with { Ok = true, Reasons = [] }, good.Steps[1], good.Steps[2]],
        }).ToJson());
        HashList.Write(_folder);
        CommandRun run = CommandRun.Of("certify", "--verify", _folder);
        Assert.Equal(3, run.Code);
        Assert.Contains("check is recorded as ok, the evidence says not ok", run.Error,
            StringComparison.Ordinal);
        Assert.Contains("the verdict does not follow from the evidence", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_result_that_does_not_follow_from_its_histogram_is_told()
    {
        RunDocument run = RunFolder.Read(At("load"));
        RunFolder.Write(At("load"), run with
        {
            Result = run.Result with { EndToEnd = run.Result.EndToEnd! with { P999Ns = 1_000 } },
        }, Text);
        Assert.Contains("result.json does not follow from latency.hlog",
            CertificateJudge.Run(_folder).Steps[1].Reasons);
    }

    [Fact]
    public void Evidence_of_another_configuration_or_of_a_partial_load_certifies_nothing()
    {
        File.WriteAllText(At(RunFolder.ConfigurationName),
            Text.Replace("1ms", "2ms", StringComparison.Ordinal));
        RunDocument run = RunFolder.Read(At("load"));
        RunFolder.Write(At("load"), run with { Result = run.Result with { IsPartial = true } }, Text);
        Certificate certificate = CertificateJudge.Run(_folder);
        Assert.Contains("readiness.evidence.json is of another configuration", certificate.Steps[0].Reasons);
        Assert.Equal(["the load ended before its time", "load/manifest.json is of another configuration"],
            certificate.Steps[1].Reasons);
    }

    [Fact]
    public void A_missed_objective_is_a_reason()
    {
        File.WriteAllText(At(RunFolder.ConfigurationName),
            Text.Replace("\"1ms\"", "\"1us\"", StringComparison.Ordinal));
        CertificateStep step = CertificateJudge.Run(_folder).Steps[2];
        Assert.False(step.Ok);
        Assert.StartsWith("p99.9 <= 1.00 us: ", Assert.Single(step.Reasons), StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_is_no_evidence_is_refused_and_two_wishes_are_one_too_many()
    {
        CommandRun none = CommandRun.Of("certify", "--verify", "/nonexistent/folder");
        Assert.Equal(1, none.Code);
        Assert.Contains("name a folder that 'lowlat certify' made", none.Error, StringComparison.Ordinal);
        Assert.Equal(1, CommandRun.Of("certify").Code);
        Assert.Equal(1, CommandRun.Of("certify", "-c", "x", "--verify", "y").Code);
    }

    private string At(string path) => Path.Combine(_folder, path);
}
