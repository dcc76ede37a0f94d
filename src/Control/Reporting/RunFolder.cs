using System.Globalization;
using System.Text;
using System.Text.Json;
using LowLatency.Control.Measuring;

namespace LowLatency.Control.Reporting;

/// <summary>A run folder could not be written or read; the message is one line for the user.</summary>
/// <param name="message">Path, what, fix.</param>
/// <param name="isHostFault">True: the host refused (exit code 2); false: the user named a wrong folder
/// (1).</param>
internal sealed class RunFolderException(string message, bool isHostFault) : Exception(message)
{
    /// <summary>True: the host refused (exit code 2); false: the user named a wrong folder (1).</summary>
    public bool IsHostFault { get; } = isHostFault;
}

/// <summary>The evidence of one run: <c>runs/20260304T050607Z-load/</c>. A file has its final name only when
/// it is whole, and result.json is written last: a folder with it is complete.</summary>
internal static class RunFolder
{
    /// <summary>Names of the files.</summary>
    public const string ResultName = "result.json";

    /// <inheritdoc cref="ResultName"/>
    public const string ManifestName = "manifest.json";

    /// <inheritdoc cref="ResultName"/>
    public const string TimelineName = "timeline.json";

    /// <inheritdoc cref="ResultName"/>
    public const string HistogramsName = "latency.hlog";

    /// <inheritdoc cref="ResultName"/>
    public const string IntervalsName = "blocks.hlog";

    /// <inheritdoc cref="ResultName"/>
    public const string TextName = "report.txt";

    /// <inheritdoc cref="ResultName"/>
    public const string PageName = "report.html";

    /// <inheritdoc cref="ResultName"/>
    public const string ConfigurationName = "config.toml";

    // Two runs of one verb in one second are a script's doing; a hundred are a mistake.
    private const int SameSecondMax = 100;

    /// <summary>Makes the folder: before the run, so that a full disk is known before the load, not after it.
    /// </summary>
    /// <param name="root">The runs directory; made when missing.</param>
    /// <param name="startUtc">Start of the run.</param>
    /// <param name="verb">load, run.</param>
    /// <returns>The folder's path.</returns>
    /// <exception cref="RunFolderException">The host refused.</exception>
    public static string Create(string root, DateTime startUtc, string verb)
    {
        string name = startUtc.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture) + "-" + verb;
        try
        {
            Directory.CreateDirectory(root);
            for (int n = 1; n <= SameSecondMax; n++)
            {
                string path = Path.Combine(root, n == 1 ? name : $"{name}-{n}");
                if (!Path.Exists(path))
                {
                    Directory.CreateDirectory(path);
                    return path;
                }
            }
        }
        catch (Exception e) when (IsRefusal(e))
        {
            throw Refused(Path.Combine(root, name), e);
        }

        throw new RunFolderException($"{Path.Combine(root, name)}: {SameSecondMax} runs have this name "
            + "already: "
            + "start them at least a second apart", isHostFault: true);
    }

    /// <summary>Writes all files of a run.</summary>
    /// <param name="folder">From <see cref="Create"/>.</param>
    /// <param name="run">The run, with its histograms and timeline.</param>
    /// <param name="configuration">The configuration's text; null: the run had none.</param>
    /// <exception cref="RunFolderException">The host refused.</exception>
    public static void Write(string folder, RunDocument run, string? configuration)
    {
        WriteText(folder, ManifestName, RunJson.Write(run.Manifest));
        if (configuration is not null)
        {
            WriteText(folder, ConfigurationName, configuration);
        }

        if (run.Timeline is not null)
        {
            WriteText(folder, TimelineName, RunJson.Write(run.Timeline));
        }

        if (run.Histograms is not null)
        {
            WriteFile(Path.Combine(folder, HistogramsName),
                Hlog.Write(run.Histograms, run.Manifest.StartUtc, run.Manifest.EndUtc));
        }

        if (run.Intervals is not null)
        {
            WriteFile(Path.Combine(folder, IntervalsName),
                Hlog.WriteIntervals(run.Intervals, run.Manifest.StartUtc));
        }

        WriteReports(folder, run);
        WriteText(folder, ResultName, RunJson.Write(run.Result));
    }

    /// <summary>Writes report.txt and report.html anew (verb <c>report RUN</c>).</summary>
    /// <exception cref="RunFolderException">The host refused.</exception>
    public static void WriteReports(string folder, RunDocument run)
    {
        WriteText(folder, TextName, TextReport.Render(run));
        WriteText(folder, PageName, HtmlReport.Render(run));
    }

    /// <summary>Reads a run back.</summary>
    /// <param name="path">The folder, or a file in it.</param>
    /// <exception cref="RunFolderException">No run there, or damaged.</exception>
    public static RunDocument Read(string path)
    {
        string folder = File.Exists(path) ? Path.GetDirectoryName(Path.GetFullPath(path))! : path;
        if (!File.Exists(Path.Combine(folder, ResultName)))
        {
            throw new RunFolderException($"{path}: no run folder (it has no {ResultName}): name a folder "
                + "below runs/",
                isHostFault: false);
        }

        RunResult result = Parse(folder, ResultName, RunJson.ReadResult);
        RunManifest manifest = Parse(folder, ManifestName, RunJson.ReadManifest);
        RunTimeline? timeline = File.Exists(Path.Combine(folder, TimelineName))
            ? Parse(folder, TimelineName, RunJson.ReadTimeline) : null;
        return new RunDocument(result, manifest, timeline, ReadLog(folder, HistogramsName))
        {
            Intervals = ReadLog(folder, IntervalsName),
        };
    }

    private static HistogramSet? ReadLog(string folder, string name) =>
        File.Exists(Path.Combine(folder, name))
            ? Parse(folder, name, text => Hlog.Read(Encoding.ASCII.GetBytes(text))) : null;

    /// <summary>Writes a file whole or not at all: under another name first, flushed to the disk, then
    /// renamed.</summary>
    /// <exception cref="RunFolderException">The host refused; nothing is left behind.</exception>
    public static void WriteFile(string path, byte[] content)
    {
        string unfinished = path + ".unfinished";
        try
        {
            using (FileStream file = new(unfinished, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                file.Write(content);
                file.Flush(flushToDisk: true);
            }

            File.Move(unfinished, path, overwrite: true);
        }
        catch (Exception e) when (IsRefusal(e))
        {
            Discard(unfinished);
            throw Refused(path, e);
        }
    }

    private static void WriteText(string folder, string name, string content) =>
        WriteFile(Path.Combine(folder, name), Encoding.UTF8.GetBytes(content));

    private static T Parse<T>(string folder, string name, Func<string, T> read)
    {
        string path = Path.Combine(folder, name);
        try
        {
            return read(File.ReadAllText(path));
        }
        catch (Exception e) when (e is JsonException or FormatException || IsRefusal(e))
        {
            throw new RunFolderException($"{path}: {e.Message.ReplaceLineEndings(" ")}", isHostFault: false);
        }
    }

    private static void Discard(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (IsRefusal(e))
        {
            // The disk that refused the file may refuse this too; its name says that it is unfinished.
        }
    }

    private static bool IsRefusal(Exception e) => e is IOException or UnauthorizedAccessException;

    private static RunFolderException Refused(string path, Exception e) =>
        new($"cannot write {path}: {e.Message.ReplaceLineEndings(" ")} (is the disk full or read-only? "
            + "name another place)", isHostFault: true);
}
