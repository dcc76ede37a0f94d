using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Native.Tests.Layout;

public sealed partial class TextTests
{
    private static readonly string[] Characters = ["a", "é", "€", "😀", "-"]; // 1, 2, 3, 4, 1 bytes

    [Fact]
    public void TextIsCutAtACharacterBorderAndAlwaysEndsWithAZero() =>
        Gen.Select(Gen.Int[0, 4].Array[0, 40], Gen.Int[1, 40]).Sample(
            (picks, bytes) =>
            {
                StringBuilder expected = new();
                int used = 0;
                foreach (string character in picks.Select(p => Characters[p]))
                {
                    used += Encoding.UTF8.GetByteCount(character);
                    if (used > bytes - 1)
                    {
                        break;
                    }

                    expected.Append(character);
                }

                byte[] target = new byte[bytes];
                Array.Fill(target, (byte)'x');
                FixedText.Write(target, string.Concat(picks.Select(p => Characters[p])));
                Assert.Equal(expected.ToString(), FixedText.Read(target));
                int length = Encoding.UTF8.GetByteCount(expected.ToString());
                Assert.All(target[length..], b => Assert.Equal(0, b));
            },
            iter: 20_000);

    [Fact]
    public void TextWithoutAZeroIsReadToItsEnd() => Assert.Equal("abc", FixedText.Read("abc"u8));

    [Fact]
    public void ACpuSetPrintsTheKernelsCpulist() =>
        Gen.Select(Gen.Int[0, 1023], Gen.Int[1, 70]).Array[0, 6].Sample(
            ranges =>
            {
                CpuSet set = default;
                SortedSet<int> naive = [];
                foreach ((int from, int count) in ranges)
                {
                    for (int cpu = from; cpu < Math.Min(from + count, Limits.CpusMax); cpu++)
                    {
                        set.Add(cpu);
                        naive.Add(cpu);
                    }
                }

                string text = set.ToString();
                SortedSet<int> read = [];
                int last = -2;
                foreach (string part in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
                {
                    int[] ends = [.. part.Split('-').Select(int.Parse)];
                    Assert.True(ends[0] > last + 1 && (ends.Length == 1 || ends[1] > ends[0]), text); // joined ranges
                    last = ends[^1];
                    read.UnionWith(Enumerable.Range(ends[0], last - ends[0] + 1));
                }

                Assert.Equal(naive, read);
                Assert.Equal(naive.Count == 0, set.IsEmpty);
                Assert.All(Enumerable.Range(-1, Limits.CpusMax + 2), c => Assert.Equal(naive.Contains(c), set.Contains(c)));
            },
            iter: 300);

    [Fact]
    public void EveryCounterHasOneNameInKebabCase()
    {
        AssertNames(CounterNames.Drops, Enum.GetValues<DropReason>().Select(v => (v.ToString(), (int)v)));
        AssertNames(CounterNames.Regimes, Enum.GetValues<Regime>().Select(v => (v.ToString(), (int)v)));
        AssertNames(CounterNames.Outcomes, Enum.GetValues<XdpOutcome>().Select(v => (v.ToString(), (int)v)));
        string[] fields = [.. typeof(XdpStatistics).GetFields().Select(f => f.Name)];
        AssertNames(CounterNames.XdpStatistics, fields.Select((name, i) => (name, i)));
        Assert.InRange(CounterNames.Drops.Length, 1, DropCounters.Count);
        Assert.InRange(CounterNames.Regimes.Length, 1, RegimeCounters.Count);
        Assert.InRange(CounterNames.Outcomes.Length, 1, OutcomeCounters.Count);
    }

    private static void AssertNames(string[] names, IEnumerable<(string Name, int Value)> members)
    {
        Assert.Equal(names.Length, names.Distinct().Count());
        Assert.All(names, name => Assert.Matches("^[a-z]+(-[a-z]+)*$", name));
        (string Name, int Value)[] all = [.. members];
        Assert.Equal(names.Length, all.Length);
        foreach ((string name, int value) in all)
        {
            Assert.Equal(Humps().Replace(name, "-$1").ToLowerInvariant(), names[value]);
        }
    }

    [GeneratedRegex("(?<!^)([A-Z])")]
    private static partial Regex Humps();
}
