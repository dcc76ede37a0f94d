using System.Globalization;
using System.Text;
using LowLatency.Native.Netlink;

namespace LowLatency.Control.Readiness;

/// <summary>A source that matched a pattern, with what stood for each <c>*</c>'s path component.</summary>
/// <param name="Source">The source.</param>
/// <param name="Parts">The components that held a star, in order.</param>
internal readonly record struct Match(string Source, IReadOnlyList<string> Parts);

/// <summary>The evidence as one check sees it: only the reads it declares. Getters throw
/// <see cref="NotReadException"/> for what could not be read or is not what it should be, so that no rule can
/// take silence for an answer. One thread.</summary>
internal sealed class Facts
{
    private readonly Evidence _evidence;
    private readonly List<(Read Read, string Pattern)> _allowed = [];
    private readonly Dictionary<(string, Moment), Fact> _used = [];

    /// <summary>Of a check.</summary>
    public Facts(Evidence evidence, Topology topology, Check check)
    {
        _evidence = evidence;
        Topology = topology;
        foreach (Read read in check.Reads)
        {
            _allowed.AddRange(Expansion.Of(read.Pattern, topology).Select(pattern => (read, pattern)));
        }
    }

    /// <summary>What is declared.</summary>
    public Topology Topology { get; }

    /// <summary>Length of the window, seconds; 0: there was none.</summary>
    public double WindowSeconds => _evidence.WindowSeconds;

    /// <summary>When the evidence was collected, ns since 1970.</summary>
    public long TimeNs => _evidence.TimeNs;

    /// <summary>Everything the rule looked at so far.</summary>
    public IReadOnlyCollection<Fact> Used => _used.Values;

    /// <summary>A fact, whatever became of it; never throws for what the host answered.</summary>
    /// <exception cref="InvalidOperationException">The check does not declare it: a fault in the
    /// check.</exception>
    public Fact Get(string source, Moment moment = Moment.Start)
    {
        string pattern = ReadOf(source).Pattern;
        Fact fact = _evidence.Find(source, moment);
        if (fact.State == FactState.NotCollected && (moment == Moment.Start || WindowSeconds > 0)
            && pattern.Contains('*', StringComparison.Ordinal) && IsListed(source))
        {
            fact = fact with { State = FactState.Missing, Problem = "there is no such file" };
        }

        _used[(source, moment)] = fact;
        return fact;
    }

    /// <summary>There is such a file or device. Throws when that could not be found out.</summary>
    public bool Exists(string source) => Get(source).State switch
    {
        FactState.Missing => false,
        FactState.Read => true,
        _ => throw new NotReadException($"{source}: {Get(source).Problem}"),
    };

    /// <summary>The whole text.</summary>
    public string Text(string source, Moment moment = Moment.Start) =>
        TextOrMissing(source, moment) ?? throw new NotReadException($"{source}: there is no such file");

    /// <summary>The whole text; null when there is no such file.</summary>
    public string? TextOrMissing(string source, Moment moment = Moment.Start)
    {
        Fact fact = Get(source, moment);
        if (fact.State == FactState.Missing)
        {
            return null;
        }

        if (fact.State != FactState.Read)
        {
            throw new NotReadException($"{source}: {fact.Problem}");
        }

        return Checked(fact, ReadOf(source).Traits);
    }

    /// <summary>The text of a file of one line, without spaces at its ends.</summary>
    public string Line(string source, Moment moment = Moment.Start) => OneLine(source, Text(source, moment));

    /// <summary>As <see cref="Line"/>; null when there is no such file.</summary>
    public string? LineOrMissing(string source, Moment moment = Moment.Start) =>
        TextOrMissing(source, moment) is string text ? OneLine(source, text) : null;

    /// <summary>All lines.</summary>
    public string[] Lines(string source, Moment moment = Moment.Start) =>
        Text(source, moment).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>As <see cref="Lines"/>; null when there is no such file.</summary>
    public string[]? LinesOrMissing(string source, Moment moment = Moment.Start) =>
        TextOrMissing(source, moment)?.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>A whole number, decimal.</summary>
    public long Number(string source, Moment moment = Moment.Start) =>
        AsNumber(source, Line(source, moment));

    /// <summary>As <see cref="Number"/>; null when there is no such file.</summary>
    public long? NumberOrMissing(string source, Moment moment = Moment.Start) =>
        LineOrMissing(source, moment) is string line ? AsNumber(source, line) : null;

    /// <summary>A list of CPUs.</summary>
    public CpuMask Cpus(string source) => AsCpus(source, Line(source));

    /// <summary>As <see cref="Cpus"/>; null when there is no such file.</summary>
    public CpuMask? CpusOrMissing(string source) =>
        LineOrMissing(source) is string line ? AsCpus(source, line) : null;

    /// <summary>A mask of CPUs in hexadecimal.</summary>
    public CpuMask HexCpus(string source) => AsHex(source, Line(source));

    /// <summary>As <see cref="HexCpus"/>; null when there is no such file.</summary>
    public CpuMask? HexCpusOrMissing(string source) =>
        LineOrMissing(source) is string line ? AsHex(source, line) : null;

