using System.Diagnostics;
using System.Text;
using LowLatency.Control.Configuring;

namespace LowLatency.Control.Readiness;

/// <summary>How to collect.</summary>
/// <param name="WindowSeconds">Length of the window, seconds; 0: none.</param>
/// <param name="IsMaintenance">Reads that disturb data-plane CPUs, ports or disks are allowed.</param>
/// <param name="Profile">Profile asked for; null: none.</param>
internal sealed record CollectOptions(double WindowSeconds, bool IsMaintenance, HostProfile? Profile);

/// <summary>Collects, once, every fact that some checks declare. Runs on the caller's thread, which should be
/// on a housekeeping CPU.</summary>
/// <param name="host">Whom to ask.</param>
/// <param name="checks">Whose reads.</param>
/// <param name="options">How.</param>
internal sealed class Collector(IHost host, IReadOnlyList<Check> checks, CollectOptions options)
{
    private const string Interrupts = "/proc/interrupts";

    private readonly Stopwatch _clock = new();
    private Evidence _evidence = null!;

    /// <summary>Collects.</summary>
    /// <param name="configuration">What is declared; null: nothing.</param>
    /// <param name="tool">Version of this program.</param>
    /// <param name="timeNs">Now, ns since 1970.</param>
    /// <param name="watch">Waits for the window's time; called only when there is one.</param>
    public (Evidence Evidence, Topology Topology) Collect(
        Configuration? configuration, string tool, long timeNs, Action<double> watch)
    {
        _evidence = new Evidence
        {
            Tool = tool,
            TimeNs = timeNs,
            ConfigurationName = configuration?.FileName ?? "",
            ConfigurationText = configuration?.Text ?? "",
            ProfileAsked = options.Profile is HostProfile asked ? HostProfiles.WordOf(asked) : null,
        };
        _clock.Restart();
        Topology topology = new TopologyBuilder(source => Take(source, Intrusion.I0, Moment.Start))
            .Build(configuration, options.Profile);
        foreach (string source in HostIdentity.All)
        {
            Take(source, Intrusion.I0, Moment.Start);
        }

        Fact before = host.Read(Interrupts, Intrusion.I1);
        List<Read> reads = [.. checks.SelectMany(check => check.Reads)];
        foreach (Read read in reads.Where(read => !read.Traits.HasFlag(ReadTraits.Window)))
        {
            TakeAll(read, topology, Moment.Start);
        }

        Fact after = host.Read(Interrupts, Intrusion.I1);
        if (options.WindowSeconds > 0)
        {
            Watch(reads, topology, watch);
        }
        else
        {
            foreach (Read read in reads.Where(read => read.Traits.HasFlag(ReadTraits.Window)))
            {
                TakeAll(read, topology, Moment.Start);
            }
        }

        _clock.Stop();
        _evidence.Noise = new SelfNoise(
            Math.Round(_clock.Elapsed.TotalMilliseconds, 1), InterruptTable.Between(before, after,
                topology.Data));
        return (_evidence, topology);
    }

    private void Watch(List<Read> reads, Topology topology, Action<double> watch)
    {
        List<Read> watched = [.. reads.Where(read => read.Traits.HasFlag(ReadTraits.Window))];
        watched.ForEach(read => TakeAll(read, topology, Moment.Start));
        long start = Stopwatch.GetTimestamp();
        _clock.Stop();
        watch(options.WindowSeconds);
        _clock.Start();
        _evidence.WindowSeconds = Math.Round(Stopwatch.GetElapsedTime(start).TotalSeconds, 3);
        watched.ForEach(read => TakeAll(read, topology, Moment.End));
    }

    private void TakeAll(Read read, Topology topology, Moment moment)
    {
        foreach (string pattern in Expansion.Of(read.Pattern, topology))
        {
            foreach (string source in Sources(pattern, moment))
            {
                Take(source, read.Intrusion, moment);
            }
        }
    }

    private Fact Take(string source, Intrusion intrusion, Moment moment)
    {
        if (!_evidence.Has(source, moment))
        {
            bool isWithheld = intrusion >= Intrusion.I2 && !options.IsMaintenance;
            _evidence.Add((isWithheld ? new Fact
            {
                Source = source,
                State = FactState.Withheld,
                Problem = $"not read: it {Words.Cost(intrusion)}; --maintenance allows it",
                TimeNs = _evidence.TimeNs,
                Intrusion = intrusion,
            } : host.Read(source, intrusion)) with { Moment = moment });
        }

        return _evidence.Find(source, moment);
    }

    // Directories are listed once, at the start: what appears in the window is not what was watched.
    private List<string> Sources(string pattern, Moment moment)
    {
        if (!pattern.Contains('*', StringComparison.Ordinal))
        {
            return [pattern];
        }

        string listing = Expansion.ListingOf(pattern);
        if (!_evidence.Has(listing))
        {
            (FactState state, string problem, List<string> found) = Walk(pattern);
            _evidence.Add(new Fact
            {
                Source = listing,
                State = state,
                Bytes = Encoding.UTF8.GetBytes(string.Concat(found.Select(source => source + "\n"))),
                Problem = problem,
                TimeNs = _evidence.TimeNs,
                Intrusion = Intrusion.I0,
            });
        }

        return [.. Encoding.UTF8.GetString(_evidence.Find(listing).Bytes)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }

    private (FactState State, string Problem, List<string> Found) Walk(string pattern)
    {
        int start = pattern.IndexOf('/', StringComparison.Ordinal);
        string scheme = pattern[..start].Contains(':', StringComparison.Ordinal)
            ? pattern[..(pattern.IndexOf(':') + 1)] : "";
        List<string> level = [pattern[scheme.Length..start]];
        bool wasListed = false;
        foreach (string part in pattern[(start + 1)..].Split('/'))
        {
            List<string> next = [];
            foreach (string parent in level)
            {
                if (!part.Contains('*', StringComparison.Ordinal))
                {
                    next.Add($"{parent}/{part}");
                    continue;
                }

                IReadOnlyList<string>? names = host.List(parent, out string problem);
                if (problem.Length > 0)
                {
                    return (FactState.Denied, $"{parent}: {problem}", []);
                }

                wasListed |= names is not null;
                next.AddRange((names ?? []).Where(name => Read.Matches(part, name))
                    .Order(StringComparer.Ordinal).Select(name => $"{parent}/{name}"));
            }

            level = next;
        }

        return (wasListed ? FactState.Read : FactState.Missing, "",
            level.ConvertAll(source => scheme + source));
    }
}
