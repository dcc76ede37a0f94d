using System.CommandLine;
using System.Text;
using System.Text.Json;
using LowLatency.Control.Certifying;
using LowLatency.Control.Planning;
using LowLatency.Control.Readiness;
using LowLatency.Control.Readiness.Reporting;
using LowLatency.Control.Reporting;
using LowLatency.Control.Running;

namespace LowLatency.Control.Commands;

/// <summary><c>lowlat certify</c>: check, load and report into one folder with one verdict.</summary>
internal static class CertifyCommand
{
    private const long JitterNs = 5_000_000_000;
    private const string TextName = "certificate.txt";
    private const string CheckName = "readiness.html";

    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        Option<string?> config = new("--config", "-c")
        {
            Description = "The configuration (TOML), with an [objective]",
            HelpName = "FILE",
        };
        Option<string?> verify = new("--verify")
        {
            Description = "Verify a folder that certify made: every hash, and the verdict from the evidence",
            HelpName = "FOLDER",
        };
        Option<string> output = Options.Out();
        Option<bool> json = Options.Json();
        Command command = new("certify", "Check the host, measure its CPUs, send the load, and keep "
            + "evidence and verdict")
        {
            config, verify, output, json,
        };
        command.SetAction(parsed =>
        {
            string? path = parsed.GetValue(config);
            string? folder = parsed.GetValue(verify);
            if (path is null == folder is null)
            {
                throw CommandFailure.Input("certify needs a configuration (-c FILE) or a folder to verify "
                    + "(--verify FOLDER), and not both");
            }

            return folder is not null ? Verify(io, folder, parsed.GetValue(json))
                : Certify(io, path!, parsed.GetValue(output)!, parsed.GetValue(json),
                    CommandLine.Typed(parsed));
        });
        return command;
    }

    private static int Certify(
        CommandIo io, string path, string root, bool isJson, IReadOnlyList<string> typed)
    {
        CommandLine.RequireRoot("certify");
        PlannedConfiguration planned = PlannedConfiguration.Read(io, path);
        if (CertificateJudge.PromiseOf(planned.Configuration) is
            { Percentiles.Count: 0, MaxNs: null, LossMax: null })
        {
            throw CommandFailure.Input($"{path}: promises nothing that could be certified. Add [objective] "
                + "with \"p99.99\" = \"50us\", for example");
        }

        RunRequest request = LoadCommand.Plan(io, planned, LoadOverrides.None, new RunRequest
        {
            Verb = "load",
            MayStopThrottling = planned.Configuration.Host.RtThrottlingOff,
            Cgroup = planned.Cgroup,
            OutRoot = root,
            ConfigPath = planned.Path,
            ConfigText = planned.Configuration.Text,
            CommandLine = typed,
        });
        string folder = RunFolder.Create(root, DateTime.UtcNow, "certify");
        Put(folder, RunFolder.ConfigurationName, planned.Configuration.Text);
        io.Say("check");
        ReadinessReport report = CheckRun.Run(io, new CheckRequest(path, null,
            Path.Combine(folder, CertificateJudge.EvidenceName), null, 0, false, false));
        Put(folder, CheckName,
            ReadinessHtml.Render(report, ReadinessJson.Document(report, CheckRun.Tool)));
        string jitter = Path.Combine(folder, CertificateJudge.JitterName);
        if (request.AttachTo is null && planned.Configuration.Lanes.Count > 0)
        {
            io.Say("jitter");
            int heard = new JitterRun(JitterCommand.RequestOf(planned, JitterNs, jitter, typed),
                io with { Out = TextWriter.Null }).Execute();
            if (heard == ExitCode.Interrupted)
            {
                return Interrupted(io, folder);
            }
        }

        io.Say("load");
        string load = Path.Combine(folder, CertificateJudge.LoadName);
        int code = new LoadRun(request with { Folder = load }, io with { Out = TextWriter.Null }).Execute();
        if (code == ExitCode.Interrupted)
        {
            return Interrupted(io, folder);
        }

        Certificate certificate = CertificateJudge.Run(folder);
        Put(folder, Certificate.FileName, certificate.ToJson());
        Put(folder, TextName, certificate.ToText());
        string seal = HashList.Write(folder);
        io.Out.Write(isJson ? certificate.ToJson() : certificate.ToText());
        Tell(io, isJson, $"\nevidence {folder}\nseal     {seal}");
        return code == ExitCode.Host ? code : certificate.Certified ? ExitCode.Ok : ExitCode.Gate;
    }

    private static int Interrupted(CommandIo io, string folder)
    {
        io.Say($"{folder}: interrupted; what is there is no certificate");
        return ExitCode.Interrupted;
    }

    private static int Verify(CommandIo io, string folder, bool isJson)
    {
        List<string> findings = [.. HashList.Check(folder)];
        Certificate? now = null;
        try
        {
            now = CertificateJudge.Run(folder);
            Certificate recorded = Certificate.FromJson(
                File.ReadAllText(Path.Combine(folder, Certificate.FileName)));
            findings.AddRange(CertificateJudge.Differences(recorded, now));
        }
        catch (Exception e) when (e is RunFolderException or JsonException or IOException
            or UnauthorizedAccessException)
        {
            findings.Add(e.Message.ReplaceLineEndings(" "));
        }

        // A verdict is shown only where everything fits: nobody may read it off a changed folder.
        if (now is not null && findings.Count == 0)
        {
            io.Out.Write(isJson ? now.ToJson() : now.ToText());
        }

        findings.ForEach(io.Say);
        string word = findings.Count > 0 ? "NOT VERIFIED"
            : "verified: every file is as listed, and the verdict follows from it";
        Tell(io, isJson, $"{word}\nseal     {HashList.SealOf(folder)}");
        return findings.Count == 0 && now is { Certified: true } ? ExitCode.Ok : ExitCode.Gate;
    }

    private static void Tell(CommandIo io, bool isJson, string lines)
    {
        if (!isJson)
        {
            io.Out.WriteLine(lines);
            return;
        }

        foreach (string line in lines.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            io.Say(line);
        }
    }

    private static void Put(string folder, string name, string text) =>
        RunFolder.WriteFile(Path.Combine(folder, name), Encoding.UTF8.GetBytes(text));
}
