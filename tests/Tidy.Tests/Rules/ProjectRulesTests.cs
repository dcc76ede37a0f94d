using LowLatency.Tidy.Tests.Text;
using Xunit;

namespace LowLatency.Tidy.Tests.Rules;

public sealed class ProjectRulesTests
{
    private const string ToNative = "<ProjectReference Include=\"../Native/Native.csproj\" />";

    [Theory]
    [InlineData("src/Native/Native.csproj", "<ProjectReference Include=\"../Control/Control.csproj\" />",
        "project-arrows")]
    [InlineData("src/Dataplane/Dataplane.csproj", "", "project-arrows")]
    [InlineData("src/Control/Control.csproj",
        ToNative + "<ProjectReference Include=\"..\\Dataplane\\Dataplane.csproj\" />", "project-arrows")]
    [InlineData("src/Control/Control.csproj", ToNative + ToNative, "project-arrows")]
    [InlineData("src/Common/Common.csproj", "", "project-arrows")]
    [InlineData("tests/Control.Tests/Control.Tests.csproj", "<AllowUnsafeBlocks>true</AllowUnsafeBlocks>",
        "unsafe-project")]
    [InlineData("Directory.Build.props", "<AllowUnsafeBlocks>true</AllowUnsafeBlocks>", "unsafe-project")]
    [InlineData("src/Control/Control.csproj",
        ToNative + "<PackageReference Include=\"Tomlyn\" Version=\"1.0\" />", "package-version")]
    [InlineData("tests/A.Tests/A.Tests.csproj",
        "<PackageReference Include=\"A\"><Version>1.0</Version></PackageReference>", "package-version")]
    [InlineData("tests/A.Tests/A.Tests.csproj",
        "<PackageReference Include=\"A\" VersionOverride=\"1.0\" />", "package-version")]
    [InlineData("Directory.Build.targets", "<PackageVersion Include=\"A\" Version=\"1.0\" />",
        "package-version")]
    [InlineData("src/Native/Native.csproj", "<PackageReference Include=\"A\" />", "package-room")]
    [InlineData("src/Dataplane/Dataplane.csproj", ToNative + "<PackageReference Include=\"A\" />",
        "package-room")]
    [InlineData("Directory.Build.props", "<PackageReference Include=\"A\" />", "package-room")]
    [InlineData("src/Directory.Build.props", "<PackageReference Include=\"A\" />", "package-room")]
    public void What_a_project_may_not_say_is_found(string path, string items, string rule) =>
        Assert.Contains(ProjectRules.Check(Project(path, items)), finding => finding.Rule == rule);

    [Theory]
    [InlineData("src/Native/Native.csproj", "<AllowUnsafeBlocks>true</AllowUnsafeBlocks>")]
    [InlineData("src/Dataplane/Dataplane.csproj", ToNative)]
    [InlineData("src/Control/Control.csproj", ToNative + "<PackageReference Include=\"Tomlyn\" />")]
    [InlineData("tests/Native.Tests/Native.Tests.csproj",
        "<AllowUnsafeBlocks>true</AllowUnsafeBlocks>"
            + "<ProjectReference Include=\"../../src/Native/Native.csproj\" />")]
    [InlineData("bench/Twin/Twin.csproj", "<AllowUnsafeBlocks>true</AllowUnsafeBlocks>")]
    [InlineData("tests/A.Tests/A.Tests.csproj", "<PackageReference Include=\"xunit.v3.mtp-v2\" />")]
    [InlineData("Directory.Packages.props", "<PackageVersion Include=\"A\" Version=\"1.0\" />")]
    [InlineData("LowLatency.sln", "<AllowUnsafeBlocks>true</AllowUnsafeBlocks>")]
    public void What_a_project_may_say_is_left_alone(string path, string items) =>
        Assert.Empty(ProjectRules.Check(Project(path, items)));

    [Fact]
    public void A_finding_names_the_line_of_the_element()
    {
        SourceFile project = Project("src/Native/Native.csproj", "\n\n<PackageReference Include=\"A\" />");
        Assert.Equal(3, Assert.Single(ProjectRules.Check(project)).Line);
    }

    [Theory]
    [InlineData("Tomlyn: reads TOML.", 0)]
    [InlineData("We read TOML with `Tomlyn`.", 0)]
    [InlineData("", 1)]
    [InlineData("Tomlynx and My.Tomlyn are others.", 1)]
    public void A_package_has_a_word_in_the_decisions(string decisions, int found)
    {
        SourceFile versions = Project("Directory.Packages.props",
            "<PackageVersion Include=\"Tomlyn\" Version=\"1\" />");
        Assert.Equal(found, ProjectRules.Reasons(versions, decisions).Count());
    }

    private static SourceFile Project(string path, string items) => new(path,
        $"<Project>{items}</Project>\n");
}
