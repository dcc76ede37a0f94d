using System.Globalization;

namespace LowLatency.Control.Explaining;

/// <summary>Names of threads, and which of them are ours. One thread.</summary>
/// <param name="ownPids">Processes of ours.</param>
/// <param name="lanes">Threads of lanes: not ours in this sense.</param>
internal sealed class ThreadNames(IReadOnlyList<int> ownPids, IReadOnlyList<int> lanes)
{
    private readonly Dictionary<int, string?> _own = [];
    private readonly Dictionary<int, string> _names = [];

    /// <summary>Learns a name from the kernel's own telling.</summary>
    public void Learn(int tid, string name) => _names[tid] = name;

    /// <summary>"name/tid".</summary>
    public string Of(int tid)
    {
        if (tid == 0)
        {
            return "the idle task"; // every CPU's own
        }

        if (!_names.TryGetValue(tid, out string? name))
        {
            name = _names[tid] = ReadName($"/proc/{tid}/comm") ?? "a thread that ended";
        }

        return string.Create(CultureInfo.InvariantCulture, $"{name}/{tid}");
    }

    /// <summary>Name of a thread of ours that is no lane; null: it is someone else's.</summary>
    public string? OwnName(int tid)
    {
        if (!_own.TryGetValue(tid, out string? name))
        {
            if (!lanes.Contains(tid))
            {
                foreach (int pid in ownPids)
                {
                    name ??= ReadName($"/proc/{pid}/task/{tid}/comm") is { } thread
                        ? $"{ReadName($"/proc/{pid}/comm")} ({thread})" : null;
                }
            }

            _own[tid] = name;
        }

        return name;
    }

    private static string? ReadName(string path)
    {
        try
        {
            return File.ReadAllText(path).TrimEnd('\n');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
