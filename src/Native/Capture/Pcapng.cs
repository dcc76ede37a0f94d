namespace LowLatency.Native.Capture;

/// <summary>Numbers of the pcapng format (draft-ietf-opsawg-pcapng, sections 3 and 4), for whoever writes or
/// reads it.</summary>
public static class Pcapng
{
    /// <summary>What a file's name ends in until all of it is on the disk.</summary>
    public const string HiddenEnd = ".part";
    /// <summary>Section header: reads alike in both byte orders.</summary>
    public const uint SectionHeader = 0x0A0D0D0A;
    /// <summary>Interface description.</summary>
    public const uint InterfaceDescription = 1;
    /// <summary>Packet without interface or time.</summary>
    public const uint SimplePacket = 3;
    /// <summary>Interface statistics.</summary>
    public const uint InterfaceStatistics = 5;
    /// <summary>Packet with interface, time and options.</summary>
    public const uint EnhancedPacket = 6;
    /// <summary>Our filler up to a block's end; types with the top bit are for local use, readers skip
    /// them.</summary>
    public const uint Filler = 0x8000_4C4C;
    /// <summary>Tells the byte order of a section.</summary>
    public const uint ByteOrderMagic = 0x1A2B3C4D;
    /// <summary>Of any block: comment, UTF-8.</summary>
    public const ushort CommentOption = 1;
    /// <summary>Of a packet: direction and errors, 32 bits.</summary>
    public const ushort FlagsOption = 2;
    /// <summary>Of an interface: name, UTF-8.</summary>
    public const ushort NameOption = 2;
    /// <summary>Of an interface: resolution of its times, one byte.</summary>
    public const ushort ResolutionOption = 9;
    /// <summary>Of an interface: seconds to add to its times, 64 bits.</summary>
    public const ushort OffsetOption = 14;
    /// <summary>Of a section: the program that wrote it, UTF-8.</summary>
    public const ushort ApplicationOption = 4;
    /// <summary>Of statistics: when capture started.</summary>
    public const ushort StartOption = 2;
    /// <summary>Of statistics: when they were taken.</summary>
    public const ushort EndOption = 3;
    /// <summary>Of statistics: frames that came in.</summary>
    public const ushort ReceivedOption = 4;
    /// <summary>Of statistics: frames that were lost for want of room.</summary>
    public const ushort DroppedOption = 5;
    /// <summary>Of <see cref="FlagsOption"/>: came in.</summary>
    public const uint Inbound = 1;
    /// <summary>Of <see cref="FlagsOption"/>: went out.</summary>
    public const uint Outbound = 2;
    /// <summary>Link type of Ethernet (LINKTYPE_ETHERNET).</summary>
    public const ushort Ethernet = 1;
    /// <summary>Link type of bare IPv4 and IPv6 (LINKTYPE_RAW).</summary>
    public const ushort RawIp = 101;
    /// <summary>Bytes of a block without body: type, length, length again.</summary>
    public const int BlockBytesMin = 12;
    /// <summary>Bytes of a packet block around its frame and options.</summary>
    public const int PacketHeadBytes = 28;
    /// <summary>Alignment of blocks, of packet data and of options.</summary>
    public const int Alignment = 4;

    /// <summary>Rounds up to <see cref="Alignment"/>.</summary>
    public static int Aligned(int bytes) => (bytes + Alignment - 1) & ~(Alignment - 1);
}
