using LowLatency.Native.Host;
using Xunit;

namespace LowLatency.Native.Tests.Host;

public sealed class FileIdentityTests
{
    [Theory]
    [InlineData("/", "directory")]
    [InlineData("/dev/null", "other")]
    [InlineData("/proc/self/exe", "file")]
    public void A_path_is_what_it_is(string path, string kind) => Assert.Equal(kind, FileIdentity.Of(path).Kind);

    [Fact]
    public void The_device_under_a_directory_is_that_of_the_mount_table()
    {
        // mountinfo(5): the third word is st_dev of what lies on the mount; the last mount on a path counts.
        string[] root = File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' '))
            .Last(words => words[4] == "/");
        FileIdentity identity = FileIdentity.Of("/");
        Assert.Equal(root[2], $"{identity.Major}:{identity.Minor}");
        Assert.Equal($"directory {root[2]}", identity.ToString());
    }

    [Fact]
    public void What_is_not_there_is_an_error_that_names_it() => Assert.Equal(Errno.ENOENT,
        Assert.Throws<NativeException>(() => FileIdentity.Of("/nowhere/at/all")).Errno);
}
