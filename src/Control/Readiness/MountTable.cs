using System.Globalization;

namespace LowLatency.Control.Readiness;

/// <summary>One mount of /proc/PID/mountinfo.</summary>
/// <param name="Device">major:minor of what is mounted.</param>
/// <param name="Point">Where.</param>
/// <param name="Type">Type of the file system.</param>
/// <param name="Options">Options of the mount and of the file system.</param>
internal sealed record MountRow(string Device, string Point, string Type, IReadOnlyList<string> Options);

/// <summary>/proc/PID/mountinfo (proc_pid_mountinfo(5)). Pure.</summary>
internal static class MountTable
{
    /// <summary>Reads a table.</summary>
    /// <param name="source">For the message.</param>
    /// <param name="lines">The lines.</param>
    /// <exception cref="NotReadException">It has not this shape.</exception>
    public static IReadOnlyList<MountRow> Parse(string source, IEnumerable<string> lines) =>
        [.. lines.Select(line => Row(source, line))];

    /// <summary>The mount of a device under which a path lies; of a device seen elsewhere only, its first.
    /// Null: none.</summary>
    public static MountRow? Find(IReadOnlyList<MountRow> mounts, string device, string path) =>
        mounts.LastOrDefault(mount => mount.Device == device && IsUnder(path, mount.Point)
            && !mounts.Any(other => other.Device == device && IsUnder(path, other.Point)
                && other.Point.Length > mount.Point.Length))
        ?? mounts.FirstOrDefault(mount => mount.Device == device);

    private static bool IsUnder(string path, string point) => point == "/" || path == point
        || path.StartsWith(point + "/", StringComparison.Ordinal);

    // "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue"
    private static MountRow Row(string source, string line)
    {
        string[] words = line.Split(' ');
        int dash = Array.IndexOf(words, "-");
        return dash >= 6 && words.Length > dash + 3 && words[2].Contains(':', StringComparison.Ordinal)
            && int.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out _)
            ? new MountRow(words[2], words[4], words[dash + 1],
                [.. words[5].Split(','), .. words[^1].Split(',')])
            : throw new NotReadException($"{source}: '{Facts.Short(line)}' is no mount");
    }
}
