using System.Text;
using LowLatency.Control.Configuring;
using LowLatency.Control.Reporting;

namespace LowLatency.Control.Certifying;

/// <summary>SHA-256 of every file of a folder, as <c>sha256sum -c</c> reads it: <c>SHA256SUMS</c>. It shows
/// that files are as they were when it was written; who wrote it, it does not show.</summary>
internal static class HashList
{
    /// <summary>Name of the list; the only file that is not in it.</summary>
    public const string Name = "SHA256SUMS";

    private const int HexChars = 2 * TextHash.Bytes;

    /// <summary>Hashes all files and writes the list.</summary>
    /// <returns>Hash of the list itself: whoever keeps it apart can tell a rewritten list.</returns>
    /// <exception cref="RunFolderException">The host refused.</exception>
    public static string Write(string folder)
    {
        StringBuilder list = new();
        foreach (string path in FilesOf(folder))
        {
            list.Append(TextHash.OfFile(Path.Combine(folder, path))).Append("  ").Append(path).Append('\n');
        }

        string text = list.ToString();
        RunFolder.WriteFile(Path.Combine(folder, Name), Encoding.UTF8.GetBytes(text));
        return TextHash.Of(text);
    }

    /// <summary>Compares the folder with its list.</summary>
    /// <returns>One line a difference, each with the file's name; empty: none.</returns>
    /// <exception cref="RunFolderException">There is no list, or it cannot be read.</exception>
    public static IReadOnlyList<string> Check(string folder)
    {
        List<string> findings = [];
        Dictionary<string, string> wanted = new(StringComparer.Ordinal);
        int number = 0;
        foreach (string line in ReadLines(Path.Combine(folder, Name)))
        {
            number++;
            if (PathOf(line) is not string path || !wanted.TryAdd(path, line[..HexChars]))
            {
                findings.Add($"{Name}:{number}: not a line of a hash list");
            }
        }

        SortedSet<string> there = new(FilesOf(folder), StringComparer.Ordinal);
        foreach ((string path, string hash) in wanted)
        {
            string whole = Path.Combine(folder, path);
            if (!there.Remove(path))
            {
                findings.Add($"{path}: missing");
            }
            else if (new FileInfo(whole).LinkTarget is not null)
            {
                findings.Add($"{path}: is a link");
            }
            else if (TextHash.OfFile(whole) != hash)
            {
                findings.Add($"{path}: changed");
            }
        }

        findings.AddRange(there.Select(path => $"{path}: not in {Name}"));
        return findings;
    }

    /// <summary>Hash of the list as it is now.</summary>
    public static string SealOf(string folder) => TextHash.OfFile(Path.Combine(folder, Name));

    private static IEnumerable<string> FilesOf(string folder) =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(folder, path)).Where(path => path != Name)
            .Order(StringComparer.Ordinal);

    private static string[] ReadLines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RunFolderException($"{path}: cannot be read: name a folder that 'lowlat certify' made",
                isHostFault: false);
        }
    }

    // A path below the folder; null: the line is no line of ours.
    private static string? PathOf(string line)
    {
        if (line.Length <= HexChars + 2 || line[HexChars] != ' ' || line[HexChars + 1] != ' '
            || !line.AsSpan(0, HexChars).TrimStart("0123456789abcdef").IsEmpty)
        {
            return null;
        }

        string path = line[(HexChars + 2)..];
        return path.StartsWith('/') || path.Split('/').Contains("..") ? null : path;
    }
}
