using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LowLatency.Native.Memory;

namespace LowLatency.Native.Tables;

/// <summary>What becomes of a packet whose route leads to a next hop.</summary>
public enum NextHopKind : byte
{
    /// <summary>Nothing is known: as if there were no route.</summary>
    None = 0,
    /// <summary>Out by an interface of the data plane, to a known MAC.</summary>
    Forward = 1,
    /// <summary>The neighbour's MAC is not known (yet).</summary>
    Neighbour = 2,
    /// <summary>For this host.</summary>
    Local = 3,
    /// <summary>Out by an interface that is no port of the data plane.</summary>
    OtherInterface = 4,
    /// <summary>Dropped without a word.</summary>
    Blackhole = 5,
    /// <summary>Dropped; the sender is told (unreachable, prohibit).</summary>
    Unreachable = 6,
}

/// <summary>One next hop. The first two words are read whole: a change of MAC or kind is one store.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct NextHop
{
    private const ulong MacMask = 0x0000_FFFF_FFFF_FFFF;
    private const int TopShift = 48;

    /// <summary>Destination MAC, first byte lowest; above it the <see cref="NextHopKind"/>.</summary>
    public ulong Destination;
    /// <summary>Source MAC; above it the egress interface's number.</summary>
    public ulong Source;
    /// <summary>Largest IP packet that may leave, bytes.</summary>
    public uint MtuBytes;
    /// <summary>Zero.</summary>
    public uint Reserved;
    /// <summary>Zero.</summary>
    public ulong Reserved2;

    /// <summary>A next hop.</summary>
    public static NextHop Make(
        NextHopKind kind, uint interfaceNumber = 0, ulong destination = 0, ulong source = 0,
            uint mtuBytes = 0) => new()
        {
            Destination = (destination & MacMask) | ((ulong)kind << TopShift),
            Source = (source & MacMask) | ((ulong)interfaceNumber << TopShift),
            MtuBytes = mtuBytes,
        };

    /// <summary>Kind that stands in a first word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NextHopKind KindOf(ulong destination) => (NextHopKind)(byte)(destination >> TopShift);

    /// <summary>Interface number that stands in a second word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint InterfaceOf(ulong source) => (uint)(source >> TopShift);
}

/// <summary>A group of next hops that share traffic: a flow's hash chooses a bucket, a bucket names a next
/// hop; weights are how many buckets each has. A change moves as few buckets as it can, and so few
/// flows.</summary>
[InlineArray(Buckets)]
public struct NextHopGroup
{
    /// <summary>Buckets; a power of two.</summary>
    public const int Buckets = 64;

    private uint _first;
}

/// <summary>Next hops, and behind them groups, as lanes read them. A value of a route is the number of a next
/// hop, or with <see cref="GroupBit"/> of a group.</summary>
public readonly struct NextHops
{
    /// <summary>Set in a value that names a group.</summary>
    public const uint GroupBit = 1u << 30;

    private readonly NativeSpan<NextHop> _hops;
    private readonly NativeSpan<NextHopGroup> _groups;

    /// <summary>A view of table memory.</summary>
    /// <param name="memory">Of <see cref="BytesFor"/> bytes at least.</param>
    /// <param name="hops">Count of next hops.</param>
    public NextHops(NativeSpan<byte> memory, uint hops)
    {
        int hopBytes = (int)hops * Unsafe.SizeOf<NextHop>();
        _hops = memory.Slice(0, hopBytes).Cast<NextHop>();
        _groups = memory.Slice(hopBytes, memory.Length - hopBytes).Cast<NextHopGroup>();
    }

    /// <summary>Count of next hops.</summary>
    public uint Count => (uint)_hops.Length;

    /// <summary>Count of groups.</summary>
    public uint Groups => (uint)_groups.Length;

    /// <summary>Bytes of so many next hops and groups.</summary>
    public static long BytesFor(uint hops, uint groups) =>
        ((long)hops * Unsafe.SizeOf<NextHop>()) + ((long)groups * Unsafe.SizeOf<NextHopGroup>());

    /// <summary>The next hop of a value; a value out of range names number 0, which is none.</summary>
    /// <param name="value">Of a route.</param>
    /// <param name="hash">Of the flow; only groups look at it.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref NextHop Find(uint value, uint hash)
    {
        if ((value & GroupBit) != 0)
        {
            uint group = value & ~GroupBit;
            value = group < (uint)_groups.Length
                ? Volatile.Read(ref _groups[(int)group][(int)(hash & (NextHopGroup.Buckets - 1))]) : 0;
        }

        return ref _hops[value < (uint)_hops.Length ? (int)value : 0];
    }

    /// <summary>Writer: sets a next hop. One that readers may use changes its kind and MAC in one store; its
    /// interface and MTU only when no route leads to it.</summary>
    public void Set(uint number, in NextHop hop)
    {
        Invariant.Require(number > 0);
        ref NextHop entry = ref _hops[(int)number];
        entry.Source = hop.Source;
        entry.MtuBytes = hop.MtuBytes;
        Volatile.Write(ref entry.Destination,
            hop.Destination); // release: whoever sees the kind sees the rest
    }

    /// <summary>A next hop as it stands.</summary>
    public NextHop Get(uint number) => _hops[(int)number];

    /// <summary>Writer: names the next hop of one bucket.</summary>
    public void SetBucket(uint group, int bucket, uint number) =>
        Volatile.Write(ref _groups[(int)group][bucket], number);

    /// <summary>The next hop that a bucket names.</summary>
    public uint Bucket(uint group, int bucket) => _groups[(int)group][bucket];
}
