using System.Runtime.CompilerServices;

namespace LowLatency.Native.Tables;

/// <summary>What an access list asks of a frame, in words that its tables cut by bits. Made on the lane, read
/// by <see cref="AclTable"/>.</summary>
public readonly struct AclKey
{
    /// <summary>Ingress ports that a key can name.</summary>
    public const int IngressMax = 32;

    internal const int SelectWord = 4; // of the words 0..4
    internal const int WordCount = 8; // a cache line; three bits name a word, so any of them is in bounds
    private const int FamilyWord = 5;
    internal const int VlanShift = 8;
    internal const int IngressShift = 20;
    internal const uint PortsBit = 1u << 26;
    internal const uint FirstBit = 1u << 27;
    internal const uint FlagsBit = 1u << 8; // of Flags: they were read

    private readonly Words _words;

    private AclKey(int family, ulong w0, ulong w1, ulong w2, ulong w3, ulong select, uint flags)
    {
        _words[0] = w0;
        _words[1] = w1;
        _words[2] = w2;
        _words[3] = w3;
        _words[SelectWord] = select;
        _words[FamilyWord] = ((ulong)(uint)family << 32) | flags;
    }

    /// <summary>4, 6, or 0 for a frame that is no IP.</summary>
    public int Family => (int)(_words[FamilyWord] >> 32);

    internal uint Flags => (uint)_words[FamilyWord];

    internal uint Select => (uint)_words[SelectWord];

    internal uint Ports => (uint)(_words[SelectWord] >> 32);

    internal uint Vlan => (Select >> VlanShift) & 0xFFF;

    internal uint IngressBit => 1u << (int)((Select >> IngressShift) & (IngressMax - 1));

    /// <summary>What every key has.</summary>
    /// <param name="Protocol">IP protocol of the transport header; 0 without IP.</param>
    /// <param name="Ports">Source port above destination port.</param>
    /// <param name="HasPorts">There are ports.</param>
    /// <param name="IsFirst">Not a later fragment.</param>
    /// <param name="TcpFlags">TCP flags (RFC 9293, 3.1); negative: there are none.</param>
    /// <param name="Vlan">VLAN id; 0: untagged.</param>
    /// <param name="Ingress">Port it came in by, below <see cref="IngressMax"/>.</param>
    public readonly record struct Parts(
        uint Protocol, uint Ports, bool HasPorts, bool IsFirst, int TcpFlags, uint Vlan, int Ingress)
    {
        internal ulong Select
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get
            {
                Invariant.Require((uint)Ingress < IngressMax);
                return ((ulong)Ports << 32) | (Protocol & 0xFF) | ((Vlan & 0xFFF) << VlanShift)
                    | ((uint)Ingress << IngressShift) | (HasPorts ? PortsBit : 0) | (IsFirst ? FirstBit : 0);
            }
        }

        internal uint Flags => TcpFlags < 0 ? 0 : FlagsBit | (byte)TcpFlags;
    }

    /// <summary>A key of an IPv4 packet; addresses in host order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static AclKey OfIpv4(uint source, uint destination, in Parts parts) =>
        new(4, ((ulong)source << 32) | destination, 0, 0, 0, parts.Select, parts.Flags);

    /// <summary>A key of an IPv6 packet; halves of addresses in host order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static AclKey OfIpv6(
        ulong sourceHigh, ulong sourceLow, ulong destinationHigh, ulong destinationLow, in Parts parts) =>
        new(6, sourceHigh, sourceLow, destinationHigh, destinationLow, parts.Select, parts.Flags);

    /// <summary>A key of a frame that is no IP.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static AclKey OfOther(in Parts parts) => new(0, 0, 0, 0, 0, parts.Select, 0);

    /// <summary>A word to cut: 0..3 addresses, 4 ports and what else selects.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ulong Word(uint index) =>
        Unsafe.Add(ref Unsafe.AsRef(in _words[0]), (nint)(index & (WordCount - 1))); // in bounds: masked

    [InlineArray(WordCount)]
    internal struct Words
    {
        private ulong _first;
    }
}
