using System.Globalization;
using LowLatency.Control.Measuring;

namespace LowLatency.Control.Explaining;

/// <summary>Counters of some CPUs that move where no event tells: time stolen by a hypervisor, thermal
/// throttling; and those that say at least which class moved. Read from the housekeeping CPUs; files that are
/// not there count nothing. One thread.</summary>
/// <param name="cpus">Measured.</param>
internal sealed class CpuCounters(IReadOnlyList<int> cpus)
{
    private const long EveryNs = 100_000_000;
    private const int WindowsMax = 256;
    private const int StealColumn = 8; // proc_stat(5): cpuN user nice system idle iowait irq softirq steal
    private readonly Queue<(int Cpu, long FromNs, long ToNs, bool IsSteal)> _moved = new();
    private readonly Dictionary<int, long> _steal = [];
    private readonly Dictionary<int, long> _throttle = [];
    private readonly Dictionary<(int Cpu, string Name), long> _first = ReadInterrupts(cpus);
    private long _readNs;
    private bool _hasThrottle;

    /// <summary>Reads, when it is time.</summary>
    public void Read()
    {
        long nowNs = MeasurementSession.NowNs;
        if (nowNs - _readNs < EveryNs)
        {
            return;
        }

        foreach (string line in Lines("/proc/stat"))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length > StealColumn && CpuOf(words[0]) is { } cpu && cpus.Contains(cpu))
            {
                Note(_steal, cpu, words[StealColumn], nowNs, isSteal: true);
            }
        }

        foreach (int cpu in cpus)
        {
            string folder = $"/sys/devices/system/cpu/cpu{cpu}/thermal_throttle/";
            foreach (string text in Lines(folder + "core_throttle_count"))
            {
                _hasThrottle = true;
                Note(_throttle, cpu, text, nowNs, isSteal: false);
            }
        }

        _readNs = nowNs;
    }

    /// <summary>True when the hypervisor took time from a CPU around then.</summary>
    public bool StealMoved(int cpu, long startNs, long endNs) => Moved(cpu, startNs, endNs, isSteal: true);

    /// <summary>True when a CPU was throttled around then.</summary>
    public bool ThrottleMoved(int cpu, long startNs, long endNs) =>
        Moved(cpu, startNs, endNs, isSteal: false);

    /// <summary>What these counters cannot say here.</summary>
    public IEnumerable<string> Notes()
    {
        bool isGuest = Lines("/proc/cpuinfo").Any(line => line.StartsWith("flags", StringComparison.Ordinal)
            && line.Contains(" hypervisor", StringComparison.Ordinal));
        if (isGuest && _steal.Values.All(ticks => ticks == 0))
        {
            yield return "this is a guest whose hypervisor tells of no stolen time: what it takes is "
                + "'unattributed', or 'machine-wide' where several CPUs are measured";
        }

        if (!isGuest && !_hasThrottle)
        {
            yield return "this host counts no thermal throttling";
        }
    }

    /// <summary>Which interrupts and softirqs of the CPUs moved: all that is known without tracing.</summary>
    public IEnumerable<string> Moved()
    {
        foreach (IGrouping<int, (int Cpu, string Name, long Delta)> group in ReadInterrupts(cpus)
            .Select(now => (now.Key.Cpu, now.Key.Name, Delta: now.Value - _first.GetValueOrDefault(now.Key)))
            .Where(row => row.Delta > 0).GroupBy(row => row.Cpu))
        {
            string rows = string.Join(", ", group.OrderByDescending(row => row.Delta).Take(8)
                .Select(row => string.Create(CultureInfo.InvariantCulture, $"{row.Name} +{row.Delta}")));
            yield return $"on CPU {group.Key} moved: {rows}";
        }
    }

    private static Dictionary<(int Cpu, string Name), long> ReadInterrupts(IReadOnlyList<int> cpus)
    {
        Dictionary<(int, string), long> counts = [];
        foreach (string file in new[] { "/proc/interrupts", "/proc/softirqs" })
        {
            int[] columns = [];
            foreach (string line in Lines(file))
            {
                string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (columns.Length == 0)
                {
                    columns = [.. words.Select(word => CpuOf(word.ToLowerInvariant()) ?? -1)];
                    continue;
                }

                for (int i = 0; i < columns.Length && i + 1 < words.Length; i++)
                {
                    if (cpus.Contains(columns[i])
                        && long.TryParse(words[i + 1], CultureInfo.InvariantCulture, out long count))
                    {
                        string name = words[0].TrimEnd(':');
                        bool isNumber = char.IsAsciiDigit(name[0]) && words.Length > columns.Length + 1;
                        counts[(columns[i], isNumber ? words[^1] : name)] = count;
                    }
                }
            }
        }

        return counts;
    }

    private static int? CpuOf(string word) => word.StartsWith("cpu", StringComparison.Ordinal)
        && int.TryParse(word[3..], CultureInfo.InvariantCulture, out int cpu) ? cpu : null;

    private static string[] Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private bool Moved(int cpu, long startNs, long endNs, bool isSteal) => _moved.Any(window =>
        window.Cpu == cpu && window.IsSteal == isSteal && window.FromNs <= endNs && window.ToNs >= startNs);

    private void Note(Dictionary<int, long> last, int cpu, string text, long nowNs, bool isSteal)
    {
        if (!long.TryParse(text, CultureInfo.InvariantCulture, out long count))
        {
            return;
        }

        if (last.TryGetValue(cpu, out long before) && count > before)
        {
            _moved.Enqueue((cpu, _readNs, nowNs, isSteal));
            if (_moved.Count > WindowsMax)
            {
                _moved.Dequeue();
            }
        }

        last[cpu] = count;
    }
}
