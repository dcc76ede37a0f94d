using System.Text;
using System.Text.Json;
using LowLatency.Control.Configuring;
using LowLatency.Control.Readiness;
using LowLatency.Control.Reporting;
using LowLatency.Control.Running;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Commands;

/// <summary>Collects or loads evidence and judges it, as the command line asks.</summary>
internal static class CheckRun
{
    private const long MostCaptureBytes = 256L << 20;

    /// <summary>Version of this program, as documents name it.</summary>
    public static string Tool
    {
        get
        {
            (string version, string? commit) = RunManifest.ReadVersion();
            return commit is null ? version : $"{version} ({commit})";
        }
    }

    /// <summary>Judges this host, or what was kept of another.</summary>
    /// <exception cref="CommandFailure">Wrong input: exit code 1, one line a fault.</exception>
    public static ReadinessReport Run(CommandIo io, CheckRequest request) =>
        request.FromPath is string path ? Later(path, request) : Now(io, request);

    private static ReadinessReport Now(CommandIo io, CheckRequest request)
    {
        Configuration? configuration = request.ConfigPath is string path
            ? Accept(ConfigurationReader.ReadFile(path)) : null;
        foreach (ConfigurationError warning in configuration?.Warnings ?? [])
        {
            io.Say($"warning: {warning}");
        }

        using LiveHost host = new();
        KeepHouse(io, new TopologyBuilder(host.Peek).Build(configuration, request.Profile));
        CollectOptions options = new(request.WindowSeconds, request.IsMaintenance, request.Profile);
        using Interrupt interrupt = new();
        (Evidence evidence, _) = new Collector(host, Catalogue.All, options).Collect(configuration, Tool,
            (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick,
            seconds => Watch(io, interrupt, seconds));
        if (interrupt.IsAsked)
        {
            throw new CommandFailure(ExitCode.Interrupted, "interrupted; nothing was changed");
        }

        if (request.CapturePath is string capture)
        {
            RunFolder.WriteFile(capture, Encoding.UTF8.GetBytes(EvidenceJson.Write(evidence)));
            io.Say($"{capture}: the evidence; 'lowlat check --from {capture}' judges it");
        }

        return Judge.Run(evidence, configuration, request.Profile, Catalogue.All, request.IsStrict);
    }

    private static ReadinessReport Later(string path, CheckRequest request)
    {
        Evidence evidence = Load(path);
        Configuration? configuration = evidence.ConfigurationText.Length == 0 ? null
            : Accept(ConfigurationReader.ReadText(evidence.ConfigurationText, evidence.ConfigurationName));
        return Judge.Run(evidence, configuration, request.Profile, Catalogue.All, request.IsStrict);
    }

    private static Evidence Load(string path)
    {
        try
        {
            return new FileInfo(path).Length > MostCaptureBytes
                ? throw CommandFailure.Input($"--from {path}: has more than {MostCaptureBytes >> 20} MiB, "
                    + $"which no capture has")
                : EvidenceJson.Read(File.ReadAllText(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw CommandFailure.Input($"--from {path}: cannot be read ({e.Message.TrimEnd('.')}). "
                + "'lowlat check --capture FILE' makes such a file");
        }
        catch (JsonException e)
        {
            throw CommandFailure.Input($"--from {path}: is not what 'lowlat check --capture' writes "
                + $"({e.Message.ReplaceLineEndings(" ").TrimEnd('.')})");
        }
    }

    private static Configuration Accept(ConfigurationResult read)
    {
        Configuration configuration = read.Configuration
            ?? throw CommandFailure.Input(string.Join('\n', read.Errors));
        List<string> unknown =
        [
            .. configuration.Host.Waivers.Where(waiver => Catalogue.Find(waiver.Check) is null)
                .Select(waiver => new ConfigurationError(waiver.Place, "must be the id of a check",
                    "'lowlat check list' names them.").ToString()),
        ];
        return unknown.Count == 0 ? configuration : throw CommandFailure.Input(string.Join('\n', unknown));
    }

    // What looks must not stand on what it looks at.
    private static void KeepHouse(CommandIo io, Topology topology)
    {
        CpuSet cpus = default;
        foreach (int cpu in topology.Housekeeping.And(topology.Online).Without(topology.Data).Cpus
            .Where(cpu => cpu < Limits.CpusMax))
        {
            cpus.Add(cpu);
        }

        try
        {
            if (!cpus.IsEmpty)
            {
                ThreadControl.PinProcess(cpus);
            }
        }
        catch (NativeException e)
        {
            io.Say($"warning: could not keep to the housekeeping CPUs ({e.Call}: {e.Errno.Name()})");
        }
    }

    private static void Watch(CommandIo io, Interrupt interrupt, double seconds)
    {
        if (io.IsErrorTerminal)
        {
            io.Say(string.Create(System.Globalization.CultureInfo.InvariantCulture,
                $"watching counters for {seconds:0.#} s"));
        }

        interrupt.Wait((int)(seconds * 1000));
    }
}
