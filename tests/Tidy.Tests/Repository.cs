using System.Diagnostics;
using System.Text;
using LowLatency.Tidy.Tests.Rules;
using LowLatency.Tidy.Tests.Text;
using Xunit;

namespace LowLatency.Tidy.Tests;

/// <summary>The repository these tests were built from: what git tracks, as the work tree has it.</summary>
internal sealed class Repository
{
    private const int GitMsMax = 30_000;

    private Repository(string root, List<TrackedFile> tracked)
    {
        Root = root;
        Tracked = tracked;
        Texts = [.. tracked.Where(file => !file.IsBinary)
            .Select(file => new SourceFile(file.Path, Encoding.UTF8.GetString(file.Bytes)))];
    }

    /// <summary>The folder that holds LowLatency.sln.</summary>
    public string Root { get; }

    /// <summary>Every tracked file.</summary>
    public IReadOnlyList<TrackedFile> Tracked { get; }

    /// <summary>Every tracked text.</summary>
    public IReadOnlyList<SourceFile> Texts { get; }

    /// <summary>Reads the repository.</summary>
    public static Repository Open()
    {
        string root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "LowLatency.sln")))
        {
            root = Path.GetDirectoryName(root)
                ?? throw new InvalidOperationException("not in the repository");
        }

        var tracked = new List<TrackedFile>();
        string rows = Git(root, "ls-files", "--stage", "-z");
        foreach (string row in rows.Split('\0', StringSplitOptions.RemoveEmptyEntries))
        {
            string path = row[(row.IndexOf('\t', StringComparison.Ordinal) + 1)..];
            string full = Path.Combine(root, path);
            if (File.Exists(full))   // else it is on its way out of the index too
            {
                tracked.Add(new TrackedFile(path, row.StartsWith("100755", StringComparison.Ordinal),
                    File.ReadAllBytes(full)));
            }
        }

        return new Repository(root, tracked);
    }

    /// <summary>Everything that is out of order, before exceptions.</summary>
    public IEnumerable<Finding> Findings()
    {
        string[] rings = [.. Texts.SelectMany(TokenRules.MutableRings).Distinct()];
        string[] paths = [.. Tracked.Select(file => file.Path)];
        SourceFile versions = Texts.Single(file => file.Path == "Directory.Packages.props");
        string decisions = Texts.Single(file => file.Path == "DECISIONS.md").Text;
        return
        [
            .. Texts.SelectMany(file => TokenRules.All.SelectMany(ban => ban.Check(file))),
            .. Texts.SelectMany(file => TokenRules.ReadOnlyRings(file, rings)),
            .. Texts.SelectMany(TextRules.Check),
            .. Texts.SelectMany(SizeRules.Width),
            .. Texts.SelectMany(SizeRules.FileLength),
            .. Texts.SelectMany(SizeRules.MethodLength),
            .. Texts.SelectMany(DocRules.Summaries),
            .. Texts.SelectMany(ProjectRules.Check),
            .. ProjectRules.Reasons(versions, decisions),
            .. TreeRules.Top(paths),
            .. Tracked.SelectMany(TreeRules.Blob),
            .. Tracked.Join(Texts, file => file.Path, text => text.Path, TreeRules.Script)
                .SelectMany(found => found),
            .. TreeRules.Mirror(paths),
        ];
    }

    private static string Git(string root, params string[] arguments)
    {
        // The tests may run as another user than the one who checked out.
        string[] all = ["-c", "safe.directory=" + root, "-C", root, .. arguments];
        var start = new ProcessStartInfo("git", all) { RedirectStandardOutput = true };
        using Process git = Process.Start(start)!;
        string output = git.StandardOutput.ReadToEnd();
        Assert.True(git.WaitForExit(GitMsMax) && git.ExitCode == 0, "git " + string.Join(' ', arguments));
        return output;
    }
}
