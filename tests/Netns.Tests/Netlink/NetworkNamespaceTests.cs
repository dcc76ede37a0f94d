using LowLatency.Native;
using LowLatency.Native.Netlink;
using Xunit;

namespace LowLatency.Netns.Tests.Netlink;

/// <summary>Entering and leaving a network namespace.</summary>
public sealed class NetworkNamespaceTests
{
    [Fact]
    public void Inside_is_the_other_namespace_and_after_it_is_the_first_again()
    {
        using Lab lab = Lab.Create();
        string before = Current();
        using (NetworkNamespace.Enter(lab.Path))
        {
            Assert.NotEqual(before, Current());
            Assert.NotNull(Find("a0"));
        }

        Assert.Equal(before, Current());
        Assert.Null(Find("a0"));
    }

    [Fact]
    public void An_empty_path_stays()
    {
        string before = Current();
        using (NetworkNamespace.Enter(""))
        {
            Assert.Equal(before, Current());
        }
    }

    [Fact]
    public void A_namespace_that_is_not_there_is_said_so()
    {
        NativeException refused = Assert.Throws<NativeException>(
            () => NetworkNamespace.Enter("/run/netns/llx-none"));
        Assert.Equal(Errno.ENOENT, refused.Errno);
        Assert.Contains("ip netns list", refused.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_no_namespace_is_said_so()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "setns needs root");
        string before = Current();
        NativeException refused = Assert.Throws<NativeException>(
            () => NetworkNamespace.Enter("/proc/self/status"));
        Assert.Equal(Errno.EINVAL, refused.Errno);
        Assert.Equal(before, Current());
    }

    private static string Current() => new FileInfo("/proc/thread-self/ns/net").LinkTarget!;

    private static LinkInfo? Find(string name)
    {
        using RouteNetlink route = RouteNetlink.Open("");
        return route.FindLink(name);
    }
}
