using System.Buffers.Binary;
using LowLatency.Dataplane.Packets;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Dataplane.Load;

/// <summary>Writes and reads load frames: Ethernet, VLAN tags, IPv4 or IPv6, UDP, <see cref="FrameStamp"/>,
/// zeros. Both
/// checksums are real, so that a receiver can tell a changed byte. A header a path is prepared at boot, flow
/// and length are computed for each frame; generator and receiver lanes.
/// </summary>
internal sealed class LoadFrames
{
    private const int UdpBytes = 8;
    private const int TagBytes = 4;
    private readonly byte[][] _headers;  // by path: everything up to the payload, zeros where Write fills in
    private readonly PlanSize[] _sizes;
    private readonly uint[] _weightEnds; // running sum of weights
    private readonly LoadFlows _flows;
    private readonly bool _isV4;
    private readonly int _ipAt;
    private readonly int _udpAt;
    private readonly ulong _ipSum;       // of an IPv4 header without length and addresses
    private readonly ulong _pseudoSum;   // of protocol and what does not change of the addresses
    private readonly int _leastUdpBytes;
    private readonly int _mostUdpBytes;

    /// <summary>Prepares the header of every path.</summary>
    public LoadFrames(in PlanLoad plan)
    {
        _isV4 = plan.Family == 4;
        _ipAt = Ethernet.HeaderBytes + ((int)plan.VlanCount * TagBytes);
        _udpAt = _ipAt + (_isV4 ? 20 : 40);
        _flows = new LoadFlows(plan);
        int count = 0;
        while (count < 8 && plan.Sizes[count].Weight > 0)
        {
            count++;
        }

        Invariant.Require(count > 0);
        _sizes = ((ReadOnlySpan<PlanSize>)plan.Sizes)[..count].ToArray();
        _weightEnds = new uint[count];
        uint weights = 0;
        _leastUdpBytes = int.MaxValue;
        for (int size = 0; size < count; size++)
        {
            Invariant.Require(_sizes[size].FrameBytes >= _udpAt + UdpBytes + FrameStamp.SizeBytes);
            Invariant.Require(_sizes[size].FrameBytesMax >= _sizes[size].FrameBytes);
            _leastUdpBytes = Math.Min(_leastUdpBytes, (int)_sizes[size].FrameBytes - _udpAt);
            _mostUdpBytes = Math.Max(_mostUdpBytes, (int)_sizes[size].FrameBytesMax - _udpAt);
            weights += _sizes[size].Weight;
            _weightEnds[size] = weights;
        }

        _headers = new byte[plan.PathCount][];
        for (int path = 0; path < plan.PathCount; path++)
        {
            _headers[path] = BuildHeader(plan, plan.Paths[path]);
        }

        ReadOnlySpan<byte> ip = _headers[0].AsSpan(_ipAt);
        _ipSum = _isV4 ? InternetChecksum.Add(0, ip[..12]) : 0;
        ulong fixedAddresses = _isV4 ? 0 : InternetChecksum.Add(InternetChecksum.Add(0, ip[8..20]),
            ip[24..36]);
        _pseudoSum = fixedAddresses + ((ulong)IpProtocol.Udp << 8);
    }

    /// <summary>Frame length by weight, and within a range by chance, bytes.</summary>
    public int PickBytes(ref SplitMix random)
    {
        int size = 0;
        if (_sizes.Length > 1)
        {
            uint ticket = (uint)(random.Next() % _weightEnds[^1]);
            while (ticket >= _weightEnds[size])
            {
                size++;
            }
        }

        ref readonly PlanSize picked = ref _sizes[size];
        uint choices = picked.FrameBytesMax - picked.FrameBytes + 1;
        return (int)(picked.FrameBytes + (choices == 1 ? 0 : random.Next() % choices));
    }

