using LowLatency.Control.Certifying;
using LowLatency.Control.Reporting;
using Xunit;

namespace LowLatency.Control.Tests.Certifying;

/// <summary>A folder's list of hashes tells every difference by the file's name.</summary>
public sealed class HashListTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("hashes").FullName;

    public HashListTests()
    {
        Directory.CreateDirectory(At("load"));
        File.WriteAllText(At("a.txt"), "abc");
        File.WriteAllText(At("load/b.json"), "");
        HashList.Write(_folder);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_list_is_what_sha256sum_prints() => Assert.Equal(
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.txt\n"
        + "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  load/b.json\n",
        File.ReadAllText(At(HashList.Name)));

    [Fact]
    public void A_folder_as_it_was_has_no_finding() => Assert.Empty(HashList.Check(_folder));

    [Fact]
    public void Every_difference_is_told_by_name()
    {
        File.WriteAllText(At("a.txt"), "abd");
        File.Delete(At("load/b.json"));
        File.WriteAllText(At("load/c.json"), "");
        Assert.Equal(["a.txt: changed", "load/b.json: missing", $"load/c.json: not in {HashList.Name}"],
            HashList.Check(_folder));
    }

    [Fact]
    public void A_link_to_the_same_bytes_is_told()
    {
        string other = Path.GetTempFileName();
        File.WriteAllText(other, "abc");
        File.Delete(At("a.txt"));
        File.CreateSymbolicLink(At("a.txt"), other);
        Assert.Equal(["a.txt: is a link"], HashList.Check(_folder));
        File.Delete(other);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  ../outside")]
    [InlineData("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  /etc/passwd")]
    [InlineData("BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  x")]
    [InlineData("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.txt")] // a second time
    public void A_line_that_is_none_of_ours_is_told(string line)
    {
        File.AppendAllText(At(HashList.Name), line + "\n");
        Assert.Equal([$"{HashList.Name}:3: not a line of a hash list"], HashList.Check(_folder));
    }

    [Fact]
    public void A_folder_without_a_list_is_refused()
    {
        File.Delete(At(HashList.Name));
        Assert.Throws<RunFolderException>(() => HashList.Check(_folder));
    }

    [Fact]
    public void A_rewritten_list_has_another_seal()
    {
        string seal = HashList.SealOf(_folder);
        File.WriteAllText(At("a.txt"), "abd");
        Assert.NotEqual(seal, HashList.Write(_folder));
        Assert.Empty(HashList.Check(_folder));
    }

    private string At(string path) => Path.Combine(_folder, path);
}
