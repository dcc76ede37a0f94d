using System.Text.Json;
using LowLatency.Native.Tables;

namespace LowLatency.Netns.Tests.Routing;

/// <summary>What the kernel would do with a packet, from what ip(8) prints: worked out apart from the
/// mirror.</summary>
internal sealed class KernelView
{
    private const uint AnyMtu = 0;
    private static readonly string[] Ports = ["a0", "a1"];
    private static readonly HashSet<string> Known =
        ["REACHABLE", "STALE", "DELAY", "PROBE", "PERMANENT", "NOARP"];
    private readonly Dictionary<(string Link, string Address), string> _macs = [];
    private readonly Dictionary<string, uint> _mtus = [];

    /// <param name="answers">Of <c>neighbour show</c> and of <c>link show</c>.</param>
    public KernelView(List<JsonElement> answers)
    {
        foreach (JsonElement neighbour in answers[0].EnumerateArray())
        {
            if (neighbour.TryGetProperty("lladdr", out JsonElement mac)
                && neighbour.GetProperty("state").EnumerateArray().Any(state =>
                    Known.Contains(state.GetString()!)))
            {
                _macs[(Text(neighbour, "dev"), Text(neighbour, "dst"))] = mac.GetString()!;
            }
        }

        foreach (JsonElement link in answers[1].EnumerateArray())
        {
            _mtus[Text(link, "ifname")] = link.GetProperty("mtu").GetUInt32();
        }
    }

    /// <summary>What a refusal of <c>route get</c> means.</summary>
    public static string OfError(string error) => error switch
    {
        "RTNETLINK answers: Invalid argument" => Word(NextHopKind.Blackhole),
        "RTNETLINK answers: No route to host" => Word(NextHopKind.Unreachable),
        "RTNETLINK answers: Permission denied" => Word(NextHopKind.Unreachable),
        "RTNETLINK answers: Network is unreachable" => Word(NextHopKind.None),
        _ => error,
    };

    /// <summary>What may become of a packet, as <c>RouteReader.At</c> says it; several for a group.</summary>
    public HashSet<string> Of(JsonElement answer, string address)
    {
        JsonElement route = answer[0];
        if (route.TryGetProperty("type", out _))
        {
            return [Word(NextHopKind.Local)]; // local, broadcast, anycast, multicast
        }

        uint mtu = uint.MaxValue;
        if (route.TryGetProperty("metrics", out JsonElement metrics)
            && metrics[0].TryGetProperty("mtu", out JsonElement own))
        {
            mtu = own.GetUInt32();
        }

        if (!route.TryGetProperty("nexthops", out JsonElement hops))
        {
            return [Of(route, address, mtu, isOnly: true)];
        }

        if (address.Contains(':'))
        {
            mtu = AnyMtu; // each way of an IPv6 route has its own metrics; the kernel tells the first's
        }

        JsonElement[] alive = [.. hops.EnumerateArray().Where(hop => !hop.GetProperty("flags")
            .EnumerateArray().Any(flag => flag.GetString() == "dead"))];
        return [.. alive.Select(hop => Of(hop, address, mtu, alive.Length == 1))];
    }

    private string Of(JsonElement hop, string address, uint mtu, bool isOnly)
    {
        string link = Text(hop, "dev");
        if (!Ports.Contains(link))
        {
            return Word(NextHopKind.OtherInterface);
        }

        // Several ways without a gateway have no neighbour that tables could name.
        string? next = hop.TryGetProperty("gateway", out JsonElement gateway) ? gateway.GetString()
            : hop.TryGetProperty("via", out JsonElement via) ? Text(via, "host") : isOnly ? address : null;
        return next is null || !_macs.TryGetValue((link, next), out string? mac) ? Word(NextHopKind.Neighbour)
            : $"forward {link[1..]} {Hex(mac)} "
                + (mtu == AnyMtu ? "?" : $"{Math.Min(mtu, _mtus[link])}");
    }

    private static string Hex(string mac) =>
        mac.Replace(":", "", StringComparison.Ordinal).ToUpperInvariant().Insert(8, "-");

    private static string Word(NextHopKind kind) => kind.ToString().ToLowerInvariant();

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;
}
