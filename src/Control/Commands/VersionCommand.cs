using System.CommandLine;
using LowLatency.Control.Reporting;
using LowLatency.Control.Running;

namespace LowLatency.Control.Commands;

/// <summary>What <c>lowlat version --json</c> says: schema <c>lowlat.version/1</c>.</summary>
internal sealed record VersionDocument(
    string Schema,
    string Version,
    string? Commit,
    string Kernel,
    IReadOnlyDictionary<string, string> Libraries)
{
    /// <summary>Name and version of the format.</summary>
    public const string SchemaName = "lowlat.version/1";
}

/// <summary><c>lowlat version</c>.</summary>
internal static class VersionCommand
{
    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        Option<bool> json = Options.Json();
        Command command = new("version", "Show version, commit, kernel and linked libraries") { json };
        command.SetAction(parsed => Show(io, parsed.GetValue(json)));
        return command;
    }

    private static int Show(CommandIo io, bool isJson)
    {
        (string version, string? commit) = RunManifest.ReadVersion();
        VersionDocument document = new(VersionDocument.SchemaName, version, commit,
            File.ReadAllText("/proc/sys/kernel/osrelease").Trim(), BuildInfo.Libraries);
        if (isJson)
        {
            io.Out.Write(CommandJson.Write(document));
            return ExitCode.Ok;
        }

        io.Out.WriteLine($"lowlat {document.Version}{(commit is null ? "" : $" ({commit})")}");
        io.Out.WriteLine($"  Linux {document.Kernel}");
        foreach ((string name, string number) in document.Libraries)
        {
            io.Out.WriteLine($"  {name} {number}");
        }

        return ExitCode.Ok;
    }
}