    /// <summary>The word in brackets of a file such as "always [madvise] never"; the line itself when it has
    /// no brackets.</summary>
    public string Chosen(string source) => ChosenOrMissing(source)
        ?? throw new NotReadException($"{source}: there is no such file");

    /// <summary>As <see cref="Chosen"/>; null when there is no such file.</summary>
    public string? ChosenOrMissing(string source)
    {
        string? line = LineOrMissing(source);
        int start = line?.IndexOf('[', StringComparison.Ordinal) ?? -1;
        int end = line?.IndexOf(']', StringComparison.Ordinal) ?? -1;
        return line is null ? null : start < 0 || end < start
            ? throw new NotReadException($"{source}: '{Short(line)}' marks no choice with brackets")
            : line[(start + 1)..end];
    }

    /// <summary>A binary file, or one of texts that end in NUL.</summary>
    public byte[] Bytes(string source, Moment moment = Moment.Start)
    {
        Fact fact = Get(source, moment);
        return fact.State == FactState.Read ? fact.Bytes
            : throw new NotReadException($"{source}: {fact.Problem}");
    }

    /// <summary>A value of lines such as "VmLck:   12 kB" or "nr_throttled 4".</summary>
    /// <param name="source">The file.</param>
    /// <param name="key">What stands before the colon or the first space.</param>
    /// <param name="moment">When.</param>
    public string Value(string source, string key, Moment moment = Moment.Start) =>
        ValueOrMissing(source, key, moment)
        ?? throw new NotReadException($"{source}: it has no line '{key}'");

    /// <summary>As <see cref="Value"/>; null when the file has no such line. The file itself must be
    /// there.</summary>
    public string? ValueOrMissing(string source, string key, Moment moment = Moment.Start) =>
        Lines(source, moment)
            .Where(line => line.Length > key.Length && line.StartsWith(key, StringComparison.Ordinal)
                && line[key.Length] is ':' or ' ' or '\t')
            .Select(line => line[(key.Length + 1)..].TrimStart(' ', '\t', ':').TrimEnd()).FirstOrDefault();

    /// <summary>What a counter moved in the window, from the value of one text at both ends.</summary>
    /// <param name="source">The file.</param>
    /// <param name="read">From its text, the counter.</param>
    public long Delta(string source, Func<string, long> read) =>
        read(Text(source, Moment.End)) - read(Text(source));

    /// <summary>As <see cref="Delta(string, Func{string, long})"/> for a file of one number.</summary>
    public long Delta(string source) => Number(source, Moment.End) - Number(source);

    /// <summary>A whole number within a text, or an unknown that names its source.</summary>
    public static long AsNumber(string source, string text) =>
        long.TryParse(text.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture,
            out long value)
            ? value : throw new NotReadException($"{source}: '{Short(text)}' is not a whole number");

    /// <summary>A list of CPUs within a text.</summary>
    public static CpuMask AsCpus(string source, string text) => CpuMask.ParseList(text)
        ?? throw new NotReadException($"{source}: '{Short(text)}' is not a list of CPUs");

    /// <summary>CPUs on which a thread may run, from its status; never none (sched_setaffinity(2)).</summary>
    public CpuMask AllowedCpus(string status) => AsCpus(status, Value(status, "Cpus_allowed_list"))
        is { IsEmpty: false } cpus ? cpus
        : throw new NotReadException($"{status}: its thread may run nowhere");

    /// <summary>Every source of the evidence that one of the check's patterns with stars stands for; what
    /// went away between listing and reading is left out.</summary>
    /// <param name="pattern">The pattern, placeholders filled in.</param>
    public IReadOnlyList<Match> Match(string pattern)
    {
        _ = ReadOf(pattern);
        Fact listing = _evidence.Find(Expansion.ListingOf(pattern));
        if (listing.State is not (FactState.Read or FactState.Missing))
        {
            throw new NotReadException($"{pattern}: {listing.Problem}");
        }

        string[] wanted = pattern.Split('/');
        return
        [
            .. Encoding.UTF8.GetString(listing.Bytes).Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Where(source => _evidence.Find(source).State is not (FactState.Missing
                    or FactState.NotCollected)
                    && Read.Matches(pattern, source))
                .Select(source => new Match(source,
                    [.. source.Split('/').Where((_, i) => wanted[i].Contains('*',
                        StringComparison.Ordinal))])),
        ];
    }

    /// <summary>The recorded answer to a netlink request about a port.</summary>
    /// <param name="port">The port.</param>
    /// <param name="request">Name of the request (<see cref="NetlinkRequests"/>).</param>
    /// <param name="moment">When.</param>
    /// <returns>Its records; null when kernel or driver do not know the request (EOPNOTSUPP).</returns>
    public IReadOnlyList<NetlinkRecord>? Netlink(TopologyPort port, string request,
        Moment moment = Moment.Start)
    {
        string source = port.Netlink(request);
        Fact fact = Get(source, moment);
        if (fact.State == FactState.Missing)
        {
            return null;
        }

        byte[] bytes = Bytes(source, moment);
        try
        {
            return bytes.Length == 0 ? throw new NotReadException($"{source}: the answer is empty")
                : NetlinkRecord.Parse(bytes, NetlinkRequests.Find(request)!.HeaderBytes);
        }
        catch (NetlinkFormatException e)
        {
            throw new NotReadException($"{source}: {e.Message}");
        }
    }

