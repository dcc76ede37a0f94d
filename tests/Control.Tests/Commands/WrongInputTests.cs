using Xunit;

namespace LowLatency.Control.Tests.Commands;

/// <summary>Wrong input gets its line and exit code 1, never a stack trace.</summary>
public sealed class WrongInputTests
{
    [Theory]
    [InlineData("'frobnicate' is not understood", "frobnicate")]
    [InlineData("'--frob' is not understood", "version", "--frob")]
    [InlineData("'sideways' is not understood", "lab", "sideways")]
    [InlineData("Option '--config' is required", "load")]
    [InlineData("Option '--name' is required", "stop")]
    [InlineData("Required command was not provided")]
    public void A_command_line_that_is_not_understood_gets_one_line_and_a_hint(string line,
        params string[] args)
    {
        CommandRun run = CommandRun.Of(args);
        string[] lines = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(1, run.Code);
        Assert.Equal("", run.Out);
        Assert.Equal(2, lines.Length);
        Assert.Equal("lowlat: " + line, lines[0]);
        Assert.EndsWith("--help' shows what can be said here", lines[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--name 'a/b'", "lab", "up", "--name", "a/b")]
    [InlineData("--name ''", "lab", "status", "--name", "")]
    [InlineData("there is no data plane named 'nobody'", "stop", "--name", "nobody")]
    [InlineData("there is no data plane named 'nobody'", "status", "--name", "nobody")]
    [InlineData("--queues 9: must be 1 to 4", "lab", "up", "--name", "llnever", "--queues", "9")]
    [InlineData("no such file", "plan", "-c", "/nonexistent/x.toml")]
    [InlineData("--duration soon", "run", "-c", "/nonexistent/x.toml", "--duration", "soon")]
    [InlineData("--queues 0: must be 1 to 4", "lab", "up", "--name", "llnever", "--queues", "0")]
    [InlineData("--netns nowhere", "ports", "--netns", "nowhere")]
    [InlineData("no such file", "record", "ls", "/nonexistent/x.pcapng")]
    [InlineData("no run folder", "report", "/nonexistent/run")]
    public void A_wrong_value_is_named_with_what_must_hold(string part, params string[] args)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "these verbs want root before they look closer");
        CommandRun run = CommandRun.Of(args);
        Assert.Equal(1, run.Code);
        Assert.Single(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains(part, run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_fault_of_a_configuration_is_told_at_once_with_its_place()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "name = \"x\"\nfrob = 1\n\n[[port]]\nname = \"a\"\nqueue = \"two\"\n");
            CommandRun run = CommandRun.Of("plan", "-c", path);
            Assert.Equal(1, run.Code);
            Assert.Contains($"lowlat: {path}:2:8: frob = 1:", run.Error, StringComparison.Ordinal);
            Assert.Contains($"lowlat: {path}:6:", run.Error, StringComparison.Ordinal);
            Assert.Contains("interface", run.Error, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Version_names_the_linked_libraries_and_the_schema()
    {
        CommandRun run = CommandRun.Of("version", "--json");
        Assert.Equal(0, run.Code);
        Assert.Contains("\"schema\": \"lowlat.version/1\"", run.Out, StringComparison.Ordinal);
        Assert.Matches("\"libxdp\": \"[0-9.]+\"", run.Out);
    }
}
