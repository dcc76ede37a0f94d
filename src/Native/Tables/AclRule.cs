using LowLatency.Native.Layout;

namespace LowLatency.Native.Tables;

/// <summary>One rule of an access list, as the builder takes it. What a rule does with a match is kept
/// elsewhere, by its index.</summary>
public sealed record AclRule
{
    /// <summary>Protocol that means any.</summary>
    public const uint AnyProtocol = 256;

    /// <summary>4, 6, or 0: any frame, as far as the rest asks for nothing that only IP has.</summary>
    public int Family { get; init; }

    /// <summary>Source address: IPv4 in the low 32 bits, host order.</summary>
    public UInt128 Source { get; init; }

    /// <summary>Bits of <see cref="Source"/> that count.</summary>
    public int SourceBits { get; init; }

    /// <summary>Destination address.</summary>
    public UInt128 Destination { get; init; }

    /// <summary>Bits of <see cref="Destination"/> that count.</summary>
    public int DestinationBits { get; init; }

    /// <summary>Source ports; 0..65535: any, also none.</summary>
    public (ushort Low, ushort High) SourcePorts { get; init; } = (0, ushort.MaxValue);

    /// <summary>Destination ports.</summary>
    public (ushort Low, ushort High) DestinationPorts { get; init; } = (0, ushort.MaxValue);

    /// <summary>IP protocol; <see cref="AnyProtocol"/>: any.</summary>
    public uint Protocol { get; init; } = AnyProtocol;

    /// <summary>VLAN ids, 0: untagged; 0..4095: any.</summary>
    public (ushort Low, ushort High) Vlans { get; init; } = (0, 4095);

    /// <summary>TCP flags that must be set, of those in <see cref="TcpFlagsMask"/>.</summary>
    public byte TcpFlags { get; init; }

    /// <summary>TCP flags that count; 0: any, also without TCP.</summary>
    public byte TcpFlagsMask { get; init; }

    /// <summary>Ingress ports, one bit each.</summary>
    public uint Ingress { get; init; } = uint.MaxValue;

    /// <summary>What it may be a fragment of.</summary>
    public FragmentMatch Fragment { get; init; }

    /// <summary>True when it asks for ports.</summary>
    public bool HasPorts =>
        SourcePorts != (0, ushort.MaxValue) || DestinationPorts != (0, ushort.MaxValue);

    /// <summary>True when it can match packets of a family; 0: frames that are no IP.</summary>
    public bool Concerns(int family) => family switch
    {
        0 => Family == 0 && SourceBits == 0 && DestinationBits == 0 && Protocol == AnyProtocol && !HasPorts
            && TcpFlagsMask == 0 && Fragment == FragmentMatch.Any,
        _ => Family == family || (Family == 0 && SourceBits == 0 && DestinationBits == 0),
    };

    /// <summary>Says whether a key matches, one condition after the other: what the table must agree
    /// with.</summary>
    public bool Matches(in AclKey key)
    {
        ushort sourcePort = (ushort)(key.Ports >> 16);
        ushort destinationPort = (ushort)key.Ports;
        return Concerns(key.Family)
            && InPrefix(Source, SourceBits, AddressOf(key, 0), key.Family)
            && InPrefix(Destination, DestinationBits, AddressOf(key, 1), key.Family)
            && (Protocol == AnyProtocol || (key.Select & 0xFF) == Protocol)
            && (!HasPorts || (key.Select & AclKey.PortsBit) != 0)
            && sourcePort >= SourcePorts.Low && sourcePort <= SourcePorts.High
            && destinationPort >= DestinationPorts.Low && destinationPort <= DestinationPorts.High
            && key.Vlan >= Vlans.Low && key.Vlan <= Vlans.High
            && (TcpFlagsMask == 0
                || ((key.Flags & AclKey.FlagsBit) != 0 && ((key.Flags ^ TcpFlags) & TcpFlagsMask) == 0))
            && (Ingress & key.IngressBit) != 0
            && (Fragment == FragmentMatch.Any
                || Fragment == FragmentMatch.First == ((key.Select & AclKey.FirstBit) != 0));
    }

    private static UInt128 AddressOf(in AclKey key, int which)
    {
        if (key.Family == 6)
        {
            return new UInt128(key.Word((uint)which * 2), key.Word(((uint)which * 2) + 1));
        }

        return which == 0 ? key.Word(0) >> 32 : (uint)key.Word(0);
    }

    private static bool InPrefix(UInt128 prefix, int bits, UInt128 address, int family) =>
        bits == 0 || (prefix ^ address) >> ((family == 4 ? 32 : 128) - bits) == 0;
}
