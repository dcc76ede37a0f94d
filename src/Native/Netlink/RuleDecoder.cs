using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowLatency.Native.Netlink;

/// <summary>What stands before the kernel's route tables.</summary>
/// <param name="HasOtherRules">Rules (ip-rule(8)) that do not just ask local, main and default in turn: a
/// prefix alone does not decide then.</param>
/// <param name="Forwards4">net.ipv4.conf.all.forwarding.</param>
/// <param name="Forwards6">net.ipv6.conf.all.forwarding.</param>
public sealed record RoutePolicy(bool HasOtherRules, bool Forwards4, bool Forwards6)
{
    /// <summary>A router without rules of its own.</summary>
    public static RoutePolicy Standard { get; } = new(false, true, true);
}

/// <summary>One rule, as far as it matters.</summary>
/// <param name="Priority">Lower is asked first.</param>
/// <param name="Table">Asked; 0: the rule does something else, or for some packets only.</param>
internal sealed record RouteRule(uint Priority, uint Table)
{
    private static readonly uint[] Standard = [255, 254, 253]; // RT_TABLE_LOCAL, MAIN, DEFAULT

    /// <summary>True for local, main and, where it is asked at all, default.</summary>
    public static bool AreStandard(IEnumerable<RouteRule> rules)
    {
        uint[] tables = [.. rules.OrderBy(rule => rule.Priority).Select(rule => rule.Table)];
        return tables.Length is 2 or 3 && tables.AsSpan().SequenceEqual(Standard.AsSpan(0, tables.Length));
    }
}

/// <summary>Reads messages of rules and of settings that stand before routes; null for what is
/// none.</summary>
internal static class RuleDecoder
{
    /// <summary>A rule.</summary>
    public static RouteRule? Rule(NetlinkMessage message)
    {
        if (message.Type != RtRoute.NewRule
            || !MemoryMarshal.TryRead(message.Payload, out RtRoute.RuleMessage header))
        {
            return null;
        }

        bool isPlain = header.Action == RtRoute.RuleToTable && (header.Flags & RtRoute.RuleInvert) == 0
            && header.DestinationLength == 0 && header.SourceLength == 0 && header.Tos == 0;
        uint table = header.Table;
        uint priority = 0;
        NetlinkAttributes attributes = message.AttributesAfter(Unsafe.SizeOf<RtRoute.RuleMessage>());
        while (attributes.TryNext(out int type, out ReadOnlySpan<byte> value))
        {
            switch (type)
            {
                case RtRoute.RulePriority:
                    priority = (uint)NetlinkAttributes.Number(value);
                    break;
                case RtRoute.RuleTable:
                    table = (uint)NetlinkAttributes.Number(value);
                    break;
                case RtRoute.RuleSuppressGroup or RtRoute.RuleSuppress:
                    isPlain &= value.Length == 4 && BinaryPrimitives.ReadInt32LittleEndian(value) == -1;
                    break;
                case RtRoute.RulePad or RtRoute.RuleProtocol:
                    break;
                default:
                    isPlain = false; // a selector, known or not
                    break;
            }
        }

        return new RouteRule(priority, isPlain ? table : 0);
    }

    /// <summary>Whether interfaces forward unless told otherwise ("1") of the entry of all interfaces; null
    /// for other entries.</summary>
    public static string? ForwardingOfAll(NetlinkMessage message)
    {
        if (message.Type != RtRoute.NewConfiguration)
        {
            return null;
        }

        int index = 0;
        string forwarding = "0";
        NetlinkAttributes attributes = message.AttributesAfter(Unsafe.SizeOf<RtRoute.ConfigurationMessage>());
        while (attributes.TryNext(out int type, out ReadOnlySpan<byte> value))
        {
            if (type == RtRoute.ConfigurationIndex && value.Length == 4)
            {
                index = BinaryPrimitives.ReadInt32LittleEndian(value);
            }
            else if (type == RtRoute.ConfigurationForwarding && value.Length == 4)
            {
                forwarding = BinaryPrimitives.ReadInt32LittleEndian(value) != 0 ? "1" : "0";
            }
        }

        return index == RtRoute.ConfigurationOfAll ? forwarding : null;
    }
}
