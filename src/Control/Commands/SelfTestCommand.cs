using System.CommandLine;
using LowLatency.Control.Running;

namespace LowLatency.Control.Commands;

/// <summary>What <c>lowlat selftest --json</c> says: schema <c>lowlat.selftest/1</c>.</summary>
internal sealed record SelfTestDocument(
    string Schema, int Passed, int Failed, int Skipped, IReadOnlyList<SelfTestItem> Items)
{
    /// <summary>Name and version of the format.</summary>
    public const string SchemaName = "lowlat.selftest/1";
}

/// <summary><c>lowlat selftest</c>.</summary>
internal static class SelfTestCommand
{
    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        Option<bool> json = Options.Json();
        Command command = new("selftest", "Try every verb and native facility once, in a lab of its own")
        {
            json,
        };
        command.SetAction(parsed => Run(io, parsed.GetValue(json)));
        return command;
    }

    private static int Run(CommandIo io, bool isJson)
    {
        using SelfTest test = new(item =>
        {
            if (!isJson)
            {
                io.Out.WriteLine($"{item.Outcome}  {item.Name}: {item.Detail}");
            }
        });
        IReadOnlyList<SelfTestItem> items = test.Run();
        SelfTestDocument document = new(SelfTestDocument.SchemaName, Count(items, "pass"),
            Count(items, "fail"), Count(items, "skip"), items);
        if (isJson)
        {
            io.Out.Write(CommandJson.Write(document));
        }
        else
        {
            io.Out.WriteLine(
                $"{document.Passed} passed, {document.Failed} failed, {document.Skipped} skipped");
        }

        return document.Failed == 0 ? ExitCode.Ok : ExitCode.Host;
    }

    private static int Count(IReadOnlyList<SelfTestItem> items, string outcome) =>
        items.Count(item => item.Outcome == outcome);
}
