using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LowLatency.Native.Tables;

/// <summary>Eight rules side by side, in rows of one 32-bit word a rule. IPv4: rule and marks, ports (low
/// ends, high ends), select and its mask, source, destination, how far to shift both. IPv6 has its addresses
/// behind: value and mask of each word. Rules that ask for VLAN, TCP flags or ingress make a block wide: four
/// rows more.</summary>
internal static unsafe class AclBlock
{
    /// <summary>Rules of a block.</summary>
    public const int Rules = 8;
    /// <summary>Bytes of a row.</summary>
    public const int RowBytes = Rules * sizeof(uint);
    /// <summary>Rows of the longest block: none that starts so far before the end reads beyond
    /// it.</summary>
    public const int RowsMax = 28;

    private const int WideRows = 4; // flags, ingress, VLAN, and one to keep cache lines
    private const int Rows4 = 8;
    private const int Rows6 = 24;
    private const int AddressRow6 = 8;
    private const uint MoreMark = 1u << 31; // in every rule's word: another block follows
    private const uint WideMark = 1u << 30;
    private const uint RuleMask = (1u << 24) - 1;

    /// <summary>Rows of a block.</summary>
    public static int RowsOf(int family, bool isWide) =>
        (family == 6 ? Rows6 : Rows4) + (isWide ? WideRows : 0);

    /// <summary>True for a rule that makes its block wide.</summary>
    public static bool IsWide(AclRule rule) =>
        rule.Vlans != (0, 4095) || rule.TcpFlagsMask != 0 || rule.Ingress != uint.MaxValue || IsNever(rule);

    /// <summary>The first rule that matches an IPv4 key; <see cref="uint.MaxValue"/>: none.</summary>
    /// <param name="block">Its rows.</param>
    /// <param name="key">The key.</param>
    /// <param name="more">Rows to the next block; 0: this is the last.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Match4(byte* block, in AclKey key, out uint more)
    {
        ulong addresses = key.Word(0);
        Vector256<uint> shifts = Row(block, 7);
        Vector256<uint> source = Vector256.Create((uint)(addresses >> 32)) ^ Row(block, 5);
        Vector256<uint> destination = Vector256.Create((uint)addresses) ^ Row(block, 6);
        Vector256<uint> differs = Differs(block, key)
            | ShiftRight(source, shifts & Vector256.Create(0xFFu)) | ShiftRight(destination, shifts >>> 8);
        return First(block, differs, key, Rows4, out more);
    }

    /// <summary>The same for IPv6.</summary>
    public static uint Match6(byte* block, in AclKey key, out uint more)
    {
        Vector256<uint> differs = Differs(block, key);
        for (uint word = 0; word < 4; word++)
        {
            ulong half = key.Word(word);
            int row = AddressRow6 + ((int)word * 4);
            differs |= ((Vector256.Create((uint)(half >> 32)) ^ Row(block, row)) & Row(block, row + 1))
                | ((Vector256.Create((uint)half) ^ Row(block, row + 2)) & Row(block, row + 3));
        }

        return First(block, differs, key, Rows6, out more);
    }

    /// <summary>Writes a block.</summary>
    /// <param name="block">Zeroed; as many rows as <see cref="RowsOf"/> says.</param>
    /// <param name="rules">All rules.</param>
    /// <param name="chosen">At most eight of them, ascending.</param>
    /// <param name="family">Of the tree.</param>
    /// <param name="hasNext">Another block follows.</param>
    public static void Write(
        Span<uint> block, IReadOnlyList<AclRule> rules, ReadOnlySpan<int> chosen, int family, bool hasNext)
    {
        bool isWide = false;
        foreach (int rule in chosen)
        {
            isWide |= IsWide(rules[rule]);
        }

        uint marks = (hasNext ? MoreMark : 0) | (isWide ? WideMark : 0);
        for (int lane = 0; lane < Rules; lane++)
        {
            Span<uint> rest = block[lane..];
            Set(rest, 0, marks | RuleMask);
            if (lane < chosen.Length)
            {
                Set(rest, 0, marks | (uint)chosen[lane]);
                WriteRule(rest, rules[chosen[lane]], family, isWide);
            }
            else
            {
                Set(rest, 3, uint.MaxValue); // a protocol above all others, with every bit to compare
                Set(rest, 4, uint.MaxValue);
            }
        }
    }

