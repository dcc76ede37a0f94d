using LowLatency.Control.Planning;
using Xunit;

namespace LowLatency.Control.Tests.Planning;

/// <summary>What a plan learns of the cgroup that a configuration names.</summary>
public sealed class CgroupReaderTests : IDisposable
{
    private readonly string _mount = Directory.CreateTempSubdirectory("lowlat-cgroup-").FullName;

    [Fact]
    public void Without_version_2_there_is_no_way_in() =>
        Assert.StartsWith("no cgroup of version 2 is mounted on", Read("0::/").Refusal,
            StringComparison.Ordinal);

    [Fact]
    public void One_that_is_not_there_is_told_with_the_command_that_makes_it()
    {
        Write("cgroup.controllers", "cpuset");
        CgroupFacts facts = Read("0::/");
        Assert.Equal(($"there is no cgroup {_mount}/a/b",
            $"Make it: mkdir {_mount}/a/b; 'lowlat check' judges it."), (facts.Refusal, facts.Remedy));
    }

    [Fact]
    public void One_that_shares_out_controllers_takes_no_process_unless_we_are_below_it_already()
    {
        Write("cgroup.controllers", "cpuset");
        Write("a/b/cgroup.procs", "");
        Write("a/b/cgroup.subtree_control", "cpuset memory");
        Assert.StartsWith($"{_mount}/a/b controls cgroups below it", Read("0::/").Refusal,
            StringComparison.Ordinal);
        CgroupFacts ours = Read("0::/a/b/lowlatd.service");
        Assert.Equal(("", true), (ours.Refusal, ours.IsOurs));
        Assert.False(Read("0::/a/bc").IsOurs);
    }

    [Fact]
    public void Its_CPUs_are_those_in_effect_and_none_where_it_restricts_none()
    {
        Write("cgroup.controllers", "cpuset");
        Write("a/b/cgroup.procs", "");
        Assert.Null(Read("0::/").Cpus);
        Write("a/b/cpuset.cpus.effective", "2-3,7");
        CgroupFacts facts = Read("0::/");
        Assert.Equal(("", $"{_mount}/a/b", false), (facts.Refusal, facts.Path, facts.IsOurs));
        Assert.Equal([2, 3, 7], facts.Cpus!.Cpus);
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_mount, recursive: true);

    private CgroupFacts Read(string own) => CgroupReader.Read(_mount, "a/b", own);

    private void Write(string file, string text)
    {
        string path = Path.Combine(_mount, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text + "\n");
    }
}
