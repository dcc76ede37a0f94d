using LowLatency.Tidy.Tests.Text;

namespace LowLatency.Tidy.Tests.Rules;

/// <summary>What the tree is made of: entries, sizes, scripts, and tests that mirror src.</summary>
internal static class TreeRules
{
    /// <summary>Bytes of a tracked file.</summary>
    public const int BlobBytesMax = 64 * 1024;

    /// <summary>Everything that may stand at the top.</summary>
    public static readonly IReadOnlySet<string> TopLevel = new HashSet<string>
    {
        "src", "xdp", "configs", "tests", "bench", "scripts", ".ci",
        "LowLatency.sln", "global.json",
        "Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props",
        "README.md", "ARCHITECTURE.md", "DECISIONS.md", "CONTRIBUTING.md",
        "CHANGELOG.md", "SECURITY.md", "LICENSE",
        ".editorconfig", ".gitattributes", ".gitignore",
    };

    /// <summary>Entries at the top that nobody agreed on.</summary>
    public static IEnumerable<Finding> Top(IEnumerable<string> paths) =>
        from entry in paths.Select(path => path.Split('/')[0]).Distinct()
        where !TopLevel.Contains(entry)
        select new Finding(entry, 0, "top-level",
            "put it in a room (src xdp configs tests bench scripts .ci)");

    /// <summary>Files that are too large or no text.</summary>
    public static IEnumerable<Finding> Blob(TrackedFile file)
    {
        if (file.Bytes.Length > BlobBytesMax && Path.GetFileName(file.Path) != "packages.lock.json")
        {
            yield return new Finding(file.Path, 0, "blob-size",
                $"{file.Bytes.Length} bytes; generate it, or stay within {BlobBytesMax}");
        }

        if (file.IsBinary && !file.Path.EndsWith(".png", StringComparison.Ordinal))
        {
            yield return new Finding(file.Path, 0, "blob-binary",
                "only .png may be binary; track what it is made from");
        }
    }

    /// <summary>What a verb in scripts must have.</summary>
    public static IEnumerable<Finding> Script(TrackedFile file, SourceFile text)
    {
        if (!IsVerb(file.Path))
        {
            yield break;
        }

        if (!file.IsExecutable)
        {
            yield return new Finding(file.Path, 0, "script-mode", "git update-index --chmod=+x " + file.Path);
        }

        if (!text.Text.StartsWith("#!", StringComparison.Ordinal))
        {
            yield return new Finding(file.Path, 1, "script-shebang", "begin with #!/usr/bin/env bash");
        }

        if (!text.Lines.Any(line => line.Trim() == "set -euo pipefail"))
        {
            yield return new Finding(file.Path, 0, "script-strict",
                "say set -euo pipefail before anything else");
        }

        bool IsHelp(string line) =>
            !line.TrimStart().StartsWith('#') && line.Contains("--help", StringComparison.Ordinal);

        if (!text.Lines.Any(IsHelp))
        {
            yield return new Finding(file.Path, 0, "script-help",
                "answer --help: usage, what it does, each option");
        }
    }

    /// <summary>True for scripts that people call; files in folders below are parts of them.</summary>
    public static bool IsVerb(string path) => path.StartsWith("scripts/", StringComparison.Ordinal)
        && path.Count(c => c == '/') == 1;

    /// <summary>Folders of src without their counterpart in tests.</summary>
    public static IEnumerable<Finding> Mirror(IReadOnlyCollection<string> paths)
    {
        var tested = paths.Where(path => path.StartsWith("tests/", StringComparison.Ordinal))
            .Where(path => path.EndsWith("Tests.cs", StringComparison.Ordinal))
            .Select(path => Path.GetDirectoryName(path)!).ToHashSet();
        return from folder in paths.Where(path => path.StartsWith("src/", StringComparison.Ordinal))
                   .Where(path => path.EndsWith(".cs", StringComparison.Ordinal))
                   .Select(path => Path.GetDirectoryName(path)!).Distinct()
               let parts = folder.Split('/', 3)
               where parts.Length == 3
               let mirror = $"tests/{parts[1]}.Tests/{parts[2]}"
               where !tested.Contains(mirror)
               select new Finding(folder, 0, "test-mirror", $"write tests in {mirror}");
    }
}
