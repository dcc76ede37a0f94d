using LowLatency.Tidy.Tests.Text;
using Xunit;

namespace LowLatency.Tidy.Tests.Rules;

public sealed class DocRulesTests
{
    [Theory]
    [InlineData("namespace N;\n\npublic sealed class A\n{\n}\n", 3)]
    [InlineData("namespace N;\n\n// A is a class.\ninternal struct A\n{\n}\n", 4)]
    [InlineData("namespace N;\n\n/// <remarks>No summary.</remarks>\nrecord struct A(int X)\n{\n}\n", 4)]
    [InlineData("namespace N;\n\ninternal sealed record A(int X, int Y = 1);\n", 3)]
    [InlineData("namespace N\n{\n    [Flags]\n    enum A\n    {\n        X = 1,\n    }\n}\n", 3)]
    public void A_type_of_which_nothing_is_said_is_found(string text, int line)
    {
        Finding finding = Assert.Single(DocRules.Summaries(new SourceFile("src/Control/A.cs", text)));
        Assert.Equal(("A", line), (finding.Item, finding.Line));
    }

    [Theory]
    [InlineData("src/Control/A.cs", "/// <summary>\n/// A.\n/// </summary>\n[Flags]\npublic enum A\n{\n}\n")]
    [InlineData("src/Control/A.cs",
        "/// <summary>A.</summary>\nclass A\n{\n    class Inner\n    {\n    }\n}\n")]
    [InlineData("src/Control/A.cs",
        "/// <summary>A.</summary>\n/// <param name=\"X\">X.</param>\nrecord A(int X);\n")]
    [InlineData("src/Control/A.cs",
        "/// <summary>A.</summary>\nstatic class A\n{\n    static B F() => new();\n}\n")]
    [InlineData("tests/Control.Tests/A.cs", "public sealed class A\n{\n}\n")]
    public void A_type_that_is_explained_is_left_alone(string path, string text) =>
        Assert.Empty(DocRules.Summaries(new SourceFile(path, text)));
}
