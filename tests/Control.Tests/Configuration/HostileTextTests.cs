using System.Text;
using CsCheck;
using LowLatency.Control.Configuring;
using LowLatency.Control.Planning;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Control.Tests.ConfigurationTexts;

/// <summary>Whatever the text, the reader answers with errors and the planner with a plan or errors: neither
/// throws.</summary>
public sealed class HostileTextTests
{
    private static readonly string[] Files = Directory.GetFiles(ConfigsFolder(), "*.toml");

    // Bytes that mean something to TOML or to our grammars, so that mutants get past the first token.
    private static readonly byte[] Telling = Encoding.UTF8.GetBytes("[]{}=\"'.,#\n\\-+:/_09aeuT\0\t\uFEFF");

    private static readonly string[] Values =
    [
        "0", "-1", "1e308", "nan", "true", "\"\"", "\"0\"", "[]", "[[]]", "{}", "9223372036854775807",
        "1979-05-27", "\"999999999999999min\"", "\"60:1,60:1\"", "\"0-1023:1/2\"", "\"::/0\"",
        "\"all\"", "\"N-N\"", "\"own\"", "\"1048577TiB\"", "\"9999-99-99\"",
        "[\"a\", \"a\"]", "\"a\"", "0.000000001", "\"ff:ff:ff:ff:ff:ff\"",
    ];

    private static readonly Gen<(int Kind, int At, int Value)> Mutation =
        Gen.Select(Gen.Int[0, 2], Gen.Int[0, int.MaxValue], Gen.Int[0, Telling.Length - 1]);

    [Theory]
    [InlineData("[", 64)]
    [InlineData("[\n", 80)] // the 64th bracket is at fault: the document is a level of the 64, too
    [InlineData("[", 100_000)]
    [InlineData("{a=", 100_000)]
    public void Text_nested_too_deep_is_one_error_with_its_place(string opening, int times)
    {
        string text = "name = \"x\"\nb = " + string.Concat(Enumerable.Repeat(opening, times));
        ConfigurationError error = Assert.Single(ConfigurationReader.ReadText(text, "f.toml").Errors);
        int line = opening.EndsWith('\n') ? 65 : 2;
        Assert.Equal($"f.toml:{line}:1: TOML: arrays and tables are nested too deep. "
            + "No key takes more than a list of tables.", error.ToString());
    }

    [Fact]
    public void The_deepest_text_the_parser_takes_is_judged_by_what_it_says()
    {
        string text = "name = \"x\"\nb = " + new string('[', 63) + new string(']', 63);
        Assert.Contains(ConfigurationReader.ReadText(text, "f.toml").Errors,
            error => error.Place.Key == "b"
                && error.Rule.StartsWith("no such key", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("name = \"x\"\nb = \"a\\", 2)] // cut behind a backslash
    [InlineData("name = \"a\\", 1)]
    [InlineData("name = \"x\"\nb = \"\\uD800\"\nc = 1", 2)] // half of a character
    public void An_escape_without_a_character_is_an_error_with_its_line(string text, int line)
    {
        IReadOnlyList<ConfigurationError> errors = ConfigurationReader.ReadText(text, "f.toml").Errors;
        Assert.NotEmpty(errors);
        Assert.StartsWith($"f.toml:{line}:", errors[0].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Any_bytes_are_errors_and_never_an_exception() =>
        Gen.Byte.Array[0, 200].Sample(bytes => Survives(Encoding.UTF8.GetString(bytes)), iter: 5_000);

    [Fact]
    public void Our_own_files_with_bytes_changed_never_raise_an_exception() =>
        Gen.Select(Gen.Int[0, Files.Length - 1], Mutation.Array[1, 6]).Sample(
            (file, mutations) => Survives(Mutate(File.ReadAllBytes(Files[file]), mutations)), iter: 5_000);

    [Fact]
    public void Our_own_files_with_values_changed_never_raise_an_exception() =>
        Gen.Select(
            Gen.Int[0, Files.Length - 1], Gen.Int[0, int.MaxValue], Gen.Int[0, Values.Length - 1]).Sample(
            (file, line, value) => Survives(WithValue(File.ReadAllText(Files[file]), line, Values[value])),
            iter: 5_000);

    private static void Survives(string text)
    {
        ConfigurationResult read = ConfigurationReader.ReadText(text, "f.toml");
        Assert.Equal(read.Configuration == null, read.Errors.Count > 0);
        Assert.All(read.Errors, error => Assert.DoesNotContain('\n', error.ToString()));
        if (read.Configuration == null)
        {
            return;
        }

        HostFacts facts = FactsFor(read.Configuration);
        foreach (PlanResult result in (PlanResult[])
            [
                Planner.PlanForward(read.Configuration, facts),
                Planner.PlanLoad(read.Configuration, facts, LoadOverrides.None),
            ])
        {
            Assert.Equal(result.Plan == null, result.Errors.Count > 0);
            if (result.Plan != null)
            {
                Assert.True(PlanImage.Parse(result.Plan.Bytes).Bytes.SequenceEqual(result.Plan.Bytes));
                PlanLoad load = result.Plan.Header.Load;
                for (int i = 0; i < load.PathCount; i++)
                {
                    Assert.True(
                        load.Paths[i].SliceNs > 0, $"path {i} has no time: lowlatd refuses this plan");
                }
            }
        }
    }

    // A host on which every interface of the file is there.
    private static HostFacts FactsFor(Configuration configuration) => new()
    {
        OnlineCpus = [0, 1, 2, 3],
        RtRuntimeUs = -1,
        RtPeriodUs = 1_000_000,
        MemAvailableBytes = 8L << 30,
        HugePagesFree = 1024,
        Namespaces = [.. configuration.NetnsPaths.Select(path => new NamespaceFacts(path, "",
            [.. configuration.Ports.Where(port => port.Netns == path)
                .Select(port => port.Interface).Distinct()
                .Select((name, i) => new InterfaceFacts
                {
                    Index = i + 1, Name = name, Mac = (ulong)i + 1, MtuBytes = 1500, RxQueues = 4,
                    TxQueues = 4,
                })]))],
    };

    private static string Mutate(byte[] bytes, (int Kind, int At, int Value)[] mutations)
    {
        List<byte> text = [.. bytes];
        foreach ((int kind, int at, int telling) in mutations)
        {
            byte value = Telling[telling];
            int index = at % text.Count;
            switch (kind)
            {
                case 0:
                    text[index] = value;
                    break;
                case 1:
                    text.Insert(index, value);
                    break;
                default:
                    text.RemoveAt(index);
                    break;
            }
        }

        return Encoding.UTF8.GetString([.. text]);
    }

    private static string WithValue(string text, int which, string value)
    {
        string[] lines = text.Split('\n');
        int[] pairs = [.. Enumerable.Range(0, lines.Length).Where(
            i => lines[i].Contains(" = ", StringComparison.Ordinal) && !lines[i].StartsWith('#'))];
        int line = pairs[which % pairs.Length];
        lines[line] = lines[line][..lines[line].IndexOf(" = ", StringComparison.Ordinal)] + " = " + value;
        return string.Join('\n', lines);
    }

    private static string ConfigsFolder()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder != null && !File.Exists(Path.Combine(folder, "LowLatency.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return Path.Combine(folder ?? "", "configs");
    }
}
