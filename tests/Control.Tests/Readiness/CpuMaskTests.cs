using CsCheck;
using LowLatency.Control.Readiness;
using Xunit;

namespace LowLatency.Control.Tests.Readiness;

public sealed class CpuMaskTests
{
    [Theory]
    [InlineData("", "none")]
    [InlineData("(null)", "none")]
    [InlineData("0\n", "0")]
    [InlineData("0-3,8", "0-3,8")]
    [InlineData("3,2,1", "1-3")]
    [InlineData("8191", "8191")]
    public void A_list_reads_as_the_kernel_prints_it(string text, string set) =>
        Assert.Equal(set, CpuMask.ParseList(text)!.ToString());

    [Theory]
    [InlineData("2-")]
    [InlineData("-2")]
    [InlineData("3-1")]
    [InlineData("1,,2")]
    [InlineData("a")]
    [InlineData("8192")]
    [InlineData("0-4294967295")]
    [InlineData("1 2")]
    public void What_is_no_list_is_refused(string text) => Assert.Null(CpuMask.ParseList(text));

    [Theory]
    [InlineData("0", "none", "0")]
    [InlineData("f", "0-3", "f")]
    [InlineData("33\n", "0-1,4-5", "33")]
    [InlineData("1,00000003", "0-1,32", "1,00000003")]
    [InlineData("00000000,00000001", "0", "1")]
    public void A_mask_reads_and_prints_as_the_kernel_prints_it(string text, string set, string hex)
    {
        CpuMask mask = CpuMask.ParseHex(text)!;
        Assert.Equal((set, hex), (mask.ToString(), mask.ToHex()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("123456789")]
    [InlineData("1,")]
    public void What_is_no_mask_is_refused(string text) => Assert.Null(CpuMask.ParseHex(text));

    [Fact]
    public void Every_set_survives_both_forms() => Gen.Int[0, 300].Array[0, 40].Sample(cpus =>
    {
        CpuMask mask = new(cpus);
        Assert.Equal(mask, CpuMask.ParseHex(mask.ToHex()));
        Assert.Equal(mask, CpuMask.ParseList(mask.IsEmpty ? "" : mask.ToString()));
    });

    [Fact]
    public void No_text_makes_it_throw() => Gen.String.Sample(text =>
    {
        _ = CpuMask.ParseList(text);
        _ = CpuMask.ParseHex(text);
    });
}
