using System.CommandLine;
using LowLatency.Control.Configuring;
using LowLatency.Control.Planning;
using LowLatency.Control.Running;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Commands;

/// <summary><c>lowlat jitter</c>.</summary>
internal static class JitterCommand
{
    private const string InstanceName = "jitter";
    private const int FifoPriority = 10;
    private const long FifoYieldEveryNs = 1_000_000_000; // as forwarding lanes: DECISIONS.md, 4
    private const long FifoYieldForNs = 50_000;
    private const long ThresholdNsMin = 200;
    private const long ThresholdNsUnsaid = 1_000;

    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        JitterOptions options = new();
        Command command = new("jitter", "Measure what the lanes' CPUs lose, and name what took it");
        options.AddTo(command);
        command.SetAction(parsed =>
        {
            JitterRequest request = options.Read(parsed);
            CommandLine.RequireRoot("jitter");
            return new JitterRun(
                request.ConfigPath is { } path ? PlanLanes(io, path, request) : PlanCpus(request), io)
                    .Execute();
        });
        return command;
    }

    /// <summary>A measurement of the CPUs of a configuration's lanes, with their policies.</summary>
    /// <param name="planned">The configuration.</param>
    /// <param name="durationNs">How long.</param>
    /// <param name="folder">Where its evidence goes.</param>
    /// <param name="typed">The command line.</param>
    /// <exception cref="CommandFailure">It cannot run here.</exception>
    public static RunRequest RequestOf(
        PlannedConfiguration planned, long durationNs, string folder, IReadOnlyList<string> typed) =>
        PlanLanes(planned, new JitterRequest(planned.Path, null, durationNs, ThresholdNsUnsaid, false, false,
            "",
            false, typed)) with
        {
            Folder = folder,
        };

    private static RunRequest PlanLanes(CommandIo io, string path, JitterRequest request) =>
        PlanLanes(PlannedConfiguration.Read(io, path), request);

    private static RunRequest PlanLanes(PlannedConfiguration planned, JitterRequest request)
    {
        PlanImage? forward = planned.PlanForward().Plan;
        planned.ThrowOnErrors();
        Configuration configuration = planned.Configuration;
        if (Instance.IsAlive(configuration.Name))
        {
            throw CommandFailure.Input($"data plane '{configuration.Name}' runs: its lanes have these "
                + $"CPUs, and a "
                + "meter beside them measures them; stop it, or measure with 'lowlat load', which "
                    + "explains, too");
        }

        string name = $"{configuration.Name}-{InstanceName}";
        return Base(request) with
        {
            Forward = MeterPlan.Build(name, MeterPlan.SeatsOf(forward!), forward!.Header.HousekeepingCpus,
                request.ThresholdNs, request.IsShaped, configuration.Host.LockMemory, configuration.Text),
            MayStopThrottling = configuration.Host.RtThrottlingOff,
            Cgroup = planned.Cgroup,
            ConfigPath = planned.Path,
            ConfigText = configuration.Text,
        };
    }

    private static RunRequest PlanCpus(JitterRequest request)
    {
        HostFacts facts = HostFacts.Read([]);
        int last = facts.OnlineCpus.DefaultIfEmpty().Max();
        IReadOnlyList<int> cpus = CpuListGrammar.Parse(request.Cpus!, last) is { Count: > 0 } list ? list
            : throw CommandFailure.Input(
                $"--cpus {request.Cpus}: must be a list of CPUs such as 2-5,7; this host has 0-{last}");
        if (cpus.FirstOrDefault(cpu => !facts.OnlineCpus.Contains(cpu), -1) is >= 0 and int offline)
        {
            throw CommandFailure.Input($"--cpus {request.Cpus}: CPU {offline} is not online");
        }

        int[] others = [.. facts.OnlineCpus.Except(cpus)];
        if (request.IsFifo && others.Length == 0)
        {
            throw CommandFailure.Input($"--policy fifo: meters on all of CPUs {request.Cpus} would leave "
                + $"none to "
                + "the rest of the host; leave one out");
        }

        MeterSeat[] seats =
        [
            .. cpus.Select(cpu => new MeterSeat($"cpu{cpu}", cpu,
                request.IsFifo ? LanePolicy.Fifo : LanePolicy.Other, request.IsFifo ? FifoPriority : 0,
                request.IsFifo ? FifoYieldEveryNs : 0, request.IsFifo ? FifoYieldForNs : 0)),
        ];
        string text = $"# lowlat jitter --cpus {request.Cpus}: no configuration\n";
        return Base(request) with
        {
            Forward = MeterPlan.Build(InstanceName, seats,
                CpuChecks.SetOf(others.Length > 0 ? others : cpus), request.ThresholdNs, request.IsShaped,
                locksMemory: true, text),
            MayStopThrottling = request.IsFifo, // it was asked for, and is undone
            ConfigText = text,
        };
    }

    private static RunRequest Base(JitterRequest request) => new()
    {
        Verb = "jitter",
        DurationNs = request.DurationNs,
        Explains = true,
        MayStopThrottling = false,
        Cgroup = "",
        OutRoot = request.OutRoot,
        IsJson = request.IsJson,
        ConfigPath = "",
        ConfigText = "",
        CommandLine = request.CommandLine,
    };

    /// <summary>Options of the verb.</summary>
    private sealed class JitterOptions
    {
        private readonly Option<string?> _config = new("--config", "-c")
        {
            Description = "Measure the CPUs of this configuration's lanes, with their policies",
            HelpName = "FILE",
        };

        private readonly Option<string?> _cpus = new("--cpus")
        {
            Description = "Measure these CPUs instead: 2-5,7",
            HelpName = "LIST",
        };

        private readonly Option<string?> _duration = Options.Duration("How long [default: 10s]");
        private readonly Option<string?> _threshold = new("--threshold")
        {
            Description = "Longer gaps are looked into [default: 1us]",
            HelpName = "TIME",
        };

        private readonly Option<string> _mode = new("--mode")
        {
            Description = "spin: look at the clock alone; shaped: touch memory as a forwarding lane does",
            HelpName = "MODE",
            DefaultValueFactory = _ => "spin",
        };

        private readonly Option<string> _policy = new("--policy")
        {
            Description = "With --cpus: other or fifo (switches real-time throttling off while it measures)",
            HelpName = "POLICY",
            DefaultValueFactory = _ => "other",
        };

        private readonly Option<string> _output = Options.Out();
        private readonly Option<bool> _json = Options.Json();

        public void AddTo(Command command)
        {
            Option[] options = [_config, _cpus, _duration, _threshold, _mode, _policy, _output, _json];
            foreach (Option option in options)
            {
                command.Add(option);
            }
        }

        public JitterRequest Read(ParseResult parsed)
        {
            string? config = parsed.GetValue(_config);
            string? cpus = parsed.GetValue(_cpus);
            if (config is null == cpus is null)
            {
                throw CommandFailure.Input("say which CPUs: -c FILE for those of its lanes, or --cpus LIST");
            }

            string mode = OneOf(parsed.GetValue(_mode)!, "--mode", "spin", "shaped");
            string policy = OneOf(parsed.GetValue(_policy)!, "--policy", "other", "fifo");
            if (config is not null && policy == "fifo")
            {
                throw CommandFailure.Input("--policy: with -c, the policies are those of the lanes");
            }

            long threshold = Time(parsed.GetValue(_threshold), "--threshold", ThresholdNsUnsaid);
            if (threshold < ThresholdNsMin)
            {
                throw CommandFailure.Input($"--threshold {parsed.GetValue(_threshold)}: at least "
                    + $"{ThresholdNsMin} ns, as a clock read and its bookkeeping take about a quarter of "
                        + $"that");
            }

            return new JitterRequest(config, cpus, Time(parsed.GetValue(_duration), "--duration",
                10_000_000_000),
                threshold, mode == "shaped", policy == "fifo", parsed.GetValue(_output)!,
                    parsed.GetValue(_json),
                CommandLine.Typed(parsed));
        }

        private static string OneOf(string value, string option, string one, string other) =>
            value == one || value == other ? value
                : throw CommandFailure.Input($"{option} {value}: must be {one} or {other}");

        private static long Time(string? text, string option, long unsaid) => text is null ? unsaid
            : Quantities.Duration(text) is long ns and > 0 ? ns
            : throw CommandFailure.Input(
                $"{option} {text}: must be a time above 0 with its unit, such as 10s or 2us");
    }

    private sealed record JitterRequest(string? ConfigPath, string? Cpus, long DurationNs, long ThresholdNs,
        bool IsShaped, bool IsFifo, string OutRoot, bool IsJson, IReadOnlyList<string> CommandLine);
}