    private static void WriteRule(Span<uint> block, AclRule rule, int family, bool isWide)
    {
        AclEntry entry = new(rule, 0, family);
        Set(block, 1, ((uint)rule.SourcePorts.Low << 16) | rule.DestinationPorts.Low);
        Set(block, 2, ((uint)rule.SourcePorts.High << 16) | rule.DestinationPorts.High);
        Set(block, 3, (uint)entry.Value[AclKey.SelectWord]);
        Set(block, 4, (uint)entry.Mask[AclKey.SelectWord]);
        if (family == 6)
        {
            for (int word = 0; word < 4; word++)
            {
                int row = AddressRow6 + (word * 4);
                Set(block, row, (uint)(entry.Value[word] >> 32));
                Set(block, row + 1, (uint)(entry.Mask[word] >> 32));
                Set(block, row + 2, (uint)entry.Value[word]);
                Set(block, row + 3, (uint)entry.Mask[word]);
            }
        }
        else
        {
            bool hasAddresses = family == 4;
            Set(block, 5, (uint)(entry.Value[0] >> 32));
            Set(block, 6, (uint)entry.Value[0]);
            Set(block, 7, hasAddresses
                ? (uint)(32 - rule.SourceBits) | ((uint)(32 - rule.DestinationBits) << 8) : 0x2020);
        }

        if (isWide)
        {
            int row = family == 6 ? Rows6 : Rows4;
            uint flagsMask = rule.TcpFlagsMask == 0 ? 0 : AclKey.FlagsBit | rule.TcpFlagsMask;
            Set(block, row, ((AclKey.FlagsBit | rule.TcpFlags) & flagsMask) | (flagsMask << 16));
            Set(block, row + 1, IsNever(rule) ? uint.MaxValue : ~rule.Ingress);
            Set(block, row + 2, rule.Vlans.Low | ((0xFFFFu - rule.Vlans.High) << 16));
        }
    }

    private static bool IsNever(AclRule rule) =>
        rule.SourcePorts.Low > rule.SourcePorts.High || rule.DestinationPorts.Low > rule.DestinationPorts.High
        || rule.Vlans.Low > rule.Vlans.High || rule.Protocol > AclRule.AnyProtocol;

    private static void Set(Span<uint> block, int row, uint value) => block[row * Rules] = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Differs(byte* block, in AclKey key)
    {
        Vector256<ushort> ports = Vector256.Create(key.Ports).AsUInt16();
        Vector256<ushort> clamped = Vector256.Max(
            Vector256.Min(ports, Row(block, 2).AsUInt16()), Row(block, 1).AsUInt16());
        return ((Vector256.Create(key.Select) ^ Row(block, 3)) & Row(block, 4))
            | (clamped ^ ports).AsUInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint First(byte* block, Vector256<uint> differs, in AclKey key, int rows, out uint more)
    {
        uint marks = *(uint*)block;
        more = (uint)rows;
        if ((marks & WideMark) != 0)
        {
            differs |= DiffersWide(block + (rows * RowBytes), key);
            more += WideRows;
        }

        more = (marks & MoreMark) != 0 ? more : 0;
        uint hits = Vector256.Equals(differs, Vector256<uint>.Zero).ExtractMostSignificantBits();
        // In bounds: no hit is lane 8, the first of the next row.
        uint rule = ((uint*)block)[BitOperations.TrailingZeroCount(hits | (1u << Rules))] & RuleMask;
        return hits != 0 ? rule : uint.MaxValue;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // rare, and it would take registers from the rest
    private static Vector256<uint> DiffersWide(byte* wide, in AclKey key)
    {
        Vector256<uint> flags = Row(wide, 0);
        Vector256<ushort> vlan = Vector256.Create(key.Vlan | ((0xFFFF - key.Vlan) << 16)).AsUInt16();
        return ((Vector256.Create(key.Flags) ^ flags) & (flags >>> 16))
            | (Vector256.Create(key.IngressBit) & Row(wide, 1))
            | (Vector256.Max(vlan, Row(wide, 2).AsUInt16()) ^ vlan).AsUInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> ShiftRight(Vector256<uint> value, Vector256<uint> counts) =>
        Avx2.IsSupported ? Avx2.ShiftRightLogicalVariable(value, counts) : ShiftSlowly(value, counts);

    private static Vector256<uint> ShiftSlowly(Vector256<uint> value, Vector256<uint> counts)
    {
        Vector256<uint> result = default;
        for (int lane = 0; lane < Rules; lane++)
        {
            uint shifted = counts[lane] < 32 ? value[lane] >> (int)counts[lane] : 0;
            result = result.WithElement(lane, shifted);
        }

        return result;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Row(byte* block, int row) =>
        Vector256.Load((uint*)(block + (row * RowBytes)));
}
