using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowLatency.Native.Capture;

/// <summary>First bytes of an index file: which capture it is of. Entries follow.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct FlowIndexHeader
{
    /// <summary>"LLINDEX" and a zero byte, little-endian.</summary>
    public const ulong MagicValue = 0x0058_4544_4E49_4C4C;

    /// <summary>Grows with every change of header, entry or keys.</summary>
    public const uint VersionValue = 1;

    /// <summary>What an index adds to the name of its capture.</summary>
    public const string NameEnd = ".idx";

    /// <summary><see cref="MagicValue"/>.</summary>
    public ulong Magic;
    /// <summary><see cref="VersionValue"/>.</summary>
    public uint Version;
    /// <summary>Count of entries.</summary>
    public uint Entries;
    /// <summary>Bytes of the capture.</summary>
    public ulong FileBytes;
    /// <summary>CRC-32C of the entries.</summary>
    public uint Checksum;
    /// <summary>Zero.</summary>
    public uint Reserved;
}

/// <summary>What a part of a capture holds: times, and a Bloom filter of addresses and ports (B. H. Bloom,
/// Space/Time Trade-offs in Hash Coding with Allowable Errors, CACM 13, 1970): what it denies is not
/// there.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct FlowIndexEntry
{
    /// <summary>Its first byte in the capture; a border of blocks.</summary>
    public ulong Offset;
    /// <summary>Its length, bytes.</summary>
    public ulong Bytes;
    /// <summary>Time of its earliest packet, ns since 1970.</summary>
    public ulong FirstNs;
    /// <summary>Time of its latest packet.</summary>
    public ulong LastNs;
    /// <summary>Packets in it.</summary>
    public uint Packets;
    /// <summary>1: ports of some packet are not in the filter (IPv6 extension headers).</summary>
    public uint HasUnknownPorts;
    /// <summary>The filter.</summary>
    public FlowBits Bits;

    /// <summary>Takes a packet in.</summary>
    /// <param name="timeNs">Its time.</param>
    /// <param name="frame">Its bytes, Ethernet, as far as they were kept.</param>
    public void Add(ulong timeNs, ReadOnlySpan<byte> frame)
    {
        FirstNs = Packets == 0 ? timeNs : Math.Min(FirstNs, timeNs);
        LastNs = Packets == 0 ? timeNs : Math.Max(LastNs, timeNs);
        Packets++;
        FlowKeys keys = FlowKeys.Of(frame);
        HasUnknownPorts |= keys.HasUnknownPorts ? 1u : 0u;
        if (keys.HasAddresses)
        {
            Bits.Add(keys.Source);
            Bits.Add(keys.Destination);
        }

        if (keys.HasPorts)
        {
            Bits.Add(keys.SourcePort);
            Bits.Add(keys.DestinationPort);
        }
    }
}

/// <summary>32768 bits of a Bloom filter, two of them a key.</summary>
[InlineArray(Words)]
public struct FlowBits
{
    private const int Words = 512;
    private const int BitsMask = (Words * 64) - 1;

    private ulong _first;

    /// <summary>Adds a key.</summary>
    public void Add(ulong key)
    {
        this[(int)(key & BitsMask) >> 6] |= 1UL << (int)(key & 63);
        this[(int)((key >> 32) & BitsMask) >> 6] |= 1UL << (int)((key >> 32) & 63);
    }

    /// <summary>False: the key was never added.</summary>
    public readonly bool MayHave(ulong key) =>
        (this[(int)(key & BitsMask) >> 6] & (1UL << (int)(key & 63))) != 0
        && (this[(int)((key >> 32) & BitsMask) >> 6] & (1UL << (int)((key >> 32) & 63))) != 0;
}

