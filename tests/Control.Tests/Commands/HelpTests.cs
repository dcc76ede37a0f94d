using System.Runtime.CompilerServices;
using Xunit;

namespace LowLatency.Control.Tests.Commands;

public sealed class HelpTests
{
    [Theory]
    [InlineData("")]
    [InlineData("check")]
    [InlineData("check explain")]
    [InlineData("check list")]
    [InlineData("plan")]
    [InlineData("run")]
    [InlineData("load")]
    [InlineData("certify")]
    [InlineData("reload")]
    [InlineData("status")]
    [InlineData("trace")]
    [InlineData("stop")]
    [InlineData("jitter")]
    [InlineData("ports")]
    [InlineData("report")]
    [InlineData("disk")]
    [InlineData("record")]
    [InlineData("record ls")]
    [InlineData("record extract")]
    [InlineData("record repair")]
    [InlineData("replay")]
    [InlineData("tune")]
    [InlineData("tune history")]
    [InlineData("tune rollback")]
    [InlineData("lab")]
    [InlineData("lab up")]
    [InlineData("lab down")]
    [InlineData("lab status")]
    [InlineData("version")]
    [InlineData("selftest")]
    public void The_help_of_every_verb_is_as_reviewed(string verb)
    {
        CommandRun run = CommandRun.Of([.. verb.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);
        Assert.Equal((0, ""), (run.Code, run.Error));
        // The program's own name is that of the host that runs the tests.
        string text = run.Out.Replace("LowLatency.Control.Tests", "lowlat", StringComparison.Ordinal);
        Golden($"help{(verb.Length == 0 ? "" : "-" + verb.Replace(' ', '-'))}.txt", text);
    }

    [Fact]
    public void Every_verb_of_the_help_is_among_those_that_are_reviewed()
    {
        string help = CommandRun.Of("--help").Out;
        IEnumerable<string> verbs = help[help.IndexOf("Commands:",
            StringComparison.Ordinal)..].Split('\n').Skip(1)
            .Where(line => line.Length > 2 && line[2] != ' ').Select(line => line.Trim().Split(' ')[0]);
        Assert.Equal(
            ["check", "plan", "run", "load", "jitter", "certify", "reload", "status", "trace", "stop",
                "ports",
                "report", "disk", "record", "replay", "tune", "lab",
                "version",
                "selftest"], verbs);
    }

    private static void Golden(string name, string actual, [CallerFilePath] string source = "")
    {
        string path = Path.Combine(Path.GetDirectoryName(source)!, "..", "Golden", name);
        if (Environment.GetEnvironmentVariable("LOWLAT_UPDATE_GOLDEN") == "1")
        {
            File.WriteAllText(path, actual);
        }

        Assert.True(File.Exists(path), $"{name} is missing: LOWLAT_UPDATE_GOLDEN=1 writes it");
        Assert.Equal(File.ReadAllText(path), actual);
    }
}
