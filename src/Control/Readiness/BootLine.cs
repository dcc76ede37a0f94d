using System.Text;
using LowLatency.Control.Configuring;

namespace LowLatency.Control.Readiness;

/// <summary>One argument of a kernel command line.</summary>
/// <param name="Name">Its name; a dash and an underscore are the same (kernel/params.c, parameq).</param>
/// <param name="Value">Its value; null: it has none.</param>
internal readonly record struct BootArgument(string Name, string? Value)
{
    /// <summary>As written on the line.</summary>
    public override string ToString() => Value is null ? Name : Value.Contains(' ', StringComparison.Ordinal)
        ? $"{Name}=\"{Value}\"" : $"{Name}={Value}";
}

/// <summary>A kernel command line, taken apart as the kernel does it (lib/cmdline.c, next_arg).
/// Pure.</summary>
internal sealed class BootLine
{
    /// <summary>Where the running kernel shows its line.</summary>
    public const string Source = "/proc/cmdline";

    private const string Isolation = "isolcpus";
    private const int Most = 4096; // the longest COMMAND_LINE_SIZE of any architecture (asm/setup.h)

    private static readonly string[] Flags = ["nohz", "domain", "managed_irq"];

    private BootLine(IReadOnlyList<BootArgument> arguments) => Arguments = arguments;

    /// <summary>Arguments whose value is a list of CPUs.</summary>
    public static IReadOnlyList<string> Lists { get; } = [Isolation, "nohz_full", "rcu_nocbs", "irqaffinity"];

    /// <summary>Arguments whose first value holds.</summary>
    public static IReadOnlyList<string> FirstHolds { get; } = [Isolation, "nohz_full"];

    /// <summary>Its arguments in order; those behind <c>--</c> are init's.</summary>
    public IReadOnlyList<BootArgument> Arguments { get; }

    /// <summary>The line of the running kernel.</summary>
    /// <exception cref="NotReadException">It cannot be read, or is longer than any kernel takes.</exception>
    public static BootLine Running(Facts facts) => facts.Line(Source) is { Length: <= Most } line
        ? Parse(line)
        : throw new NotReadException($"{Source}: it is longer than any kernel takes");

    /// <summary>Takes a line apart.</summary>
    public static BootLine Parse(string line)
    {
        List<BootArgument> arguments = [];
        StringBuilder word = new();
        bool isQuoted = false;
        foreach (char c in line.Trim() + " ")
        {
            if (c == '"')
            {
                isQuoted = !isQuoted;
            }
            else if (!char.IsWhiteSpace(c) || isQuoted)
            {
                word.Append(c);
            }
            else if (word.Length > 0)
            {
                string text = word.ToString();
                word.Clear();
                if (text == "--")
                {
                    break;
                }

                int equals = text.IndexOf('=', StringComparison.Ordinal);
                arguments.Add(equals < 0 ? new BootArgument(text, null)
                    : new BootArgument(text[..equals], text[(equals + 1)..]));
            }
        }

        return new BootLine(arguments);
    }

    /// <summary>The last value of an argument; null when it is not there, or has none.</summary>
    public string? Last(string name) => Arguments.LastOrDefault(argument => IsSame(argument.Name, name))
        .Value;

    /// <summary>The value that holds: of isolcpus and nohz_full the first, as the kernel drops a later one
    /// that differs (kernel/sched/isolation.c, housekeeping_setup); of all others the last. Null when it is
    /// not there, or has none.</summary>
    public string? Holding(string name) => FirstHolds.Any(first => IsSame(name, first))
        ? Arguments.FirstOrDefault(argument => IsSame(argument.Name, name)).Value : Last(name);

    /// <summary>All values of an argument, in order.</summary>
    public IReadOnlyList<string?> All(string name) =>
        [.. Arguments.Where(argument => IsSame(argument.Name, name)).Select(argument => argument.Value)];

    /// <summary>It is there.</summary>
    public bool Has(string name) => Arguments.Any(argument => IsSame(argument.Name, name));

    /// <summary>The CPUs an argument names; empty when it is not there.</summary>
    /// <param name="name">irqaffinity, nohz_full, rcu_nocbs or isolcpus; the latter's flags are passed
    /// over.</param>
    /// <param name="possible">CPUs there may be: the last of them is what N stands for.</param>
    /// <exception cref="NotReadException">Its value is no list of CPUs.</exception>
    public CpuMask Cpus(string name, CpuMask possible) => Holding(name) is not string value ? CpuMask.Empty
        : CpusOf(name, value, possible)
            ?? throw new NotReadException($"the boot argument {name}={Facts.Short(value)} is no list of "
                + $"CPUs");

    /// <summary>The CPUs that a value of an argument names; null where the kernel refuses it.</summary>
    public static CpuMask? CpusOf(string name, string value, CpuMask possible) =>
        CpuListGrammar.Parse(IsSame(name, Isolation) ? Isolating(value).List : value,
            possible.Cpus.DefaultIfEmpty().Max()) is { } cpus ? new CpuMask(cpus) : null;

    /// <summary>Flags before the list of isolcpus; without any it isolates from the domains
    /// (kernel/sched/isolation.c).</summary>
    public IReadOnlyList<string> IsolationFlags() =>
        Holding(Isolation) is not string value ? [] : Isolating(value).Flags is { Count: > 0 } flags ? flags
            : ["domain"];

    /// <summary>Words before the list of isolcpus that are no flag: the kernel passes over them.</summary>
    public IReadOnlyList<string> UnknownFlags() =>
        Holding(Isolation) is string value ? Isolating(value).Unknown : [];

    /// <summary>Two names of the same argument.</summary>
    public static bool IsSame(string one, string other) => one.Replace('-', '_') == other.Replace('-', '_');

    /// <summary>Two lines say the same of an argument, in whatever words: lists of CPUs are sets, as are the
    /// flags of isolcpus; of any other argument all values count, in order.</summary>
    public static bool IsSameOn(BootLine one, BootLine other, string name, CpuMask possible)
    {
        if (one.Has(name) != other.Has(name) || !Lists.Any(list => IsSame(list, name)))
        {
            return one.All(name).SequenceEqual(other.All(name));
        }

        (string? mine, string? its) = (one.Holding(name), other.Holding(name));
        CpuMask? cpus = mine is null ? null : CpusOf(name, mine, possible);
        return mine == its || (cpus is not null && its is not null && cpus.Equals(CpusOf(name, its, possible))
            && (!IsSame(name, Isolation) || one.IsolationFlags().ToHashSet()
                .SetEquals(other.IsolationFlags())));
    }

    // Every word before the list that begins with a letter is a flag or passed over; one with other
    // characters makes the kernel refuse the whole, as does a list that never comes.
    private static (List<string> Flags, List<string> Unknown, string List) Isolating(string value)
    {
        List<string> flags = [];
        List<string> unknown = [];
        while (value.Length > 0 && char.IsAsciiLetter(value[0]))
        {
            int comma = value.IndexOf(',', StringComparison.Ordinal);
            string word = comma < 0 ? value : value[..comma];
            bool isWord = word.All(c => char.IsAsciiLetter(c) || c == '_');
            (Flags.Contains(word) ? flags : unknown).Add(word);
            value = comma < 0 || !isWord ? "" : value[(comma + 1)..];
        }

        return ([.. flags.Distinct()], unknown, value);
    }
}
