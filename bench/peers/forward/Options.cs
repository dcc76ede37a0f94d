using System.Globalization;
using LowLatency.Native.Layout;

namespace LowLatency.Bench.Forward;

/// <summary>The command line of the bench.</summary>
internal sealed record Options
{
    public const string Help = """
        Forward: lowlatd against DPDK testpmd, the kernel's own redirect and its stack, in one lab,
            interleaved. Needs root.

          throughput | latency       what to measure (default: throughput)
          --repeats N                rounds (7)
          --seconds S                measured time of each run (3)
          --contestants A,B,…        of lowlatd, testpmd, kernel, offload and routed (lowlatd's XDP
                                     program), linux (IPv4 forwarding); throughput: all, latency: lowlatd,
                                         testpmd
          --rates PPS,…              latency only (10000,200000)
          --lowlatd FILE             the published program (out/lowlatd)
          --json FILE                results for the gates
          --burst N --fill N --huge never|auto   what lowlatd is told (64, 2048, auto)
        """;

    public bool IsLatency { get; init; }
    public int Repeats { get; init; } = 7;
    public double Seconds { get; init; } = 3;
    public IReadOnlyList<string>? Contestants { get; init; }
    public IReadOnlyList<double> Rates { get; init; } = [10_000, 200_000];
    public string? Lowlatd { get; init; }
    public string? Json { get; init; }
    public Tuning Tuning { get; init; } = new(64, 2048, HugePages.Auto);

    /// <summary>Reads the arguments; null when help was asked for.</summary>
    /// <exception cref="FormatException">One of them is wrong.</exception>
    public static Options? Parse(string[] arguments)
    {
        Options options = new();
        for (int i = 0; i < arguments.Length; i++)
        {
            string name = arguments[i];
            if (name is "--help" or "-h")
            {
                return null;
            }

            if (name is "throughput" or "latency")
            {
                options = options with { IsLatency = name == "latency" };
                continue;
            }

            string value = ++i < arguments.Length ? arguments[i]
                : throw new FormatException($"{name} needs a value");
            options = options.With(name, value);
        }

        return options;
    }

    private Options With(string name, string value) => name switch
    {
        "--repeats" => this with { Repeats = (int)Number(name, value, 1, 1000) },
        "--seconds" => this with { Seconds = Number(name, value, 0.2, 3600) },
        "--contestants" => this with { Contestants = Names(value) },
        "--rates" => this with { Rates = [.. value.Split(',').Select(rate => Number(name, rate, 1, 1e7))] },
        "--lowlatd" => this with { Lowlatd = value },
        "--json" => this with { Json = value },
        "--burst" => this with { Tuning = Tuning with { Burst = (uint)Number(name, value, 1, 64) } },
        "--fill" => this with { Tuning = Tuning with { FillLevel = (uint)Number(name, value, 64, 4096) } },
        "--huge" => this with { Tuning = Tuning with { HugePages = Huge(value) } },
        _ => throw new FormatException($"no option {name}; --help lists them"),
    };

    private static HugePages Huge(string value) => value switch
    {
        "never" => HugePages.Never,
        "auto" => HugePages.Auto,
        _ => throw new FormatException($"--huge {value}: never or auto"),
    };

    private static string[] Names(string value)
    {
        string[] names = value.Split(',');
        string? unknown = names.FirstOrDefault(name => !Forward.Contestants.Names.Contains(name));
        return unknown == null ? names
            : throw new FormatException($"--contestants {unknown}: "
                + $"{string.Join(", ", Forward.Contestants.Names)}");
    }

    private static double Number(string name, string value, double min, double max) =>
        double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
            && number >= min && number <= max
            ? number : throw new FormatException($"{name} {value}: a number from {min} to {max}");
}
