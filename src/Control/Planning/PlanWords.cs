using System.Buffers.Binary;
using System.Net;
using LowLatency.Control.Planning.Stages;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>The words of the configuration for what a plan holds: text and JSON say the same. Pure.</summary>
internal static class PlanWords
{
    private const uint AnyProtocol = 256;

    /// <summary>A member of a plan's enumeration, as the configuration writes it.</summary>
    public static string Of<T>(T value)
        where T : struct, Enum => value switch
    {
        BindMode.ZeroCopy => "zero-copy",
        WakePolicy.NeedWakeup => "need-wakeup",
        WakePolicy.BusyPoll => "busy-poll",
        StageKind.CrossConnect => "cross-connect",
        StageKind.MacRewrite => "mac-rewrite",
        StageKind.MacSwap => "mac-swap",
        _ => value.ToString().ToLowerInvariant(),
    };

    /// <summary>A MAC as text.</summary>
    public static string Mac(ulong mac) =>
        string.Join(':', BitConverter.GetBytes(mac).Take(6).Select(part => part.ToString("x2")));

    /// <summary>The rates of a load's ramp or steps; empty with any other schedule.</summary>
    public static IEnumerable<PlanRate> Rates(PlanLoad load)
    {
        for (int i = 0; i < Limits.RatesMax && load.Rates[i].ForNs > 0; i++)
        {
            yield return load.Rates[i];
        }
    }

    /// <summary>VLANs of a load's frames, outer first.</summary>
    public static IEnumerable<int> Vlans(PlanLoad load) =>
        ((int[])[load.OuterVlan, load.InnerVlan]).Take((int)load.VlanCount);

    /// <summary>A range of a load's addresses, as the file writes it.</summary>
    public static string Addresses(Address16 first, uint count, uint family)
    {
        byte[] bytes = ((ReadOnlySpan<byte>)first)[..(family == 4 ? 4 : 16)].ToArray();
        string low = new IPAddress(bytes).ToString();
        Span<byte> last = bytes.AsSpan(^4..);
        BinaryPrimitives.WriteUInt32BigEndian(last, BinaryPrimitives.ReadUInt32BigEndian(last) + count - 1);
        return count == 1 ? low : $"{low}-{new IPAddress(bytes)}";
    }

    /// <summary>The frame sizes of a load.</summary>
    public static IEnumerable<PlanSize> Sizes(PlanLoad load)
    {
        for (int i = 0; i < 8 && load.Sizes[i].Weight > 0; i++)
        {
            yield return load.Sizes[i];
        }
    }

    /// <summary>What a rule asks of a frame, one condition each; "any" when it asks nothing.</summary>
    public static IReadOnlyList<string> Matches(PlanRule rule, IReadOnlyList<string> ports)
    {
        List<string> words = [];
        Add(words, "port", rule.Port < 0 ? "" : ports[rule.Port]);
        Add(words, "family", rule.Family == 0 ? "" : $"{rule.Family}");
        Add(words, "protocol", rule.Protocol == AnyProtocol ? "" : Protocol(rule.Protocol));
        Add(words, "source", PrefixText(rule.Source, rule.SourceBits, rule.Family));
        Add(words, "destination", PrefixText(rule.Destination, rule.DestinationBits, rule.Family));
        Add(words, "source_ports", Range(rule.SourcePortLow, rule.SourcePortHigh));
        Add(words, "destination_ports", Range(rule.DestinationPortLow, rule.DestinationPortHigh));
        Add(words, "vlan", rule.VlanLow == 0 && rule.VlanHigh >= 4095 ? ""
            : rule.VlanHigh == 0 ? "untagged" : Range(rule.VlanLow, rule.VlanHigh));
        Add(words, "tcp_flags", AclDesign.FlagsText(rule.TcpFlags, rule.TcpFlagsMask));
        Add(words, "fragment", rule.Fragment == FragmentMatch.Any ? "" : Of(rule.Fragment));
        return words.Count == 0 ? ["any"] : words;
    }

    private static void Add(List<string> words, string key, string value)
    {
        if (value.Length > 0)
        {
            words.Add($"{key}={value}");
        }
    }

    private static string Protocol(uint number) => number switch
    {
        1 => "icmp",
        6 => "tcp",
        17 => "udp",
        58 => "icmpv6",
        _ => $"{number}",
    };

    private static string PrefixText(Address16 address, uint bits, uint family)
    {
        ReadOnlySpan<byte> bytes = address;
        return bits == 0 ? "" : $"{new IPAddress(bytes[..(family == 4 ? 4 : 16)])}/{bits}";
    }

    private static string Range(ushort low, ushort high) =>
        low == 0 && high == ushort.MaxValue ? "" : low == high ? $"{low}" : $"{low}-{high}";
}
