using LowLatency.Tidy.Tests.Text;
using Xunit;

namespace LowLatency.Tidy.Tests.Rules;

public sealed class TextRulesTests
{
    // Written apart: the scan reads this file too.
    [Theory]
    [InlineData("// TO" + "DO: later", "no-reminders")]
    [InlineData("FIX" + "ME", "no-reminders")]
    [InlineData("cd /wo" + "rk/main", "machine-path")]
    [InlineData("\"/ho" + "me/somebody/.profile\"", "machine-path")]
    [InlineData("curl https://api.nu" + "get.org/v3", "registry-host")]
    [InlineData("see PY" + "PI.org", "registry-host")]
    public void What_no_text_may_hold_is_found_in_every_kind_of_file(string line, string rule)
    {
        foreach (string path in (string[])["src/A.cs", "README.md", "scripts/run", "configs/a.toml"])
        {
            Finding finding = Assert.Single(TextRules.Check(new SourceFile(path, "first\n" + line + "\n")));
            Assert.Equal((2, rule), (finding.Line, finding.Rule));
        }
    }

    [Theory]
    [InlineData("a todo list; the frame/work/unit; $root/work/x; ${out}/work/y")]
    [InlineData("NuGet packages; PyPI; crates of apples")]
    [InlineData("/proc/self/status /sys/fs/bpf /dev/hugepages /usr/lib/x86_64-linux-gnu /tmp")]
    public void Ordinary_words_and_paths_of_every_host_are_left_alone(string line) =>
        Assert.Empty(TextRules.Check(new SourceFile("README.md", line)));
}
