using LowLatency.Tidy.Tests.Text;
using Xunit;

namespace LowLatency.Tidy.Tests.Rules;

public sealed class SizeRulesTests
{
    [Theory]
    [InlineData("src/A.cs", 110, 0)]
    [InlineData("src/A.cs", 111, 1)]
    [InlineData("xdp/a.bpf.c", 111, 1)]
    [InlineData("xdp/a.h", 111, 1)]
    [InlineData("configs/a.toml", 120, 0)]
    [InlineData("configs/a.toml", 121, 1)]
    [InlineData("README.md", 500, 0)]
    public void A_line_has_as_many_columns_as_its_kind_of_file_allows(string path, int columns, int found) =>
        Assert.Equal(found, SizeRules.Width(new SourceFile(path, "a\n" + new string('x', columns)
            + "\n")).Count());

    [Theory]
    [InlineData("\t", 106, 0)]
    [InlineData("\t", 107, 1)]
    [InlineData("x\t", 107, 1)]
    [InlineData("", 110, 0)]
    public void A_tab_reaches_to_the_next_fourth_column(string start, int more, int found) =>
        Assert.Equal(found, SizeRules.Width(new SourceFile("a.c", start + new string('x', more))).Count());

    [Fact]
    public void A_character_is_one_column_however_many_bytes_it_takes() =>
        Assert.Empty(SizeRules.Width(new SourceFile("a.cs", string.Concat(Enumerable.Repeat("\U0001F600",
            110)))));

    [Theory]
    [InlineData("src/A.cs", 400, "")]
    [InlineData("src/A.cs", 401, "file-length")]
    [InlineData("src/A.cs", 600, "file-length")]
    [InlineData("src/A.cs", 601, "file-length-hard")]
    [InlineData("scripts/run", 401, "file-length")]
    [InlineData("tests/Golden/layout.txt", 1000, "")]
    public void A_file_has_as_many_lines_as_one_noun_needs(string path, int lines, string rule)
    {
        string text = string.Concat(Enumerable.Repeat("x\n", lines));
        Assert.Equal(rule, string.Concat(SizeRules.FileLength(new SourceFile(path, text)).Select(f =>
            f.Rule)));
    }

    [Theory]
    [InlineData("src/A.cs",
        "class A\n{\n    /// <summary>F.</summary>\n    public int F<T>(int x) where T : struct", 4)]
    [InlineData("src/A.cs", "class A\n{\n    int F =>\n        x switch", 3)]
    [InlineData("src/A.cs", "namespace N\n{\nclass A\n{\n    A F(int x = 1)", 5)]
    [InlineData("xdp/a.c", "struct b *F(int x)", 1)]
    public void A_long_method_is_found_by_its_name_and_length(string path, string head, int line)
    {
        int headLines = head.Count(c => c == '\n') + 1 - (line - 1);
        string Text(int length) =>
            head + "\n{\n" + string.Concat(Enumerable.Repeat("    { x(); }\n", length - headLines - 2))
                + "}\n";

        Assert.Empty(SizeRules.MethodLength(new SourceFile(path, Text(70))));
        Finding finding = Assert.Single(SizeRules.MethodLength(new SourceFile(path, Text(71))));
        Assert.Equal(("F", 71, line), (finding.Item, finding.Amount, finding.Line));
    }

    [Fact]
    public void A_long_type_or_a_long_table_is_no_long_method()
    {
        string rows = string.Concat(Enumerable.Repeat("        new(1) { X = 2 },\n", 80));
        string small = string.Concat(Enumerable.Repeat("    void F()\n    {\n    }\n\n", 40));
        string text = "class A(int x) : B(x)\n{\n    static readonly B[] All =\n    [\n" + rows + "    ];\n\n"
            + "    static readonly C Map = new()\n    {\n" + rows + "    };\n\n" + small + "}\n";
        Assert.Empty(SizeRules.MethodLength(new SourceFile("src/A.cs", text)));
    }
}
