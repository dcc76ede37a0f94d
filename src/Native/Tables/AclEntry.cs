using System.Runtime.CompilerServices;
using LowLatency.Native.Layout;

namespace LowLatency.Native.Tables;

/// <summary>A rule within one node, while an access list is built: the bits of each word of a key that it
/// fixes, as far as one value and one mask can say, and what is left of its port ranges there.</summary>
internal struct AclEntry
{
    private const int CoverMax = 512; // entries compared in pairs
    public int Rule;
    public int Copies; // of this entry in its tree, as the cuts above it multiplied it
    public AclKey.Words Value;
    public AclKey.Words Mask;
    private ushort _sourceLow;
    private ushort _sourceHigh;
    private ushort _destinationLow;
    private ushort _destinationHigh;

    public AclEntry(AclRule rule, int index, int family)
    {
        Rule = index;
        Copies = 1;
        (_sourceLow, _sourceHigh) = rule.SourcePorts;
        (_destinationLow, _destinationHigh) = rule.DestinationPorts;
        if (family == 4)
        {
            Mask[0] = ((ulong)MaskOf(rule.SourceBits) << 32) | MaskOf(rule.DestinationBits);
            Value[0] = (((ulong)rule.Source << 32) | (uint)rule.Destination) & Mask[0];
        }
        else if (family == 6)
        {
            SetAddress(0, rule.Source, rule.SourceBits);
            SetAddress(2, rule.Destination, rule.DestinationBits);
        }

        SetSelect(rule);
        SetPorts();
    }

    /// <summary>Fixes one bit of a word; what a range has beyond it is cut off.</summary>
    public void Fix(int word, int bit, ulong value)
    {
        Mask[word] |= 1UL << bit;
        Value[word] = (Value[word] & ~(1UL << bit)) | (value << bit);
        if (word == AclKey.SelectWord && bit >= 48)
        {
            Clip(ref _sourceLow, ref _sourceHigh, bit - 48, value);
            SetPorts();
        }
        else if (word == AclKey.SelectWord && bit >= 32)
        {
            Clip(ref _destinationLow, ref _destinationHigh, bit - 32, value);
            SetPorts();
        }
    }

    // Only at the highest bit in which both ends differ: there one half of the range is left.
    private static void Clip(ref ushort low, ref ushort high, int bit, ulong value)
    {
        if (((low ^ high) >> bit) != 1)
        {
            return;
        }

        if (value == 0)
        {
            high = (ushort)(low | ((1 << bit) - 1));
        }
        else
        {
            low = (ushort)((high >> bit) << bit);
        }
    }

    /// <summary>Leaves out entries that never decide: all that comes to them here, an earlier one
    /// takes.</summary>
    /// <param name="entries">Of one node.</param>
    /// <param name="rules">All rules.</param>
    public static AclEntry[] WithoutCovered(AclEntry[] entries, IReadOnlyList<AclRule> rules)
    {
        if (entries.Length is < 2 or > CoverMax)
        {
            return entries;
        }

        Array.Sort(entries, (a, b) => a.Rule.CompareTo(b.Rule));
        List<AclEntry> kept = [];
        foreach (AclEntry entry in entries)
        {
            bool isCovered = false;
            for (int i = 0; i < kept.Count && !isCovered; i++)
            {
                isCovered = kept[i].Covers(entry, rules[kept[i].Rule]);
            }

            if (!isCovered)
            {
                kept.Add(entry);
            }
        }

        return [.. kept];
    }

    // Of the same node: what its cuts fixed is the same for both, what is left of the ranges says the rest.
    private readonly bool Covers(in AclEntry other, AclRule rule)
    {
        if (AclBlock.IsWide(rule) || _sourceLow > other._sourceLow || _sourceHigh < other._sourceHigh
            || _destinationLow > other._destinationLow || _destinationHigh < other._destinationHigh)
        {
            return false;
        }

        for (int word = 0; word < AclKey.SelectWord; word++)
        {
            ulong fixedBits = Mask[word];
            if ((fixedBits & ~other.Mask[word]) != 0 || ((Value[word] ^ other.Value[word]) & fixedBits) != 0)
            {
                return false;
            }
        }

        uint mask = (uint)Mask[AclKey.SelectWord];
        uint otherMask = (uint)other.Mask[AclKey.SelectWord];
        uint differs = (uint)(Value[AclKey.SelectWord] ^ other.Value[AclKey.SelectWord]);
        return (mask & ~otherMask) == 0 && (differs & mask) == 0;
    }

    private void SetAddress(int word, UInt128 address, int bits)
    {
        UInt128 mask = bits == 0 ? 0 : UInt128.MaxValue << (128 - bits);
        Mask[word] = (ulong)(mask >> 64);
        Mask[word + 1] = (ulong)mask;
        Value[word] = (ulong)((address & mask) >> 64);
        Value[word + 1] = (ulong)(address & mask);
    }

    private static uint MaskOf(int bits) => bits == 0 ? 0 : uint.MaxValue << (32 - bits);

    private void SetSelect(AclRule rule)
    {
        uint mask = 0;
        uint value = 0;
        if (rule.Protocol != AclRule.AnyProtocol)
        {
            mask |= 0xFF;
            value |= rule.Protocol & 0xFF;
        }

        uint vlanMask = CommonMask(rule.Vlans.Low, rule.Vlans.High) & 0xFFF;
        mask |= vlanMask << AclKey.VlanShift;
        value |= (rule.Vlans.Low & vlanMask) << AclKey.VlanShift;
        if (uint.IsPow2(rule.Ingress))
        {
            mask |= (AclKey.IngressMax - 1u) << AclKey.IngressShift;
            value |= (uint)uint.TrailingZeroCount(rule.Ingress) << AclKey.IngressShift;
        }

        if (rule.HasPorts)
        {
            mask |= AclKey.PortsBit;
            value |= AclKey.PortsBit;
        }

        if (rule.Fragment != FragmentMatch.Any)
        {
            mask |= AclKey.FirstBit;
            value |= rule.Fragment == FragmentMatch.First ? AclKey.FirstBit : 0;
        }

        Mask[AclKey.SelectWord] = mask;
        Value[AclKey.SelectWord] = value;
    }

    // Bits that were fixed by a cut below a free one stay fixed.
    private void SetPorts()
    {
        uint mask = ((CommonMask(_sourceLow, _sourceHigh) & 0xFFFF) << 16)
            | (CommonMask(_destinationLow, _destinationHigh) & 0xFFFF);
        uint value = (((uint)_sourceLow << 16) | _destinationLow) & mask;
        ulong wide = (ulong)mask << 32;
        Value[AclKey.SelectWord] = (Value[AclKey.SelectWord] & ~wide) | ((ulong)value << 32);
        Mask[AclKey.SelectWord] |= wide;
    }

    // Ones down to the highest bit in which both differ.
    private static uint CommonMask(ushort low, ushort high) =>
        low == high ? uint.MaxValue : uint.MaxValue << (32 - (int)uint.LeadingZeroCount((uint)(low ^ high)));
}