    /// <summary>Writes a whole frame, as long as <paramref name="frame"/>; what follows the stamp must be
    /// zeros, as fresh UMEM is and stays.</summary>
    public void Write(Span<byte> frame, in FrameStamp stamp)
    {
        _headers[stamp.Path].CopyTo(frame);
        LoadFlow flow = _flows[stamp.Sequence];
        Span<byte> ip = frame[_ipAt.._udpAt];
        ushort udpBytes = (ushort)(frame.Length - _udpAt);
        ulong addresses = (ulong)BinaryPrimitives.ReverseEndianness(flow.Source)
            + BinaryPrimitives.ReverseEndianness(flow.Destination);
        if (_isV4)
        {
            ushort ipBytes = (ushort)(frame.Length - _ipAt);
            BinaryPrimitives.WriteUInt16BigEndian(ip[2..], ipBytes);
            BinaryPrimitives.WriteUInt32BigEndian(ip[12..], flow.Source);
            BinaryPrimitives.WriteUInt32BigEndian(ip[16..], flow.Destination);
            ulong ipSum = _ipSum + addresses + BinaryPrimitives.ReverseEndianness(ipBytes);
            BinaryPrimitives.WriteUInt16LittleEndian(ip[10..], (ushort)~InternetChecksum.Fold(ipSum));
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], udpBytes);
            BinaryPrimitives.WriteUInt32BigEndian(ip[20..], flow.Source);
            BinaryPrimitives.WriteUInt32BigEndian(ip[36..], flow.Destination);
        }

        Span<byte> udp = frame.Slice(_udpAt, UdpBytes + FrameStamp.SizeBytes);
        BinaryPrimitives.WriteUInt16BigEndian(udp, flow.SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], flow.DestinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], udpBytes);
        stamp.Write(udp[UdpBytes..]);
        ulong sum = _pseudoSum + addresses
            + BinaryPrimitives.ReverseEndianness(udpBytes); // the header's is in udp
        ushort checksum = (ushort)~InternetChecksum.Fold(InternetChecksum.Add(sum,
            udp)); // written as 0 above
        BinaryPrimitives.WriteUInt16LittleEndian(udp[6..], checksum == 0 ? ushort.MaxValue
            : checksum); // RFC 768
    }

    /// <summary>Reads a received frame, whatever tags the network left on it. False: not load.
    /// <paramref name="isIntact"/> tells whether its UDP checksum and length are still what was
    /// sent.</summary>
    public bool TryRead(ReadOnlySpan<byte> frame, out FrameStamp stamp, out bool isIntact)
    {
        stamp = default;
        isIntact = false;
        int ipBytes = _udpAt - _ipAt;
        if (!Ethernet.TryReadType(frame, out ushort type, out int ipAt)
            || type != (_isV4 ? Ethernet.Ipv4 : Ethernet.Ipv6)
            || frame.Length < ipAt + ipBytes + UdpBytes + FrameStamp.SizeBytes)
        {
            return false;
        }

        ReadOnlySpan<byte> ip = frame.Slice(ipAt, ipBytes);
        ReadOnlySpan<byte> udp = frame[(ipAt + ipBytes)..];
        if (ip[_isV4 ? 9 : 6] != IpProtocol.Udp
            || !_flows.HasDestinationPort(BinaryPrimitives.ReadUInt16BigEndian(udp[2..]))
            || !FrameStamp.TryRead(udp[UdpBytes..], out stamp))
        {
            return false;
        }

        // RFC 768, RFC 8200 8.1: addresses, protocol, length.
        int udpBytes = BinaryPrimitives.ReadUInt16BigEndian(udp[4..]);
        ulong sum = InternetChecksum.Add(0, _isV4 ? ip.Slice(12, 8) : ip.Slice(8, 32));
        sum += ((ulong)IpProtocol.Udp << 8) + BinaryPrimitives.ReverseEndianness((ushort)udpBytes);
        isIntact = udpBytes == udp.Length && udpBytes >= _leastUdpBytes && udpBytes <= _mostUdpBytes
            && InternetChecksum.Fold(InternetChecksum.Add(sum, udp)) == ushort.MaxValue;
        return true;
    }

    /// <summary>Flow of a sequence number.</summary>
    public uint FlowOf(uint sequence) => _flows.NumberOf(sequence);

    private byte[] BuildHeader(in PlanLoad plan, in PlanPath path)
    {
        byte[] header = new byte[_udpAt + UdpBytes];
        Ethernet.WriteMacs(header, path.DestinationMac, path.SourceMac);
        for (int tag = 0; tag < plan.VlanCount; tag++)
        {
            bool isInner = tag == plan.VlanCount - 1; // 802.1ad: the outer of two has a type of its own
            Span<byte> at = header.AsSpan(12 + (tag * TagBytes));
            BinaryPrimitives.WriteUInt16BigEndian(at, isInner ? Ethernet.Vlan : Ethernet.ServiceVlan);
            BinaryPrimitives.WriteUInt16BigEndian(at[2..], tag == 0 ? plan.OuterVlan : plan.InnerVlan);
        }

        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(_ipAt - 2), _isV4 ? Ethernet.Ipv4
            : Ethernet.Ipv6);
        Span<byte> ip = header.AsSpan(_ipAt);
        if (_isV4)
        {
            ip[0] = 0x45;
            ip[6] = 0x40; // don't fragment
            ip[8] = 64;
            ip[9] = IpProtocol.Udp;
        }
        else
        {
            ip[0] = 0x60;
            ip[6] = IpProtocol.Udp;
            ip[7] = 64;
            ((ReadOnlySpan<byte>)plan.Source)[..12].CopyTo(ip[8..]);
            ((ReadOnlySpan<byte>)plan.Destination)[..12].CopyTo(ip[24..]);
        }

        return header;
    }
}
