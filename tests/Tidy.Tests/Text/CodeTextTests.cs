using CsCheck;
using Xunit;

namespace LowLatency.Tidy.Tests.Text;

public sealed class CodeTextTests
{
    [Theory]
    [InlineData("a; // b", "a;     ")]
    [InlineData("a /* b\nc */ d", "a     \n     d")]
    [InlineData("f(\"a // b\"); c", "f(\"      \"); c")]
    [InlineData("f(\"\\\"a\"); c", "f(\"   \"); c")]
    [InlineData("f(@\"a\\\"); c", "f(@\"  \"); c")]
    [InlineData("f(@\"a\"\"b\"); c", "f(@\"    \"); c")]
    [InlineData("f('\"'); c", "f(' '); c")]
    [InlineData("f('\\''); c", "f('  '); c")]
    [InlineData("f(\"\"); c", "f(\"\"); c")]
    [InlineData("$\"a {b + \"c\"} d\"; e", "$\"   b + \" \"   \"; e")]
    [InlineData("$\"a {{b}} {c}\"; d", "$\"         c \"; d")]
    [InlineData("$\"{f(x => { y(); })}\"; d", "$\" f(x => { y(); }) \"; d")]
    [InlineData("\"\"\"a \"b\" c\"\"\"; d", "\"\"\"       \"\"\"; d")]
    [InlineData("$$\"\"\"{a} {{b}}\"\"\"; d", "$$\"\"\"      b  \"\"\"; d")]
    [InlineData("#error don't\na", "#error don' \na")]
    [InlineData("f(\"open\na", "f(\"    \na")]
    public void Only_code_remains_and_it_stays_in_its_place(string text, string code) =>
        Assert.Equal(code, CodeText.Only(text));

    [Fact]
    public void Whatever_the_text_every_line_and_every_column_stays() =>
        Gen.String[Gen.Char["\"'$@{}/*\\\na "], 0, 40]
            .Sample(text =>
            {
                string code = CodeText.Only(text);
                Assert.Equal(text.Length, code.Length);
                Assert.All(text.Zip(code), pair => Assert.True(
                    pair.First == pair.Second || (pair.Second == ' ' && pair.First != '\n')));
            });
}
