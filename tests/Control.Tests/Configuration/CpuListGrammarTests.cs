using CsCheck;
using LowLatency.Control.Configuring;
using LowLatency.Native;
using Xunit;

namespace LowLatency.Control.Tests.ConfigurationTexts;

/// <summary>The kernel's grammar of CPU lists, with the examples of its own documentation.</summary>
public sealed class CpuListGrammarTests
{
    [Theory]
    [InlineData("0", 7, "0")]
    [InlineData("1,2,10-20", 31, "1,2,10,11,12,13,14,15,16,17,18,19,20")]
    [InlineData("1,2,10-20,100-200:2/25", 255,
        "1,2,10,11,12,13,14,15,16,17,18,19,20,100,101,125,126,150,151,175,176,200")]
    [InlineData("16-N", 31, "16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31")]
    [InlineData("0-8:2/4", 15, "0,1,4,5,8")]
    [InlineData("N", 7, "7")]
    [InlineData("N-N", 7, "7")]
    [InlineData("0-0:N/N", 7, "0")]
    [InlineData("0-N:1/2", 7, "0,2,4,6")]
    [InlineData("4-7:3/N", 7, "4,5,6")]
    [InlineData("all", 3, "0,1,2,3")]
    [InlineData("ALL:1/2", 7, "0,2,4,6")]
    [InlineData("2,aLl", 3, "0,1,2,3")]
    [InlineData("3,1,1-2", 3, "1,2,3")]
    [InlineData("007", 7, "7")]
    [InlineData("0-3:1/4294967295", 7, "0")]
    [InlineData("15-15:31/31", 31, "15")]
    [InlineData("0-3:0/2", 7, "")]
    [InlineData("1,0-7:0/3", 7, "1")]
    [InlineData(" ,, 1 ,3-4,,\n", 7, "1,3,4")]
    public void A_list_is_read_as_the_kernel_reads_it(string text, int last, string cpus) =>
        Assert.Equal(cpus, string.Join(',', CpuListGrammar.Parse(text, last)!));

    [Theory]
    [InlineData("")]
    [InlineData(" , \n")]
    [InlineData("3-1")]
    [InlineData("16-N")] // on a host of four CPUs the range ends before it begins
    [InlineData("0-8:5/4")]
    [InlineData("0-3:5/4")]
    [InlineData("0-3:0/0")]
    [InlineData("0-3:1/0")]
    [InlineData("0-3:1")]
    [InlineData("0-3:1/")]
    [InlineData("0-3:/1")]
    [InlineData("0-3:1/2/3")]
    [InlineData("0-3:1/2:1/2")]
    [InlineData("0-3:a/2")]
    [InlineData("3:1/2")]
    [InlineData("N:1/2")]
    [InlineData("0-1-2")]
    [InlineData("-1")]
    [InlineData("1-")]
    [InlineData("1 - 2")]
    [InlineData("+1")]
    [InlineData("0x1")]
    [InlineData("a")]
    [InlineData("n")]
    [InlineData("al")]
    [InlineData("alll")]
    [InlineData("all-3")]
    [InlineData("0-all")]
    [InlineData("4")]
    [InlineData("0,0-4")]
    [InlineData("4294967295")]
    [InlineData("4294967296")]
    [InlineData("0-99999999999999999999")]
    public void What_the_kernel_refuses_is_no_list(string text) => Assert.Null(CpuListGrammar.Parse(text, 3));

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MinValue)]
    [InlineData(Limits.CpusMax)]
    [InlineData(int.MaxValue)]
    public void A_last_CPU_that_there_cannot_be_makes_no_list(int last)
    {
        Assert.Null(CpuListGrammar.Parse("all", last));
        Assert.Null(CpuListGrammar.Parse("N", last));
        Assert.Null(CpuListGrammar.Parse("0", last));
    }

    [Fact]
    public void No_text_makes_it_throw_or_name_a_CPU_past_the_last() => Gen.Select(
        Gen.String[Gen.Char["0123456789N-,:/al "], 0, 30], Gen.Int[0, Limits.CpusMax - 1]).Sample(
        (text, last) => Assert.All(
            CpuListGrammar.Parse(text, last) ?? [], cpu => Assert.InRange(cpu, 0, last)));

    [Fact]
    public void What_is_kept_of_a_range_is_what_a_count_of_it_says() => Gen.Select(
        Gen.Int[0, 63], Gen.Int[0, 63], Gen.Int[0, 20], Gen.Int[1, 20]).Sample((low, length, used, group) =>
        {
            int high = Math.Min(low + length, 63);
            IEnumerable<int> kept = Enumerable.Range(low, high - low + 1).Chunk(group)
                .SelectMany(cpus => cpus.Take(used));
            IReadOnlyList<int>? read = CpuListGrammar.Parse($"{low}-{high}:{used}/{group}", 63);
            Assert.Equal(used <= group ? kept : null, read);
        });

    [Fact]
    public void A_list_that_depends_on_the_host_keeps_its_words_until_there_is_one()
    {
        CpuList list = Quantities.Cpus("0,4-N")!;
        Assert.True(list.IsSymbolic);
        Assert.Equal(("0,4-N", 0), (list.ToString(), list.Cpus.Count));
        Assert.Equal([0, 4, 5], list.Resolve(5));
        Assert.Empty(list.Resolve(2));
        Assert.Equal([0, 4, 5, 9], Quantities.Cpus("0,9,4-N")!.Resolve(5));
        Assert.Equal([0, 2], Quantities.Cpus("all:1/2")!.Resolve(3));
        Assert.Equal([0, 1], Quantities.Cpus("ALL")!.Resolve(1));
        Assert.Equal([0, 2], Quantities.Cpus("0,2")!.Resolve(1));
    }
}