/// <summary>What a frame is found by: hashes of its addresses and ports, each with its role. Pure.</summary>
/// <param name="HasAddresses">It is IPv4 or IPv6, and its addresses were kept.</param>
/// <param name="Source">Of the source address.</param>
/// <param name="Destination">Of the destination address.</param>
/// <param name="HasPorts">It has ports, and they were kept.</param>
/// <param name="SourcePort">Of the source port.</param>
/// <param name="DestinationPort">Of the destination port.</param>
/// <param name="HasUnknownPorts">It may have ports that were not looked for.</param>
public readonly record struct FlowKeys(bool HasAddresses, ulong Source, ulong Destination, bool HasPorts,
    ulong SourcePort, ulong DestinationPort, bool HasUnknownPorts)
{
    private const int SourceRole = 1;
    private const int DestinationRole = 2;
    private const int SourcePortRole = 3;
    private const int DestinationPortRole = 4;

    /// <summary>Key of a source address, 4 or 16 bytes.</summary>
    public static ulong OfSource(ReadOnlySpan<byte> address) => Hash(address, SourceRole);

    /// <summary>Key of a destination address.</summary>
    public static ulong OfDestination(ReadOnlySpan<byte> address) => Hash(address, DestinationRole);

    /// <summary>Key of a source port.</summary>
    public static ulong OfSourcePort(int port) => Mix(((ulong)SourcePortRole << 32) | (uint)port);

    /// <summary>Key of a destination port.</summary>
    public static ulong OfDestinationPort(int port) => Mix(((ulong)DestinationPortRole << 32) | (uint)port);

    /// <summary>Keys of an Ethernet frame with up to two tags.</summary>
    public static FlowKeys Of(ReadOnlySpan<byte> frame)
    {
        for (int at = 12; at <= 20 && frame.Length >= at + 2; at += 4)
        {
            switch (BinaryPrimitives.ReadUInt16BigEndian(frame[at..]))
            {
                case 0x0800:
                    return OfIpv4(frame[(at + 2)..]);
                case 0x86DD:
                    return OfIpv6(frame[(at + 2)..]);
                case 0x8100 or 0x88A8: // 802.1Q, 802.1ad
                    continue;
                default:
                    return default;
            }
        }

        return default;
    }

    private static FlowKeys OfIpv4(ReadOnlySpan<byte> packet)
    {
        if (packet.Length < 20)
        {
            return default;
        }

        bool isFirst = (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x1FFF) == 0;
        FlowKeys keys = new(true, OfSource(packet.Slice(12, 4)), OfDestination(packet.Slice(16, 4)), false, 0, 0,
            false);
        return isFirst && HasPortsIn(packet[9]) ? keys.With(packet, (packet[0] & 15) * 4) : keys;
    }

    private static FlowKeys OfIpv6(ReadOnlySpan<byte> packet)
    {
        if (packet.Length < 40)
        {
            return default;
        }

        FlowKeys keys = new(true, OfSource(packet.Slice(8, 16)), OfDestination(packet.Slice(24, 16)), false, 0, 0,
            packet[6] is 0 or 43 or 44 or 60); // extension headers: whoever wants ports reads the part
        return HasPortsIn(packet[6]) ? keys.With(packet, 40) : keys;
    }

    private static bool HasPortsIn(byte protocol) => protocol is 6 or 17 or 132;

    private FlowKeys With(ReadOnlySpan<byte> packet, int at) => packet.Length < at + 4 ? this : this with
    {
        HasPorts = true,
        SourcePort = OfSourcePort(BinaryPrimitives.ReadUInt16BigEndian(packet[at..])),
        DestinationPort = OfDestinationPort(BinaryPrimitives.ReadUInt16BigEndian(packet[(at + 2)..])),
    };

    private static ulong Hash(ReadOnlySpan<byte> address, int role)
    {
        if (address.Length == 4)
        {
            return Mix(((ulong)role << 32) | BinaryPrimitives.ReadUInt32BigEndian(address));
        }

        ulong high = BinaryPrimitives.ReadUInt64BigEndian(address);
        ulong low = BinaryPrimitives.ReadUInt64BigEndian(address[8..]);
        return Mix(Mix(high + (ulong)role) ^ low);
    }

    // The finalizer of SplitMix64 (Steele, Lea, Flood, 2014).
    private static ulong Mix(ulong value)
    {
        value += 0x9E37_79B9_7F4A_7C15;
        value = (value ^ (value >> 30)) * 0xBF58_476D_1CE4_E5B9;
        value = (value ^ (value >> 27)) * 0x94D0_49BB_1331_11EB;
        return value ^ (value >> 31);
    }
}

/// <summary>An index file's bytes as what they hold.</summary>
public static class FlowIndexFile
{
    /// <summary>Bytes of the header.</summary>
    public static int HeaderBytes => Unsafe.SizeOf<FlowIndexHeader>();

    /// <summary>Bytes of an entry.</summary>
    public static int EntryBytes => Unsafe.SizeOf<FlowIndexEntry>();

    /// <summary>Its header; the bytes are at least as many.</summary>
    public static FlowIndexHeader Header(ReadOnlySpan<byte> bytes) => MemoryMarshal.Read<FlowIndexHeader>(bytes);

    /// <summary>Header or entries as bytes.</summary>
    public static byte[] Bytes<T>(ReadOnlySpan<T> parts)
        where T : unmanaged => MemoryMarshal.AsBytes(parts).ToArray();

    /// <summary>Its entries.</summary>
    public static FlowIndexEntry[] Entries(ReadOnlySpan<byte> bytes) =>
        MemoryMarshal.Cast<byte, FlowIndexEntry>(bytes[HeaderBytes..]).ToArray();
}

/// <summary>The CRC of an index (CRC-32C: RFC 3720, appendix B.4, in hardware since SSE4.2).</summary>
public static class FlowIndexSum
{
    /// <summary>Of the entries' bytes.</summary>
    public static uint Of(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        foreach (byte one in bytes)
        {
            crc = BitOperations.Crc32C(crc, one);
        }

        return ~crc;
    }
}
