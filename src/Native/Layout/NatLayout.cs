using System.Runtime.InteropServices;

namespace LowLatency.Native.Layout;

/// <summary>What a nat stage needs; its tables are the flows, then the entries.</summary>
/// <param name="Inside">Ports whose hosts are translated, a bit each.</param>
/// <param name="Outside">Ports towards those who see only translated addresses, a bit each.</param>
/// <param name="PortLow">First port, and first id of an ICMP echo, that is given out.</param>
/// <param name="PortHigh">Last one.</param>
/// <param name="UdpNs">A UDP flow without a frame for so long is forgotten.</param>
/// <param name="EstablishedNs">So is a TCP connection that both sides have opened.</param>
/// <param name="TransitoryNs">So is one that is being opened or closed.</param>
/// <param name="IcmpNs">So are echoes.</param>
public readonly record struct NatSettings(long Inside, long Outside, long PortLow, long PortHigh, long UdpNs,
    long EstablishedNs, long TransitoryNs, long IcmpNs)
{
    /// <summary>Place of the flows among the stage's tables.</summary>
    public const int Flows = 0;

    /// <summary>Place of the entries among the stage's tables.</summary>
    public const int Entries = 1;

    /// <summary>Longest of the times.</summary>
    public const long TimeMaxNs = 86_400_000_000_000;

    /// <summary>Reads them from a plan.</summary>
    public static NatSettings Read(in PlanStage stage) => new(stage.Settings[0], stage.Settings[1],
        stage.Settings[2], stage.Settings[3], stage.Settings[4], stage.Settings[5], stage.Settings[6],
        stage.Settings[7]);

    /// <summary>Writes them into a plan.</summary>
    public void Write(ref PlanStage stage)
    {
        stage.Settings[0] = Inside;
        stage.Settings[1] = Outside;
        stage.Settings[2] = PortLow;
        stage.Settings[3] = PortHigh;
        stage.Settings[4] = UdpNs;
        stage.Settings[5] = EstablishedNs;
        stage.Settings[6] = TransitoryNs;
        stage.Settings[7] = IcmpNs;
    }
}

/// <summary>What an entry of a nat stage means.</summary>
public enum NatEntryKind : byte
{
    /// <summary>Nothing.</summary>
    None = 0,
    /// <summary><see cref="NatEntry.Outside"/> is an address that inside hosts share.</summary>
    Source = 1,
    /// <summary>Two prefixes of one length, address by address, both ways, without flows.</summary>
    Static = 2,
    /// <summary>A port of an outside address leads to a port inside.</summary>
    Forward = 3,
}

/// <summary>One entry of a nat stage; addresses are numbers, first octet highest.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct NatEntry
{
    /// <summary>Bytes of one.</summary>
    public const int SizeBytes = 16;

    /// <summary>Address, or first of the prefix, outside.</summary>
    public uint Outside;
    /// <summary>Address, or first of the prefix, inside.</summary>
    public uint Inside;
    /// <summary>Forward: port outside.</summary>
    public ushort OutsidePort;
    /// <summary>Forward: port inside.</summary>
    public ushort InsidePort;
    /// <summary>What it means.</summary>
    public NatEntryKind Kind;
    /// <summary>Forward: IP protocol, TCP or UDP.</summary>
    public byte Protocol;
    /// <summary>Static: length of both prefixes.</summary>
    public byte Bits;
    private byte _padding;
}

/// <summary>What a flow has seen; 0: the place is free.</summary>
[Flags]
public enum NatState : byte
{
    /// <summary>Free.</summary>
    None = 0,
    /// <summary>In use.</summary>
    Used = 0x01,
    /// <summary>A frame from inside.</summary>
    SeenOut = 0x02,
    /// <summary>A frame from outside.</summary>
    SeenIn = 0x04,
    /// <summary>TCP: a segment without SYN.</summary>
    Opened = 0x08,
    /// <summary>TCP: FIN from inside.</summary>
    FinOut = 0x10,
    /// <summary>TCP: FIN from outside.</summary>
    FinIn = 0x20,
    /// <summary>TCP: RST.</summary>
    Reset = 0x40,
}

/// <summary>One translation: inside address and port stand outside as another pair, towards one remote pair
/// (endpoint-dependent). One cache line. Its lane alone writes: <see cref="Version"/> odd, addresses, ports,
/// protocol and state, <see cref="Version"/> even. A reader that finds the same even version before and after
/// has one flow; state, time and counters also change on their own, each whole.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct NatFlow
{
    /// <summary>Bytes of one.</summary>
    public const int SizeBytes = 64;

    /// <summary>Odd while it is being written.</summary>
    public uint Version;
    /// <summary>Address inside; of a free place: number of the next free one, from 1.</summary>
    public uint Inside;
    /// <summary>Address that stands for it outside.</summary>
    public uint Outside;
    /// <summary>The other side's address.</summary>
    public uint Remote;
    /// <summary>Port inside; of an ICMP echo its id.</summary>
    public ushort InsidePort;
    /// <summary>Port, or id, outside.</summary>
    public ushort OutsidePort;
    /// <summary>The other side's port; of an ICMP echo 0.</summary>
    public ushort RemotePort;
    /// <summary>IP protocol.</summary>
    public byte Protocol;
    /// <summary>What it has seen.</summary>
    public NatState State;
    /// <summary>When it ends unless another frame comes, CLOCK_MONOTONIC ns.</summary>
    public long ExpiresNs;
    /// <summary>Frames from inside.</summary>
    public ulong FramesOut;
    /// <summary>Frames from outside.</summary>
    public ulong FramesIn;
    /// <summary>Bytes of frames from inside.</summary>
    public ulong BytesOut;
    /// <summary>Bytes of frames from outside.</summary>
    public ulong BytesIn;
}

/// <summary>First lines of a nat stage's flow table. After it come the flows, a power of two, and the index:
/// buckets of eight, of each flow one place by its inside pair and one by its outside pair, half of them
/// empty when all flows are in use. All zero is an empty table.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct NatHeader
{
    /// <summary>Bytes.</summary>
    public const int SizeBytes = 256;

    /// <summary>Places of a bucket: one cache line.</summary>
    public const int BucketPlaces = 8;

    /// <summary>Bytes of a place.</summary>
    public const int PlaceBytes = 8;

    private const int PlacesPerFlow = 4;

    /// <summary>Keys of the hash, so that nobody can aim at a bucket.</summary>
    public ulong Seed0;
    /// <inheritdoc cref="Seed0"/>
    public ulong Seed1;
    /// <summary>Flows made.</summary>
    public ulong Created;
    /// <summary>Flows that ended.</summary>
    public ulong Ended;
    /// <summary>Number of the first free place, from 1; 0: none.</summary>
    public uint FreeHead;
    /// <summary>Places that were ever used; those behind are free, too.</summary>
    public uint HighWater;
    /// <summary>Where the search for flows whose time is over goes on.</summary>
    public uint Sweep;

    /// <summary>Bytes of a table.</summary>
    public static long BytesFor(long flows) =>
        SizeBytes + (flows * (NatFlow.SizeBytes + (PlacesPerFlow * PlaceBytes)));

    /// <summary>How many flows a table of a size has.</summary>
    public static long FlowsOf(long bytes) =>
        (bytes - SizeBytes) / (NatFlow.SizeBytes + (PlacesPerFlow * PlaceBytes));
}
