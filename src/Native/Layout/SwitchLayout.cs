using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowLatency.Native.Layout;

/// <summary>How a port of a vlan stage treats tags.</summary>
public enum VlanMode : ushort
{
    /// <summary>Frames pass as they are.</summary>
    None = 0,
    /// <summary>One VLAN, without tags on the wire.</summary>
    Access = 1,
    /// <summary>Several VLANs, told apart by tags; one of them may be without.</summary>
    Trunk = 2,
    /// <summary>One VLAN around whatever comes, tagged or not (802.1ad customer port).</summary>
    Tunnel = 3,
}

/// <summary>What a vlan stage needs.</summary>
/// <param name="IsOut">It looks at the port that a frame leaves by, else at that which it came in
/// by.</param>
public readonly record struct VlanSettings(bool IsOut)
{
    /// <summary>Reads them from a plan.</summary>
    public static VlanSettings Read(in PlanStage stage) => new(stage.Settings[0] != 0);

    /// <summary>Writes them into a plan.</summary>
    public void Write(ref PlanStage stage) => stage.Settings[0] = IsOut ? 1 : 0;
}

/// <summary>One 16-bit VLAN id for each of 4096; <see cref="None"/>: not allowed.</summary>
[InlineArray(Count)]
public struct VlanMap
{
    /// <summary>Ids there are (IEEE 802.1Q 9.6).</summary>
    public const int Count = 4096;

    /// <summary>No VLAN.</summary>
    public const ushort None = 0xFFFF;

    private ushort _first;
}

/// <summary>One port of a vlan stage; its tables have <see cref="Limits.PortsPerLaneMax"/> of them, by the
/// lane's own numbers.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct VlanPort
{
    /// <summary>Bytes of one.</summary>
    public const int SizeBytes = 8 + (2 * 2 * VlanMap.Count);

    /// <summary>What it does.</summary>
    public VlanMode Mode;
    /// <summary>VLAN of frames without a tag; <see cref="VlanMap.None"/>: they are not allowed.</summary>
    public ushort Untagged;
    /// <summary>EtherType of its tags, host order: 0x8100 or 0x88A8.</summary>
    public ushort TagType;
    /// <summary>Priority (PCP) of tags that it adds, 0 to 7.</summary>
    public ushort Priority;
    /// <summary>VLAN inside by the id on the wire.</summary>
    public VlanMap In;
    /// <summary>Id on the wire by VLAN inside.</summary>
    public VlanMap Out;
}

/// <summary>What a switch stage needs.</summary>
/// <param name="AgeSeconds">A learned address that was not seen for so long is forgotten.</param>
/// <param name="FloodsPerSecond">Frames that may be flooded of one ingress port; 0: no limit.</param>
/// <param name="VlanTable">Number of the vlan stage's table whose ports say who is in a VLAN; -1: all are in
/// all.</param>
public readonly record struct SwitchSettings(long AgeSeconds, long FloodsPerSecond, long VlanTable)
{
    /// <summary>Reads them from a plan.</summary>
    public static SwitchSettings Read(in PlanStage stage) =>
        new(stage.Settings[0], stage.Settings[1], stage.Settings[2]);

    /// <summary>Writes them into a plan.</summary>
    public void Write(ref PlanStage stage)
    {
        stage.Settings[0] = AgeSeconds;
        stage.Settings[1] = FloodsPerSecond;
        stage.Settings[2] = VlanTable;
    }
}

/// <summary>One address of a switch. The lane writes the second word before the first: a reader that takes
/// the
/// first, the second, and the first again unchanged has a whole one.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct MacEntry
{
    /// <summary>Bytes of one.</summary>
    public const int SizeBytes = 16;

    /// <summary>Entries of a bucket: one cache line.</summary>
    public const int BucketEntries = 4;

    /// <summary>Set in <see cref="Key"/> of an entry in use.</summary>
    public const ulong UsedBit = 1UL << 63;

    /// <summary>Set in <see cref="Value"/> of a static entry.</summary>
    public const ulong StaticBit = 1UL << 31;

    private const int VlanShift = 48;
    private const ulong MacMask = 0x0000_FFFF_FFFF_FFFF;

    /// <summary>MAC, first byte lowest; above it the VLAN (0: none); <see cref="UsedBit"/>.</summary>
    public ulong Key;
    /// <summary>The lane's own port number; <see cref="StaticBit"/>; above them the CLOCK_MONOTONIC second in
    /// which it was seen last.</summary>
    public ulong Value;

    /// <summary>The key of an address in a VLAN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong KeyOf(ulong mac, int vlan) =>
        (mac & MacMask) | ((ulong)(uint)vlan << VlanShift) | UsedBit;

    /// <summary>The value of a port seen in a second.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ValueOf(int port, uint second) => (uint)port | ((ulong)second << 32);

    /// <summary>Port.</summary>
    public readonly int Port => (int)(Value & 0xFF);

    /// <summary>Second in which it was seen last.</summary>
    public readonly uint SeenSecond => (uint)(Value >> 32);

    /// <summary>Never forgotten, never moved.</summary>
    public readonly bool IsStatic => (Value & StaticBit) != 0;

    /// <summary>In use.</summary>
    public readonly bool IsUsed => (Key & UsedBit) != 0;

    /// <summary>MAC, first byte lowest.</summary>
    public readonly ulong Mac => Key & MacMask;

    /// <summary>VLAN; 0: none.</summary>
    public readonly int Vlan => (int)(Key >> VlanShift) & 0xFFF;

    /// <summary>Bucket of a key among a power of two of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int BucketOf(ulong key, int buckets) =>
        (int)(System.Numerics.BitOperations.Crc32C(0, key) & (uint)(buckets - 1));
}

/// <summary>What a switch counts besides drops; the first line of its table, before the entries.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct SwitchCounters
{
    /// <summary>Bytes.</summary>
    public const int SizeBytes = 256;

    /// <summary>Addresses learned.</summary>
    public ulong Learned;
    /// <summary>Addresses that moved to another port.</summary>
    public ulong Moved;
    /// <summary>Addresses that took the place of the one of their bucket that was not seen for longest,
    /// before
    /// its time.</summary>
    public ulong Evicted;
    /// <summary>Addresses not learned: their bucket is full of static ones.</summary>
    public ulong NotLearned;
    /// <summary>Frames flooded.</summary>
    public ulong Flooded;
    /// <summary>Frames that each ingress port may still flood, and when that was, ns: pairs.</summary>
    public FloodBudgets Budgets;
}

/// <summary>One budget a port: the time up to which it has used its share of floods, ns.</summary>
[InlineArray(Limits.PortsPerLaneMax)]
public struct FloodBudgets
{
    private long _first;
}
