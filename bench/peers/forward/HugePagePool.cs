using System.Globalization;

namespace LowLatency.Bench.Forward;

/// <summary>2 MiB pages for testpmd's heap and the UMEMs, and a hugetlbfs of the bench's own; both as found
/// when disposed.</summary>
internal sealed class HugePagePool : IDisposable
{
    private const string CountPath = "/proc/sys/vm/nr_hugepages";
    private readonly string _before;
    private bool _isMounted;

    private HugePagePool(string folder, int wanted)
    {
        Folder = folder;
        _before = File.ReadAllText(CountPath).Trim();
        try
        {
            int missing = wanted - Free();
            if (missing > 0)
            {
                int total = int.Parse(_before, CultureInfo.InvariantCulture) + missing;
                File.WriteAllText(CountPath, total.ToString(CultureInfo.InvariantCulture));
            }

            if (Free() < wanted)
            {
                throw new BenchException($"{wanted} huge pages wanted, the host has {Free()} free");
            }

            Directory.CreateDirectory(folder);
            Tool.Run("mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", folder);
            _isMounted = true;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Where the hugetlbfs is mounted.</summary>
    public string Folder { get; }

    /// <summary>Raises the host's count until this many are free.</summary>
    public static HugePagePool Take(string folder, int wanted) => new(folder, wanted);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isMounted)
        {
            Tool.Run("umount", Folder);
            _isMounted = false;
        }

        File.WriteAllText(CountPath, _before);
    }

    private static int Free()
    {
        string line = File.ReadLines("/proc/meminfo").First(l => l.StartsWith("HugePages_Free:", StringComparison.Ordinal));
        return int.Parse(line.Split(':')[1], CultureInfo.InvariantCulture);
    }
}
