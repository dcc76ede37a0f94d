using CsCheck;
using LowLatency.Control.Readiness;
using Xunit;

namespace LowLatency.Control.Tests.Readiness;

public sealed class BootFilesTests
{
    [Theory]
    [InlineData("GRUB_CMDLINE_LINUX=\"a=1 b\"\n#GRUB_CMDLINE_LINUX=c\n", "a=1 b")]
    [InlineData("GRUB_CMDLINE_LINUX='a' # a remark\n", "a")]
    [InlineData("GRUB_CMDLINE_LINUX=a\nGRUB_CMDLINE_LINUX=b\n", "b")]
    [InlineData("GRUB_CMDLINE_LINUX=a\nGRUB_CMDLINE_LINUX+=\" b\"\n", "a b")]
    [InlineData("X=2-3\nGRUB_CMDLINE_LINUX=\"a=${X} b=$X $Y\"\n", "a=2-3 b=2-3")]
    [InlineData("GRUB_CMDLINE_LINUX_DEFAULT=quiet\nGRUB_CMDLINE_LINUX=a\n", "a quiet")]
    [InlineData("GRUB_CMDLINE_LINUX=\"a=\\\"x y\\\"\"\n", "a=\"x y\"")]
    [InlineData("GRUB_TIMEOUT=5\n", "")]
    public void Settings_of_grub_are_read_as_the_shell_reads_them(string text, string line) =>
        Assert.Equal(line, BootFiles.OfSettings([text]).Trim());

    [Fact]
    public void Later_settings_build_on_earlier_files() => Assert.Equal("a b", BootFiles.OfSettings(
        ["GRUB_CMDLINE_LINUX=a\n", "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX b\"\n"]).Trim());

    [Fact]
    public void The_first_entry_of_grub_is_what_boots() => Assert.Equal("ro a=1 b", BootFiles.OfGrub(
        "set extra=\"b\"\n#\tlinux /no\nmenuentry 'x' {\n\tlinux\t/vmlinuz ro $tuned $extra\n}\n"
        + "menuentry 'y' {\n\tlinux /old c\n}\n", "tuned=a=1\n"));

    [Fact]
    public void A_grub_without_entries_says_nothing() =>
        Assert.Null(BootFiles.OfGrub("set timeout=5\nblscfg\n", ""));

    [Fact]
    public void Options_of_an_entry_add_up() => Assert.Equal("ro a b=1", BootFiles.OfEntry(
        "title Linux\n# options c\noptions ro\noptions\ta $kernelopts\n", "kernelopts=b=1\n"));

    [Fact]
    public void No_file_makes_them_throw() => Gen.Select(Gen.String, Gen.String).Sample((text, environment) =>
    {
        _ = BootFiles.OfSettings([text, "A=" + environment]);
        _ = BootFiles.OfGrub("set " + text, environment) ?? BootFiles.OfGrub("linux x " + text, environment);
        _ = BootFiles.OfEntry("options " + text, environment) + BootFiles.OfPlain(text);
    });
}
