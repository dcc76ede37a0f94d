using LowLatency.Control.Configuring;

namespace LowLatency.Control.Planning;

/// <summary>Reads the cgroup that a configuration names. Cgroup files are those of version 2 (Linux
/// Documentation/admin-guide/cgroup-v2.rst).</summary>
internal static class CgroupReader
{
    /// <summary>Reads one.</summary>
    /// <param name="mount">Where version 2 is mounted.</param>
    /// <param name="slice">Path below it.</param>
    /// <param name="own">First line of /proc/self/cgroup: <c>0::/PATH</c>.</param>
    public static CgroupFacts Read(string mount, string slice, string own)
    {
        string name = "/" + slice.Trim('/');
        string path = mount + name;
        bool isOurs = own == "0::" + name || own.StartsWith($"0::{name}/", StringComparison.Ordinal);
        CgroupFacts Refused(string why, string remedy) => new(path, why, remedy, null, false);
        if (!File.Exists(mount + "/cgroup.controllers"))
        {
            return Refused($"no cgroup of version 2 is mounted on {mount}",
                "Leave it out, or boot with cgroups of version 2 alone.");
        }

        if (!File.Exists(path + "/cgroup.procs"))
        {
            return Refused($"there is no cgroup {path}", $"Make it: mkdir {path}; 'lowlat check' judges it.");
        }

        // "No internal process constraint": only the root may have both processes and controlled children.
        if (!isOurs && First(path + "/cgroup.subtree_control").Length > 0)
        {
            return Refused($"{path} controls cgroups below it, so that the kernel lets no process in",
                "Name one of those.");
        }

        return new CgroupFacts(path, "", "", Quantities.Cpus(First(path + "/cpuset.cpus.effective")), isOurs);
    }

    private static string First(string path)
    {
        try
        {
            return File.ReadLines(path).FirstOrDefault("");
        }
        catch (IOException)
        {
            return "";
        }
    }
}
