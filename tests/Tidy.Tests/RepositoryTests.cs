using System.Diagnostics;
using LowLatency.Tidy.Tests.Rules;
using LowLatency.Tidy.Tests.Text;
using Xunit;

namespace LowLatency.Tidy.Tests;

public sealed class RepositoryTests
{
    private const int HelpMsMax = 30_000;

    private static readonly Repository House = Repository.Open();

    [Fact]
    public void The_repository_keeps_its_rules()
    {
        List<Finding> findings = Exceptions.Apply(House.Findings(), Exceptions.All);
        IEnumerable<string> lines = findings.OrderBy(f => f.Path, StringComparer.Ordinal).ThenBy(f => f.Line)
            .Select(finding => finding.ToString());
        Assert.True(findings.Count == 0, $"{findings.Count} out of order:\n{string.Join('\n', lines)}");
    }

    [Fact]
    public void The_scan_sees_the_rooms_it_judges()
    {
        foreach (string project in ProjectRules.Arrows.Keys)
        {
            Assert.Contains(House.Texts, file => file.Path == project);
        }

        Assert.Contains(House.Texts, file => file.Path == "tests/Tidy.Tests/RepositoryTests.cs");
        Assert.Contains(House.Texts.SelectMany(TokenRules.MutableRings), ring => ring == "RxRing");
        Assert.Contains(House.Texts.SelectMany(Blocks.Of), block => block.Kind == BlockKind.Member);
    }

    [Fact]
    public void Code_is_what_remains_when_every_file_is_read_to_its_end()
    {
        foreach (SourceFile file in House.Texts.Where(file => file.IsCSharp))
        {
            Assert.Equal(file.Lines.Length, file.CodeLines.Length);
            bool isEven = file.Code.Count(c => c == '{') == file.Code.Count(c => c == '}');
            Assert.True(isEven, file.Path + " has odd braces");
        }
    }

    [Fact]
    public void Every_script_answers_help()
    {
        foreach (TrackedFile script in House.Tracked.Where(file => TreeRules.IsVerb(file.Path)))
        {
            string text = House.Texts.Single(file => file.Path == script.Path).Text;
            if (!script.IsExecutable || !text.Contains("--help", StringComparison.Ordinal))
            {
                continue;   // a finding of the scan; calling it might do its work
            }

            var start = new ProcessStartInfo(Path.Combine(House.Root, script.Path), "--help")
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using Process run = Process.Start(start)!;
            if (!run.WaitForExit(HelpMsMax))
            {
                run.Kill(entireProcessTree: true);
                Assert.Fail(script.Path + " --help does not return");
            }

            Assert.True(run.ExitCode == 0, $"{script.Path} --help exits with {run.ExitCode}");
            Assert.Contains(script.Path, run.StandardOutput.ReadToEnd(), StringComparison.Ordinal);
        }
    }
}
