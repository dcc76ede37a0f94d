using Xunit;

namespace LowLatency.Control.Tests;

/// <summary>Files of this repository, found from where the tests run, and the reviewed texts among
/// them.</summary>
internal static class GoldenFile
{
    private const string UpdateVariable = "LOWLAT_UPDATE_GOLDEN";

    /// <summary>The directory of LowLatency.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Compares with a reviewed file; writes it when LOWLAT_UPDATE_GOLDEN=1.</summary>
    public static void Check(string name, string actual)
    {
        string path = Path.Combine(Root, "tests", "Control.Tests", "Golden", name);
        if (Environment.GetEnvironmentVariable(UpdateVariable) == "1")
        {
            File.WriteAllText(path, actual);
        }

        Assert.Equal(File.ReadAllText(path), actual);
    }

    private static string FindRoot()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory != null && !File.Exists(Path.Combine(directory, "LowLatency.sln")))
        {
            directory = Path.GetDirectoryName(directory);
        }

        return directory ?? throw new InvalidOperationException(
            $"no LowLatency.sln above {AppContext.BaseDirectory}: run the tests where they were built");
    }
}
