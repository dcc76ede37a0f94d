using System.Text;
using System.Text.Json;
using LowLatency.Control.Reporting;

namespace LowLatency.Control.Searching;

/// <summary>The evidence of one search, beside those of runs; search.json is written last.</summary>
internal static class SearchFolder
{
    /// <summary>Name of the file that makes a folder a search's.</summary>
    public const string ResultName = "search.json";

    /// <summary>True when a folder holds a search.</summary>
    public static bool Is(string folder) => File.Exists(Path.Combine(folder, ResultName));

    /// <summary>Writes all files.</summary>
    /// <exception cref="RunFolderException">The host refused.</exception>
    public static void Write(string folder, SearchDocument search, string configuration)
    {
        Put(folder, RunFolder.ManifestName, RunJson.Write(search.Manifest));
        Put(folder, RunFolder.ConfigurationName, configuration);
        WriteReports(folder, search);
        Put(folder, ResultName, RunJson.Write(search.Result));
    }

    /// <summary>Writes report.txt and report.html anew.</summary>
    /// <exception cref="RunFolderException">The host refused.</exception>
    public static void WriteReports(string folder, SearchDocument search)
    {
        Put(folder, RunFolder.TextName, SearchText.Render(search.Result));
        Put(folder, RunFolder.PageName, SearchPage.Render(search));
    }

    /// <summary>Reads a search back.</summary>
    /// <exception cref="RunFolderException">Damaged.</exception>
    public static SearchDocument Read(string folder)
    {
        string path = Path.Combine(folder, ResultName);
        try
        {
            SearchResult result = RunJson.ReadSearch(File.ReadAllText(path));
            path = Path.Combine(folder, RunFolder.ManifestName);
            return new SearchDocument(result, RunJson.ReadManifest(File.ReadAllText(path)));
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new RunFolderException($"{path}: {e.Message.ReplaceLineEndings(" ")}", isHostFault: false);
        }
    }

    private static void Put(string folder, string name, string text) =>
        RunFolder.WriteFile(Path.Combine(folder, name), Encoding.UTF8.GetBytes(text));
}
