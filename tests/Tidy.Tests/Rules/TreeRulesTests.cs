using System.Text;
using LowLatency.Tidy.Tests.Text;
using Xunit;

namespace LowLatency.Tidy.Tests.Rules;

public sealed class TreeRulesTests
{
    private const string GoodScript =
        "#!/usr/bin/env bash\nset -euo pipefail\ncase \"$1\" in --help) ;; esac\n";

    [Fact]
    public void Only_rooms_and_root_files_stand_at_the_top()
    {
        string[] paths = ["src/A.cs", "notes.txt", "docs/a.md", "docs/b.md", "README.md", ".ci/main.yml",
            "LICENSE"];
        Assert.Equal(["notes.txt", "docs"], TreeRules.Top(paths).Select(finding => finding.Path));
    }

    [Theory]
    [InlineData("tests/Golden/run.json", 64 * 1024, false, "")]
    [InlineData("tests/Golden/run.json", 64 * 1024 + 1, false, "blob-size")]
    [InlineData("src/Control/packages.lock.json", 100_000, false, "")]
    [InlineData("a.o", 10, true, "blob-binary")]
    [InlineData("a.png", 10, true, "")]
    [InlineData("a.png", 64 * 1024 + 1, true, "blob-size")]
    public void A_tracked_file_is_a_small_text(string path, int bytes, bool isBinary, string rule)
    {
        byte[] content = Enumerable.Repeat((byte)'a', bytes).ToArray();
        content[5] = isBinary ? (byte)0 : content[5];
        IEnumerable<string> rules = TreeRules.Blob(new TrackedFile(path, false, content)).Select(f => f.Rule);
        Assert.Equal(rule, string.Concat(rules));
    }

    [Theory]
    [InlineData("scripts/run", true, GoodScript, "")]
    [InlineData("scripts/run", false, GoodScript, "script-mode")]
    [InlineData("scripts/run", true, "set -euo pipefail\n[ \"$1\" = --help ]\n", "script-shebang")]
    [InlineData("scripts/run", true, "#!/bin/bash\n# set -euo pipefail\n[ \"$1\" = --help ]\n",
        "script-strict")]
    [InlineData("scripts/run", true, "#!/bin/bash\nset -eu\n[ \"$1\" = --help ]\n", "script-strict")]
    [InlineData("scripts/run", true, "#!/bin/bash\nset -euo pipefail\n# no --help\n", "script-help")]
    [InlineData("scripts/lib/common.sh", false, "say() { echo; }\n", "")]
    [InlineData("src/A.cs", false, "class A { }\n", "")]
    public void A_script_is_a_verb(string path, bool isExecutable, string text, string rule)
    {
        var file = new TrackedFile(path, isExecutable, Encoding.UTF8.GetBytes(text));
        IEnumerable<Finding> found = TreeRules.Script(file, new SourceFile(path, text));
        Assert.Equal(rule, string.Concat(found.Select(finding => finding.Rule)));
    }

    [Fact]
    public void A_folder_of_src_has_tests_in_the_folder_of_its_name()
    {
        string[] paths =
        [
            "src/Control/Program.cs", "src/Control/Planning/Planner.cs", "src/Control/Tuning/Journal.cs",
            "src/Native/Xdp/Rings.cs", "tests/Control.Tests/Planning/PlannerTests.cs",
            "tests/Control.Tests/Tuning/FakeHost.cs", "tests/Netns.Tests/Xdp/RedirectTests.cs",
        ];
        Assert.Equal(["src/Control/Tuning", "src/Native/Xdp"], TreeRules.Mirror(paths).Select(f => f.Path));
    }
}
