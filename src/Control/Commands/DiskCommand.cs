using System.CommandLine;
using LowLatency.Control.Configuring;
using LowLatency.Control.Storage;

namespace LowLatency.Control.Commands;

/// <summary><c>lowlat disk</c>.</summary>
internal static class DiskCommand
{
    private const int DepthMax = 1024;
    private const long BlockBytesMin = 512;
    private const long BlockBytesMax = 8 << 20;
    private const long WarmupNsMax = 1_000_000_000;
    private const int WarmupShare = 5; // of a short run's time, not all goes into warming up

    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        DiskOptions options = new();
        Command command = new("disk", "Measure latency and rate of a file or drive through io_uring");
        options.AddTo(command);
        command.SetAction(parsed => new DiskRun(options.Read(parsed), parsed.GetValue(options.Output)!,
            parsed.GetValue(options.IsJson), CommandLine.Typed(parsed), io).Execute());
        return command;
    }

    /// <summary>A size as storage people write it: 4k, 1M, 4KiB, 512; null: none.</summary>
    internal static long? Size(string text) => Quantities.Bytes(text) ?? text switch
    {
        [.. string number, 'k' or 'K'] => Quantities.Whole(number, 1 << 20) * 1024L,
        [.. string number, 'm' or 'M'] => (long?)Quantities.Whole(number, 1 << 20) << 20,
        [.. string number, 'g' or 'G'] => (long?)Quantities.Whole(number, 1 << 20) << 30,
        _ => Quantities.Whole(text, int.MaxValue),
    };

    private sealed class DiskOptions
    {
        private readonly Argument<string> _path = new("PATH")
        {
            Description = "A file, a block device, or a folder: a temporary file in it",
        };

        private readonly Option<bool> _read = new("--read") { Description = "Read [default]" };
        private readonly Option<bool> _write = new("--write") { Description = "Write" };
        private readonly Option<string?> _mix = new("--mix")
        {
            Description = "Read this many of a hundred, write the others", HelpName = "PERCENT",
        };

        private readonly Option<bool> _random = new("--random") { Description = "Random places [default]" };
        private readonly Option<bool> _sequential = new("--sequential")
        {
            Description = "One place after the other",
        };

        private readonly Option<string> _block = new("--block")
        {
            Description = "Bytes of a transfer", HelpName = "SIZE", DefaultValueFactory = _ => "4k",
        };

        private readonly Option<string> _depth = new("--depth")
        {
            Description = "Transfers under way at most", HelpName = "N", DefaultValueFactory = _ => "16",
        };

        private readonly Option<string?> _rate = new("--rate")
        {
            Description = "Transfers a second, open-loop [default: as fast as the depth allows]",
            HelpName = "RATE",
        };

        private readonly Option<string?> _duration = Options.Duration("How long [default: 10s]");
        private readonly Option<string> _mode = new("--mode")
        {
            Description = "auto, interrupt, iopoll, sqpoll or passthrough; what cannot be had is told",
            HelpName = "MODE", DefaultValueFactory = _ => "auto",
        };

        private readonly Option<string?> _size = new("--size")
        {
            Description = "Bytes from the start that transfers go to [default: all; in a folder 1G]",
            HelpName = "SIZE",
        };

        private readonly Option<string?> _cpu = new("--cpu")
        {
            Description = "Measure on this CPU [default: any]", HelpName = "N",
        };

        private readonly Option<bool> _overwrite = new("--overwrite")
        {
            Description = "Writing may destroy what is on PATH",
        };

        private readonly Option<string?> _really = new("--really")
        {
            Description = "Destroy a device that holds this: ext4, gpt", HelpName = "WHAT",
        };

        public Option<string> Output { get; } = Options.Out();

        public Option<bool> IsJson { get; } = Options.Json();

        public void AddTo(Command command)
        {
            command.Add(_path);
            Option[] all =
            [
                _read, _write, _mix, _random, _sequential, _block, _depth, _rate, _duration, _mode, _size,
                _cpu, _overwrite, _really, Output, IsJson,
            ];
            foreach (Option option in all)
            {
                command.Add(option);
            }
        }

        public DiskRequest Read(ParseResult parsed)
        {
            if (parsed.GetValue(_random) && parsed.GetValue(_sequential))
            {
                throw CommandFailure.Input("--random and --sequential: say one of them");
            }

            long duration = Quantities.Duration(parsed.GetValue(_duration) ?? "10s") is long ns and > 0 ? ns
                : throw Wrong("--duration", parsed.GetValue(_duration), "a time above 0, such as 10s");
            return new DiskRequest
            {
                Path = parsed.GetRequiredValue(_path),
                ReadPercent = ReadPercent(parsed),
                IsRandom = !parsed.GetValue(_sequential),
                BlockBytes = BlockBytes(parsed.GetValue(_block)!),
                Depth = Quantities.Whole(parsed.GetValue(_depth)!, DepthMax) is int depth and > 0 ? depth
                    : throw Wrong("--depth", parsed.GetValue(_depth), $"a number from 1 to {DepthMax}"),
                Rate = parsed.GetValue(_rate) is not { } rate ? null
                    : Quantities.LoadRate(rate) ?? throw Wrong("--rate", rate,
                        "transfers a second, such as 20k"),
                DurationNs = duration,
                WarmupNs = Math.Min(WarmupNsMax, duration / WarmupShare),
                Mode = Mode(parsed.GetValue(_mode)!),
                SizeBytes = parsed.GetValue(_size) is not { } size ? null
                    : Size(size) is long bytes and > 0 ? bytes
                    : throw Wrong("--size", size, "a size, such as 1G"),
                Cpu = Cpu(parsed.GetValue(_cpu)),
                MayOverwrite = parsed.GetValue(_overwrite),
                Really = parsed.GetValue(_really),
            };
        }

        private int ReadPercent(ParseResult parsed)
        {
            string? mix = parsed.GetValue(_mix);
            int said = (parsed.GetValue(_read) ? 1 : 0) + (parsed.GetValue(_write) ? 1 : 0)
                + (mix is null ? 0 : 1);
            return said > 1 ? throw CommandFailure.Input("--read, --write and --mix: say one of them")
                : mix is not null ? Quantities.Whole(mix, 100) ?? throw Wrong("--mix", mix,
                    "the percentage of reads, 0 to 100")
                : parsed.GetValue(_write) ? 0 : 100;
        }

        private static int BlockBytes(string text) =>
            Size(text) is long bytes and >= BlockBytesMin and <= BlockBytesMax && bytes % BlockBytesMin == 0
                ? (int)bytes : throw Wrong("--block", text, "a multiple of 512 up to 8M, such as 4k");

        private static TransferMode Mode(string text) =>
            Enum.TryParse(text, ignoreCase: true, out TransferMode mode) && Enum.IsDefined(mode)
                && !char.IsDigit(text[0]) ? mode
                : throw Wrong("--mode", text, "auto, interrupt, iopoll, sqpoll or passthrough");

        private static int? Cpu(string? text)
        {
            if (text is null)
            {
                return null;
            }

            int[] online = [.. Planning.HostFacts.Read([]).OnlineCpus];
            return Quantities.Whole(text, int.MaxValue) is int cpu && online.Contains(cpu) ? cpu
                : throw Wrong("--cpu", text, $"a CPU that is online: {string.Join(',', online)}");
        }

        private static CommandFailure Wrong(string option, string? text, string rule) =>
            CommandFailure.Input($"{option} {text}: must be {rule}");
    }
}
