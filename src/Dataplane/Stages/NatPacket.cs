using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using LowLatency.Dataplane.Packets;

namespace LowLatency.Dataplane.Stages;

/// <summary>By how much words have changed, to add to a checksum over them (RFC 1624, equation 3).</summary>
internal struct ChecksumDelta
{
    private uint _sum; // of few words: no carry is lost

    /// <summary>Writes a word and keeps the difference.</summary>
    public void Write(Span<byte> at, ushort young)
    {
        ushort old = BinaryPrimitives.ReadUInt16BigEndian(at);
        _sum += (uint)(ushort)~old + young;
        BinaryPrimitives.WriteUInt16BigEndian(at, young);
    }

    /// <summary>The checksum that a new sum of words has.</summary>
    public readonly ushort Apply(ushort checksum)
    {
        uint sum = (ushort)~checksum + (_sum & 0xFFFF) + (_sum >> 16);
        sum = (sum & 0xFFFF) + (sum >> 16);
        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~sum;
    }

    /// <summary>Both differences.</summary>
    public void Add(ChecksumDelta other) => _sum += other._sum;
}

/// <summary>An IPv4 packet, in a frame or inside an ICMP error, as translation sees it.</summary>
internal ref struct NatPacket
{
    /// <summary>Type of an ICMP echo request (RFC 792).</summary>
    public const byte EchoRequest = 8;
    /// <summary>IP protocol of ICMP.</summary>
    public const byte Icmp = 1;
    /// <summary>Least bytes of an ICMP header.</summary>
    public const int IcmpHeaderBytes = 8;
    private const byte EchoReply = 0;
    private const byte Dccp = 33;
    private const byte UdpLite = 136;
    private const int Ipv4HeaderBytes = 20;
    private const int TcpHeaderBytes = 20;
    private const int TcpFlagsAt = 13;
    private const int TcpChecksumAt = 16;
    private const int UdpChecksumAt = 6; // DCCP and UDP-Lite have theirs there, too
    private const int IcmpChecksumAt = 2;
    private const int EchoIdAt = 4;
    private Span<byte> _header;
    private Span<byte> _transport;

    /// <summary>IP protocol.</summary>
    public byte Protocol { get; private set; }

    /// <summary>Source address.</summary>
    public uint Source { get; private set; }

    /// <summary>Destination address.</summary>
    public uint Destination { get; private set; }

    /// <summary>Source port, or the id of an echo request; else 0.</summary>
    public ushort SourcePort { get; private set; }

    /// <summary>Destination port, or the id of an echo reply; else 0.</summary>
    public ushort DestinationPort { get; private set; }

    /// <summary>Part of a packet.</summary>
    public bool IsFragment { get; private set; }

    /// <summary>Part of a packet, and not its first.</summary>
    public bool IsLater { get; private set; }

    /// <summary>It has what a flow needs: ports, or the id of an echo.</summary>
    public readonly bool HasPorts => !IsLater && (Protocol is IpProtocol.Tcp or IpProtocol.Udp || IsEcho);

    /// <summary>Of whole ICMP: destination unreachable, source quench, time exceeded, parameter
    /// problem.</summary>
    public readonly bool IsIcmpError => Protocol == Icmp && !IsFragment
        && _transport[0] is 3 or 4 or 11 or 12;

    /// <summary>ICMP whose content names addresses and cannot be translated: a redirect, an error in
    /// fragments.</summary>
    public readonly bool IsOpaque => Protocol == Icmp && !IsLater
        && (_transport[0] == 5 || (IsFragment && _transport[0] is (3 or 4 or 11 or 12)));

    /// <summary>TCP flags; 0 of others.</summary>
    public readonly byte TcpFlags => Protocol == IpProtocol.Tcp && _transport.Length > TcpFlagsAt
        ? _transport[TcpFlagsAt] : (byte)0;

    /// <summary>True of an ICMP echo request.</summary>
    public readonly bool IsRequest => Protocol == Icmp && !IsLater && _transport[0] == EchoRequest;

    private readonly bool IsEcho => Protocol == Icmp && _transport[0] is EchoRequest or EchoReply;

    // Where the checksum over addresses stands; negative: nowhere.
    private readonly int ChecksumAt => Protocol switch
    {
        IpProtocol.Tcp => TcpChecksumAt,
        IpProtocol.Udp or UdpLite or Dccp => UdpChecksumAt,
        _ => -1,
    };

    /// <summary>Reads a packet; false when it is shorter than it claims.</summary>
    /// <param name="bytes">From the IPv4 header on.</param>
    /// <param name="isQuoted">Inside an ICMP error: cut short, with 8 bytes of transport at least.</param>
    /// <param name="packet">The packet.</param>
    public static bool TryParse(Span<byte> bytes, bool isQuoted, out NatPacket packet)
    {
        packet = default;
        if (bytes.Length < Ipv4HeaderBytes || bytes[0] >> 4 != 4)
        {
            return false;
        }

        int headerBytes = (bytes[0] & 0xF) * 4;
        int totalBytes = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        if (headerBytes < Ipv4HeaderBytes || totalBytes < headerBytes || bytes.Length < headerBytes
            || (bytes.Length < totalBytes && !isQuoted))
        {
            return false;
        }

        int fragment = BinaryPrimitives.ReadUInt16BigEndian(bytes[6..]);
        packet._header = bytes[..Ipv4HeaderBytes];
        packet._transport = bytes[headerBytes..Math.Min(totalBytes, bytes.Length)];
        packet.Protocol = bytes[9];
        packet.Source = BinaryPrimitives.ReadUInt32BigEndian(bytes[12..]);
        packet.Destination = BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]);
        packet.IsFragment = (fragment & 0x3FFF) != 0;
        packet.IsLater = (fragment & 0x1FFF) != 0;
        return packet.IsLater || packet.TryReadPorts(isQuoted);
    }

    /// <summary>What an ICMP error quotes; false when it is shorter than it must be.</summary>
    public readonly bool TryParseQuoted(out NatPacket quoted) =>
        TryParse(_transport[IcmpHeaderBytes..], isQuoted: true, out quoted);

    /// <summary>Writes another source; the port only of a packet that has one.</summary>
    /// <returns>By how much all its words have changed.</returns>
    public ChecksumDelta SetSource(uint address, ushort port)
    {
        Source = address;
        return Set(_header[12..], address, Protocol == Icmp ? EchoIdAt : 0, port);
    }

    /// <summary>Writes another destination; the port only of a packet that has one.</summary>
    /// <returns>By how much all its words have changed.</returns>
    public ChecksumDelta SetDestination(uint address, ushort port)
    {
        Destination = address;
        return Set(_header[16..], address, Protocol == Icmp ? EchoIdAt : 2, port);
    }

    /// <summary>Adds to the checksum of an ICMP error what changed in the packet that it quotes.</summary>
    public readonly void FixIcmp(ChecksumDelta delta)
    {
        Span<byte> at = _transport[IcmpChecksumAt..];
        BinaryPrimitives.WriteUInt16BigEndian(at, delta.Apply(BinaryPrimitives.ReadUInt16BigEndian(at)));
    }

    private bool TryReadPorts(bool isQuoted)
    {
        int least = Protocol switch
        {
            IpProtocol.Tcp => isQuoted ? IcmpHeaderBytes : IsFragment ? TcpChecksumAt + 2 : TcpHeaderBytes,
            IpProtocol.Udp or Icmp or UdpLite or Dccp => IcmpHeaderBytes,
            _ => 0,
        };
        if (_transport.Length < least)
        {
            return false;
        }

        if (Protocol is IpProtocol.Tcp or IpProtocol.Udp)
        {
            SourcePort = BinaryPrimitives.ReadUInt16BigEndian(_transport);
            DestinationPort = BinaryPrimitives.ReadUInt16BigEndian(_transport[2..]);
        }
        else if (IsEcho)
        {
            ushort id = BinaryPrimitives.ReadUInt16BigEndian(_transport[EchoIdAt..]);
            (SourcePort, DestinationPort) = IsRequest ? (id, (ushort)0) : ((ushort)0, id);
        }

        return true;
    }

    private readonly ChecksumDelta Set(Span<byte> addressAt, uint address, int portAt, ushort port)
    {
        ChecksumDelta addresses = default;
        addresses.Write(addressAt, (ushort)(address >> 16));
        addresses.Write(addressAt[2..], (ushort)address);
        ChecksumDelta all = addresses;
        Span<byte> headerChecksum = _header[10..];
        all.Write(headerChecksum, addresses.Apply(BinaryPrimitives.ReadUInt16BigEndian(headerChecksum)));
        if (IsLater)
        {
            return all;
        }

        ChecksumDelta covered = Protocol == Icmp ? default : addresses; // ICMP: no pseudo header
        if (HasPorts)
        {
            ChecksumDelta ports = default;
            ports.Write(_transport[portAt..], port);
            covered.Add(ports);
            all.Add(ports);
        }

        int at = IsEcho ? IcmpChecksumAt : ChecksumAt;
        if (at >= 0 && _transport.Length >= at + 2)
        {
            SetChecksum(_transport[at..], covered, ref all);
        }

        return all;
    }

    // RFC 768: no checksum stays none, and one that is 0 is written as its other zero.
    private readonly void SetChecksum(Span<byte> at, ChecksumDelta covered, ref ChecksumDelta all)
    {
        ushort old = BinaryPrimitives.ReadUInt16BigEndian(at);
        if (old == 0 && Protocol == IpProtocol.Udp)
        {
            return;
        }

        ushort young = covered.Apply(old);
        all.Write(at, young == 0 && Protocol == IpProtocol.Udp ? ushort.MaxValue : young);
    }
}
