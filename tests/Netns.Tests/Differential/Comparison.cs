using System.Globalization;
using System.Text;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>A difference between two devices that is right as it is.</summary>
/// <param name="Id">Its name in a report.</param>
/// <param name="Applies">The frames that may make it; they are sent alone.</param>
/// <param name="Accepts">What came out of the oracle, what out of the device: is it this difference?</param>
/// <param name="Why">The reason.</param>
public sealed record Justified(
    string Id, Func<Stimulus, bool> Applies,
    Func<IReadOnlyList<Captured>, IReadOnlyList<Captured>, bool> Accepts, string Why);

/// <summary>Sends the same frames into two devices and compares what comes out: the same frames by the same
/// ports, and those of one flow in the same order.</summary>
public sealed class Comparison
{
    /// <summary>Name of the variable that repeats a run.</summary>
    public const string SeedVariable = "LOWLAT_SEED";

    private const int BatchFrames = 64;
    private const int LinesMax = 12;
    private const int BytesMax = 200;
    private readonly Exchange _oracle;
    private readonly Exchange _device;
    private readonly IReadOnlyList<Justified> _justified;
    private readonly Dictionary<string, int> _hits = [];

    /// <summary>Makes one.</summary>
    public Comparison(Exchange oracle, Exchange device, params IReadOnlyList<Justified> justified)
    {
        _oracle = oracle;
        _device = device;
        _justified = justified;
    }

    /// <summary>Frames that came out of the oracle.</summary>
    public int Out { get; private set; }

    /// <summary>True for devices that remember frames: what is sent again does not find them as they were,
    /// so that a difference is shown as it came, and not shrunk.</summary>
    public bool IsStateful { get; init; }

    /// <summary>Frames that went into each.</summary>
    public int In { get; private set; }

    /// <summary>Justified differences that no frame of this run made.</summary>
    public IEnumerable<string> Unused =>
        _justified.Select(entry => entry.Id).Where(id => !_hits.ContainsKey(id));

    /// <summary>A run's seed: the variable's, or a new one.</summary>
    /// <param name="unsaid">The seed where none is given; null: another one each time.</param>
    public static int ChooseSeed(int? unsaid = null) => int.TryParse(
        Environment.GetEnvironmentVariable(SeedVariable), CultureInfo.InvariantCulture, out int seed)
        ? seed : unsaid ?? Random.Shared.Next();

    /// <summary>Compares; null, or the smallest frames that differ and what came of them.</summary>
    public string? Run(IEnumerable<Stimulus> stimuli, int seed)
    {
        // A batch goes in by one port: what comes from several has no order of its own.
        Dictionary<int, List<Stimulus>> together = [];
        foreach (Stimulus stimulus in stimuli)
        {
            List<Stimulus> batch = [stimulus];
            if (!IsApart(stimulus))
            {
                batch = together.GetValueOrDefault(stimulus.Port, []);
                batch.Add(stimulus);
                together[stimulus.Port] = batch;
            }

            if ((batch.Count == BatchFrames || IsApart(stimulus)) && Flush(batch, seed) is string difference)
            {
                return difference;
            }
        }

        return together.Values.Select(batch => batch.Count > 0 ? Flush(batch, seed) : null)
            .FirstOrDefault(difference => difference != null);
    }

    /// <summary>What differs between two lists of output, or null.</summary>
    public static string? Difference(IReadOnlyList<Captured> expected, IReadOnlyList<Captured> actual)
    {
        List<Captured> oracles = Flows(expected);
        List<Captured> devices = Flows(actual);
        if (oracles.Select(Key).SequenceEqual(devices.Select(Key)))
        {
            return null;
        }

        List<Captured> missing = Without(oracles, devices);
        List<Captured> extra = Without(devices, oracles);
        return missing.Count + extra.Count > 0 ? $"  missing:\n{Text(missing)}  not expected:\n{Text(extra)}"
            : $"  the same frames in another order; expected:\n{Text(oracles)}  but got:\n{Text(devices)}";
    }

    private static string Key(Captured captured) => $"{captured.Port} {Convert.ToHexString(captured.Frame)}";

    private static List<Captured> Without(List<Captured> all, List<Captured> others)
    {
        Dictionary<string, int> counts = others.CountBy(Key).ToDictionary();
        return
        [
            .. all.Where(captured =>
                (counts[Key(captured)] = counts.GetValueOrDefault(Key(captured)) - 1) < 0),
        ];
    }

    private string? Flush(List<Stimulus> batch, int seed)
    {
        string? difference = Judge(batch, seed);
        batch.Clear();
        return difference;
    }

