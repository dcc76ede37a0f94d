using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;
using LowLatency.Tidy.Tests.Text;

namespace LowLatency.Tidy.Tests.Rules;

/// <summary>Who may refer to whom, and to what. Reads project files, props and targets as XML.</summary>
internal static class ProjectRules
{
    /// <summary>The whole of src, and every arrow in it.</summary>
    public static readonly IReadOnlyDictionary<string, string[]> Arrows = new Dictionary<string, string[]>
    {
        ["src/Native/Native.csproj"] = [],
        ["src/Dataplane/Dataplane.csproj"] = ["Native"],
        ["src/Control/Control.csproj"] = ["Native"],
    };

    private const string VersionsFile = "Directory.Packages.props";

    private static readonly string[] UnsafeRooms = ["src/Native", "tests/Native.Tests", "tests/Netns.Tests",
        "bench/Twin", "bench/peers"];

    /// <summary>Everything that one project file, props or targets can get wrong alone.</summary>
    public static IEnumerable<Finding> Check(SourceFile file) =>
        Path.GetExtension(file.Path) is ".csproj" or ".props" or ".targets"
            ? [.. References(file), .. Unsafety(file), .. Versions(file), .. Packages(file)]
            : [];

    /// <summary>Packages that nobody gave a reason for.</summary>
    /// <param name="versions">Directory.Packages.props.</param>
    /// <param name="decisions">Text of DECISIONS.md.</param>
    public static IEnumerable<Finding> Reasons(SourceFile versions, string decisions) =>
        from element in Elements(versions, "PackageVersion")
        let name = Include(element)
        where !Regex.IsMatch(decisions, $@"(?<![\w.-]){Regex.Escape(name)}(?![\w-])")
        select At(versions, element, "package-reason",
            $"say in DECISIONS.md what {name} is for, or do without it");

    private static IEnumerable<Finding> References(SourceFile file)
    {
        if (!file.IsIn("src"))
        {
            yield break;
        }

        if (!Arrows.TryGetValue(file.Path, out string[]? allowed))
        {
            yield return new Finding(file.Path, 0, "project-arrows",
                "src is Native, Dataplane and Control; another project needs a decision and a row in Arrows");
            yield break;
        }

        var missing = allowed.ToHashSet();
        foreach (XElement element in Elements(file, "ProjectReference"))
        {
            string name = Path.GetFileNameWithoutExtension(Include(element).Replace('\\', '/'));
            if (!missing.Remove(name))
            {
                yield return At(file, element, "project-arrows",
                    $"no arrow to {name}: Dataplane -> Native and Control -> Native are all there are");
            }
        }

        foreach (string name in missing)
        {
            yield return new Finding(file.Path, 0, "project-arrows",
                $"the arrow to {name} is gone; so is a rule");
        }
    }

    private static IEnumerable<Finding> Unsafety(SourceFile file) =>
        from element in Elements(file, "AllowUnsafeBlocks")
        where !UnsafeRooms.Any(file.IsIn)
        select At(file, element, "unsafe-project",
            "only " + string.Join(", ", UnsafeRooms) + " may be unsafe");

    private static IEnumerable<Finding> Versions(SourceFile file) =>
        file.Path == VersionsFile
            ? []
            : from element in Elements(file, "PackageReference").Concat(Elements(file, "PackageVersion"))
              where element.Name.LocalName == "PackageVersion"
                  || element.Attributes().Any(a => a.Name.LocalName is "Version" or "VersionOverride")
                  || element.Elements().Any(e => e.Name.LocalName is "Version" or "VersionOverride")
              select At(file, element, "package-version",
                  $"the version of {Include(element)} belongs in {VersionsFile}");

    private static IEnumerable<Finding> Packages(SourceFile file) =>
        from element in Elements(file, "PackageReference")
        where file.IsIn("src") ? !file.IsIn("src/Control") : Path.GetExtension(file.Path) != ".csproj"
        select At(file, element, "package-room",
            $"{Include(element)}: of src only Control has packages, and no props hands one to all");

    private static IEnumerable<XElement> Elements(SourceFile file, string name) =>
        XDocument.Parse(file.Text, LoadOptions.SetLineInfo).Descendants()
            .Where(element => element.Name.LocalName == name);

    private static string Include(XElement element) =>
        element.Attribute("Include")?.Value ?? element.Attribute("Update")?.Value ?? "";

    private static Finding At(SourceFile file, XElement element, string rule, string fix) =>
        new(file.Path, ((IXmlLineInfo)element).LineNumber, rule, fix);
}
