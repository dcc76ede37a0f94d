namespace LowLatency.Native.Tables;

/// <summary>Writes one rule into a block of a leaf, as <see cref="AclTable"/> compares it.</summary>
internal static class AclBlock
{
    /// <summary>Writes it.</summary>
    /// <param name="block">From the rule's lane of the first row on.</param>
    /// <param name="rule">The rule.</param>
    /// <param name="index">Its number.</param>
    /// <param name="family">Of the tree.</param>
    public static void Write(Span<uint> block, AclRule rule, int index, int family)
    {
        AclEntry entry = new(rule, index, family);
        Set(block, 0, (uint)index);
        uint selectMask = (uint)entry.Mask[AclKey.SelectWord]; // its VLAN and ingress only add what rows 4, 5 say
        Set(block, 1, (uint)entry.Value[AclKey.SelectWord]);
        Set(block, 2, selectMask);
        uint flags = rule.TcpFlagsMask == 0 ? 0
            : AclKey.FlagsBit | (uint)(rule.TcpFlags & rule.TcpFlagsMask)
                | ((AclKey.FlagsBit | rule.TcpFlagsMask) << 16);
        Set(block, 3, flags);
        bool isEmpty = rule.SourcePorts.Low > rule.SourcePorts.High
            || rule.DestinationPorts.Low > rule.DestinationPorts.High || rule.Vlans.Low > rule.Vlans.High
            || rule.Protocol > AclRule.AnyProtocol;
        Set(block, 4, isEmpty ? uint.MaxValue : ~rule.Ingress);
        Set(block, 5, rule.Vlans.Low | ((0xFFFFu - rule.Vlans.High) << 16));
        Set(block, 6, ((uint)rule.SourcePorts.Low << 16) | rule.DestinationPorts.Low);
        Set(block, 7, ((uint)rule.SourcePorts.High << 16) | rule.DestinationPorts.High);
        if (family == 6)
        {
            for (int word = 0; word < 4; word++)
            {
                Set(block, 8 + (word * 4), (uint)(entry.Value[word] >> 32));
                Set(block, 9 + (word * 4), (uint)(entry.Mask[word] >> 32));
                Set(block, 10 + (word * 4), (uint)entry.Value[word]);
                Set(block, 11 + (word * 4), (uint)entry.Mask[word]);
            }

            return;
        }

        Set(block, 8, (uint)(entry.Value[0] >> 32));
        Set(block, 9, (uint)(entry.Mask[0] >> 32));
        Set(block, 10, (uint)entry.Value[0]);
        Set(block, 11, (uint)entry.Mask[0]);
    }

    private static void Set(Span<uint> block, int row, uint value) =>
        block[row * AclTable.BlockRules] = value;
}