    private string? Judge(List<Stimulus> batch, int seed)
    {
        In += batch.Count;
        List<Captured> expected = _oracle.Run(batch);
        List<Captured> actual = _device.Run(batch);
        Out += expected.Count;
        if (Difference(expected, actual) == null || IsJustified(batch, expected, actual))
        {
            return null;
        }

        if (IsStateful)
        {
            return $"{SeedVariable}={seed}: after {In} frames\n{Difference(expected, actual)}";
        }

        List<Stimulus> smallest =
            batch.Any(IsApart) ? batch : new Shrinker(Differs, budget: 2000).Shrink(batch);
        StringBuilder text = new();
        text.Append(
            CultureInfo.InvariantCulture, $"{SeedVariable}={seed}: {smallest.Count} frame(s) differ\n");
        text.Append(Text([.. smallest.Select(stimulus => new Captured(stimulus.Port, stimulus.Frame))]));
        string? again = Difference(_oracle.Run(smallest), _device.Run(smallest));
        return text.Append(again
            ?? $"  but not when sent again ({_device.Says()}):\n{Difference(expected, actual)}").ToString();
    }

    // What shrinks into a frame of a justified difference is no smaller example of this one.
    private bool Differs(IReadOnlyList<Stimulus> batch) =>
        !batch.Any(IsApart) && Difference(_oracle.Run(batch), _device.Run(batch)) != null;

    private bool IsApart(Stimulus stimulus) => _justified.Any(entry => entry.Applies(stimulus));

    private bool IsJustified(
        List<Stimulus> batch, IReadOnlyList<Captured> expected, IReadOnlyList<Captured> actual)
    {
        Justified? entry = batch.Count != 1 ? null
            : _justified.FirstOrDefault(entry => entry.Applies(batch[0]) && entry.Accepts(expected, actual));
        if (entry != null)
        {
            _hits[entry.Id] = _hits.GetValueOrDefault(entry.Id) + 1;
        }

        return entry != null;
    }

    // Frames by port and flow; the sort is stable, so that a flow's own order stays.
    private static List<Captured> Flows(IReadOnlyList<Captured> frames) =>
    [
        .. frames.Select(captured => captured with { Frame = Normal.Of(captured.Frame) })
            .OrderBy(FlowOf, StringComparer.Ordinal),
    ];

    // What the device itself says has no order: answers come from the kernel's stack, by several ways; no
    // more have packets with extension headers, which may be wrong in themselves. Else MACs, type and, of
    // IP, all of the header that one flow's packets of a kind have in common: what has options or is a
    // fragment may take another way through a device.
    private static string FlowOf(Captured captured)
    {
        ReadOnlySpan<byte> frame = captured.Frame;
        (int type, int at) = Packets.FindIp(frame);
        string start = $"{captured.Port} {Convert.ToHexString(frame[..Math.Min(14, frame.Length)])}";
        bool isWhole = frame.Length >= at + (type == Packets.Ipv4Type ? 20 : 40);
        return type == 0 || !isWhole ? start
            : Normal.IsOwn(frame, type, at) || (type == Packets.Ipv6Type && HasExtension(frame[at + 6]))
                ? $"{start} {Convert.ToHexString(frame)}"
            : type == Packets.Ipv6Type ? $"{start} {Convert.ToHexString(frame.Slice(at + 6, 1))}"
                + Convert.ToHexString(frame.Slice(at + 8, 32))
            : $"{start} {frame[at]} {FragmentOf(frame[at..])} {frame[at + 9]} "
                + Convert.ToHexString(frame.Slice(at + 12, 8));
    }

    // Fragments have an order within their packet: the kernel makes them of what is too long for the lane.
    private static int FragmentOf(ReadOnlySpan<byte> packet) =>
        ((packet[6] & 0x3F) | packet[7]) == 0 ? -1 : (packet[4] << 8) | packet[5];

    private static bool HasExtension(byte next) => next is not (Packets.Tcp or Packets.Udp or Packets.Icmp6);

    private static string Text(List<Captured> frames) => frames.Count == 0 ? "    nothing\n"
        : string.Concat(frames.Take(LinesMax).Select(captured =>
            $"    port {captured.Port}, {captured.Frame.Length} bytes: {Hex(captured.Frame)}\n"));

    private static string Hex(byte[] frame) => frame.Length <= BytesMax ? Convert.ToHexStringLower(frame)
        : Convert.ToHexStringLower(frame.AsSpan(0, BytesMax)) + "...";
}
