using System.Text;
using CsCheck;
using LowLatency.Control.Configuring;
using LowLatency.Control.Planning;
using LowLatency.Control.Tests.Planning;
using Xunit;

namespace LowLatency.Control.Tests.ConfigurationTexts;

/// <summary>The table of keys, and reading whatever bytes come.</summary>
public sealed class SchemaTests
{
    private static readonly string LabText = File.ReadAllText(
        Path.Combine(GoldenFile.Root, "configs", "lab.toml"));

    [Fact]
    public void The_list_of_keys_is_as_reviewed()
    {
        StringBuilder list = new();
        Write(list, Schema.Root);
        GoldenFile.Check("configuration-keys.txt", list.ToString());
    }

    [Fact]
    public void Every_example_and_default_is_a_value_of_its_own_type()
    {
        List<string> bad = [];
        int seen = 0;
        foreach ((TableRow table, OptionRow option) in Options(Schema.Root))
        {
            TomlTable? tree = TomlTree.Read($"\"{option.Key}\" = {option.Type.Example}", "x", []);
            List<ConfigurationError> errors = [];
            object value = option.Type.Read(tree!.Entries[option.Key], errors);
            bool isDefaultGood = option.Default == null || option.Default.GetType() == value.GetType();
            if (errors.Count > 0 || !isDefaultGood || value.GetType() != option.Type.Empty.GetType())
            {
                bad.Add($"{table.Path}.{option.Key}: {value.GetType()}, {option.Type.Empty.GetType()}");
            }

            seen++;
        }

        Assert.True(seen > 70);
        Assert.Empty(bad);
    }

    [Fact]
    public void Any_bytes_give_a_configuration_or_errors_and_never_throw() =>
        Gen.Byte.Array[0, 200].Sample(bytes => Survives(Encoding.UTF8.GetString(bytes)), iter: 5_000);

    [Fact]
    public void Any_soup_of_TOML_gives_a_configuration_or_errors_and_never_throws()
    {
        string[] words =
        [
            "[", "]", "[[", "]]", "{", "}", "=", ",", ".", "\n", "\"", "'", "\"\"\"", "#", " ", "-", "1",
                "0x", "1e9",
            "nan", "inf", "true", "1979-05-27", "name", "port", "lane", "stage", "rule", "load", "through",
                "slo",
            "host", "objective", "waiver", "check", "disk", "expect", "firmware",
            "cpu", "ports", "kind", "\"a\"", "\"10s\"", "\"p99.9\"", "\\u0000", "\u00e9", "\ud800",
        ];
        Gen.Int[0, words.Length - 1].Select(i => words[i]).Array[0, 40]
            .Sample(parts => Survives(string.Concat(parts)), iter: 20_000);
    }

    [Fact]
    public void Any_damage_to_the_lab_s_file_gives_a_plan_or_errors_and_never_throws() =>
        Gen.Select(Gen.Int[0, LabText.Length - 1], Gen.Int[0, 30], Gen.Char[(char)9, (char)126].Array[0, 6])
            .Array[1, 3]
            .Sample(
                changes =>
                {
                    string text = LabText;
                    foreach ((int at, int cut, char[] put) in changes)
                    {
                        int start = Math.Min(at, text.Length);
                        int end = Math.Min(start + cut, text.Length);
                        text = string.Concat(text.AsSpan(0, start), put, text.AsSpan(end));
                    }

                    Survives(text);
                },
                iter: 5_000);

    [Fact]
    public void Any_line_of_the_lab_s_file_may_be_missing()
    {
        string[] lines = LabText.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            Survives(string.Join('\n', lines.Where((_, line) => line != i)));
        }
    }

    private static void Survives(string text)
    {
        ConfigurationResult result = ConfigurationReader.ReadText(text, "t.toml");
        Assert.Equal(result.Errors.Count == 0, result.Configuration != null);
        Assert.All(result.Errors, error => Assert.DoesNotContain('\n', error.ToString()));
        if (result.Configuration is { } configuration)
        {
            PlanResult forward = Planner.PlanForward(configuration, Sample.Lab);
            PlanResult load = Planner.PlanLoad(configuration, Sample.Lab, LoadOverrides.None);
            Assert.Equal(forward.Errors.Count == 0, forward.Plan != null);
            Assert.Equal(load.Errors.Count == 0, load.Plan != null);
        }
    }

    private static IEnumerable<(TableRow Table, OptionRow Option)> Options(TableRow table) =>
        table.Options.Select(option => (table, option)).Concat(table.Tables.SelectMany(Options));

    private static void Write(StringBuilder list, TableRow table)
    {
        list.Append(table.Path.Length == 0 ? "the top of the file" : table.Header).Append('\n');
        foreach (OptionRow option in table.Options)
        {
            string need = option.IsRequired ? "required" : option.Default switch
            {
                null => "optional",
                bool flag => flag ? "default true" : "default false",
                string { Length: 0 } => "default empty",
                object value => $"default {value}",
            };
            list.Append($"  {option.Key}: {option.Type.Rule}; {need}; {option.Help}\n");
        }

        foreach (TableRow inner in table.Tables)
        {
            Write(list, inner);
        }
    }
}