    /// <summary>The attributes of an answer that is one record; null when kernel or driver do not know the
    /// request.</summary>
    public NetlinkTree? Answer(TopologyPort port, string request, Moment moment = Moment.Start) =>
        Netlink(port, request, moment) switch
        {
            null => null,
            [var record, ..] => record.Attributes,
            _ => throw new NotReadException($"{port.Netlink(request)}: the answer holds no record"),
        };

    /// <summary>Judges each of many things by itself: what cannot be read of one is its own
    /// unknown.</summary>
    public static IEnumerable<Finding> Each<T>(
        IEnumerable<T> things, Func<T, Subject> subjectOf, Func<T, IEnumerable<Finding>> judge)
    {
        foreach (T thing in things)
        {
            List<Finding> findings = [];
            try
            {
                findings.AddRange(judge(thing));
            }
            catch (Exception e) when (e is NotReadException or NetlinkFormatException)
            {
                findings.Add(Finding.Unknown(e.Message, subjectOf(thing)));
            }

            foreach (Finding finding in findings)
            {
                yield return finding.Subject.Kind == SubjectKind.Host
                    ? finding with { Subject = subjectOf(thing) } : finding;
            }
        }
    }

    /// <summary>Judges each data-plane CPU by itself; not applicable when none is declared.</summary>
    public IEnumerable<Finding> EachDataCpu(Func<int, IEnumerable<Finding>> judge) => Topology.Data.IsEmpty
        ? [Finding.NotApplicable("no data-plane CPU is declared")]
        : Each(Topology.Data.Cpus, Subject.OfCpu, judge);

    /// <summary>Judges each declared port by itself; not applicable when there is none.</summary>
    public IEnumerable<Finding> EachPort(Func<TopologyPort, IEnumerable<Finding>> judge) =>
        Topology.Ports.Count == 0 ? [Finding.NotApplicable("no port is declared")]
            : Each(Topology.Ports, Subject.Of, port => port.Absence is string absence
                ? [Finding.Unknown(absence)] : judge(port));

    /// <summary>Judges each declared disk by itself; not applicable when there is none.</summary>
    public IEnumerable<Finding> EachDisk(Func<TopologyDisk, IEnumerable<Finding>> judge) =>
        Topology.Disks.Count == 0 ? [Finding.NotApplicable("no disk is declared")]
            : Each(Topology.Disks, Subject.Of, disk => disk.Absence is string absence
                ? [Finding.Unknown(absence)] : judge(disk));

    /// <summary>A text for one line of a message.</summary>
    public static string Short(string text)
    {
        string line = new([.. text.Trim().Take(60).Select(c => char.IsControl(c) ? ' ' : c)]);
        return text.Trim().Length > 60 ? line + "..." : line;
    }

    private static CpuMask AsHex(string source, string text) => CpuMask.ParseHex(text)
        ?? throw new NotReadException($"{source}: '{Short(text)}' is not a mask of CPUs");

    private static string OneLine(string source, string text) =>
        text.TrimEnd('\n').Contains('\n', StringComparison.Ordinal)
            ? throw new NotReadException($"{source}: it has more than the one line it should have")
                : text.Trim();

    // A file of the kernel ends in a newline: one that does not was cut short on its way here.
    private static string Checked(Fact fact, ReadTraits traits)
    {
        if (fact.Bytes.Length == 0)
        {
            return traits.HasFlag(ReadTraits.MayBeEmpty) ? ""
                : throw new NotReadException($"{fact.Source}: it is empty");
        }

        string text = Encoding.UTF8.GetString(fact.Bytes);
        if (traits.HasFlag(ReadTraits.Raw))
        {
            return text;
        }

        if (text.Any(c => (char.IsControl(c) && c is not ('\n' or '\t' or '\r' or '\x1b')) || c == '\uFFFD'))
        {
            throw new NotReadException($"{fact.Source}: it holds bytes that are not text");
        }

        return text[^1] == '\n' ? text : throw new NotReadException($"{fact.Source}: it ends in the middle "
            + $"of a line");
    }

    // Where a directory was listed, what is not in the list is not there.
    private bool IsListed(string source) => _allowed.Exists(allowed => Read.Matches(allowed.Pattern, source)
        && _evidence.Find(Expansion.ListingOf(allowed.Pattern)).State is FactState.Read or FactState.Missing);

    private Read ReadOf(string source)
    {
        foreach ((Read read, string pattern) in _allowed)
        {
            if (pattern == source || Read.Matches(pattern, source))
            {
                return read;
            }
        }

        throw new InvalidOperationException($"the check reads {source}, which it does not declare");
    }
}
