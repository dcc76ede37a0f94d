using LowLatency.Native;
using LowLatency.Native.Netlink;
using Xunit;

namespace LowLatency.Netns.Tests.Netlink;

/// <summary>sysfs of a namespace made by ip-netns(8), read from outside.</summary>
public sealed class NamespaceSysfsTests
{
    [Fact]
    public void It_shows_the_interfaces_of_its_namespace_and_no_others()
    {
        using Lab lab = Lab.Create();
        lab.Ip("link", "set", "a0", "mtu", "1399");
        string[] before = Interfaces("/sys");
        using NamespaceSysfs sysfs = NamespaceSysfs.Open(lab.Path);
        Assert.Equal(["a0", "b0", "lo"], Interfaces(sysfs.RootPath));
        Assert.Equal("1399", File.ReadAllText(sysfs.RootPath + "/class/net/a0/mtu").Trim());
        Assert.Equal(lab.IndexOf("a0"), int.Parse(File.ReadAllText(sysfs.RootPath
            + "/class/net/a0/ifindex")));
        Assert.True(Directory.Exists(sysfs.RootPath + "/class/net/a0/queues/rx-0"));
        Assert.Equal(before, Interfaces("/sys"));
    }

    [Fact]
    public void It_can_be_read_from_any_thread_and_written_by_none()
    {
        using Lab lab = Lab.Create();
        using NamespaceSysfs sysfs = NamespaceSysfs.Open(lab.Path);
        string[] seen = [];
        Thread reader = new(() => seen = Interfaces(sysfs.RootPath));
        reader.Start();
        reader.Join();
        Assert.Contains("a0", seen);
        Assert.ThrowsAny<IOException>(() => File.WriteAllText(sysfs.RootPath + "/class/net/a0/mtu", "1300"));
    }

    [Fact]
    public void No_mount_is_made_that_anyone_can_see_and_nothing_is_left()
    {
        using Lab lab = Lab.Create();
        string mounts = File.ReadAllText("/proc/self/mountinfo");
        string root;
        using (NamespaceSysfs sysfs = NamespaceSysfs.Open(lab.Path))
        {
            root = sysfs.RootPath;
            Assert.Equal(mounts, File.ReadAllText("/proc/self/mountinfo"));
        }

        Assert.False(Directory.Exists(root + "/class/net/a0"));
    }

    [Fact]
    public void Proc_net_of_a_thread_inside_is_the_namespaces()
    {
        using Lab lab = Lab.Create();
        using (NetworkNamespace.Enter(lab.Path))
        {
            Assert.Contains("a0:", File.ReadAllText("/proc/thread-self/net/dev"), StringComparison.Ordinal);
        }

        Assert.DoesNotContain("a0:", File.ReadAllText("/proc/thread-self/net/dev"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_namespace_that_is_not_there_is_said_so() => Assert.Equal(Errno.ENOENT,
        Assert.Throws<NativeException>(() => NamespaceSysfs.Open("/run/netns/llx-none")).Errno);

    private static string[] Interfaces(string root) =>
        [.. Directory.EnumerateFileSystemEntries(root + "/class/net")
            .Select(path => Path.GetFileName(path)!).Order()];
}
