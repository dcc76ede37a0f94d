using System.Runtime.CompilerServices;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Dataplane.Stages;

/// <summary>By what a flow is found: our pair (inside, or outside for what comes from there), the other
/// side's, and the protocol.</summary>
internal readonly record struct NatKey
{
    private const int ReverseBit = 1;

    private NatKey(uint our, ushort ourPort, uint remote, ushort remotePort, int kind)
    {
        Addresses = ((ulong)our << 32) | remote;
        Ports = ((ulong)ourPort << 32) | ((uint)remotePort << 16) | (uint)kind;
    }

    /// <summary>Ours above the other side's.</summary>
    public ulong Addresses { get; }

    /// <summary>Ports, protocol and direction.</summary>
    public ulong Ports { get; }

    /// <summary>True of one that finds by the outside pair.</summary>
    public bool IsReverse => (Ports & ReverseBit) != 0;

    /// <summary>Of what comes from inside.</summary>
    public static NatKey Forward(byte protocol, uint inside, ushort insidePort, uint remote,
        ushort remotePort) =>
        new(inside, insidePort, remote, remotePort, protocol << 1);

    /// <summary>Of what comes from outside.</summary>
    public static NatKey Reverse(byte protocol, uint outside, ushort outsidePort, uint remote,
        ushort remotePort) =>
        new(outside, outsidePort, remote, remotePort, (protocol << 1) | ReverseBit);

    /// <summary>The key of a flow, in the direction of another.</summary>
    public static NatKey Of(in NatFlow flow, bool isReverse) => isReverse
        ? Reverse(flow.Protocol, flow.Outside, flow.OutsidePort, flow.Remote, flow.RemotePort)
        : Forward(flow.Protocol, flow.Inside, flow.InsidePort, flow.Remote, flow.RemotePort);
}

/// <summary>The flows of one nat stage, in table memory. A key may lie in either of two buckets of one cache
/// line: a search reads at most these, whatever comes. Numbers read from that memory are checked.</summary>
internal sealed class NatFlows
{
    /// <summary>Flows that are looked at per burst for their time.</summary>
    public const int SweepPerBurst = 8;

    private const int SweepWhenFull = 64;
    private const int SecondBucketShift = 21;
    private const int TagShift = 32;
    private const int NoPlace = -1;
    private const ulong MixFirst = 0x9E37_79B9_7F4A_7C15;  // 2^64 divided by the golden ratio
    private const ulong MixSecond = 0xD6E8_FEB8_6659_FD93; // odd, half of its bits set
    private readonly NativeRef<NatHeader> _header;
    private readonly NativeSpan<NatFlow> _flows;
    private readonly NativeSpan<ulong> _index;
    private readonly uint _bucketMask;

    /// <summary>Over a table; see <see cref="NatHeader"/>.</summary>
    public NatFlows(NativeSpan<byte> table)
    {
        int flows = (int)NatHeader.FlowsOf(table.Length);
        int flowBytes = flows * NatFlow.SizeBytes;
        _header = table.Slice(0, NatHeader.SizeBytes).First<NatHeader>();
        _flows = table.Slice(NatHeader.SizeBytes, flowBytes).Cast<NatFlow>();
        int at = NatHeader.SizeBytes + flowBytes;
        _index = table.Slice(at, table.Length - at).Cast<ulong>();
        _bucketMask = (uint)(_index.Length / NatHeader.BucketPlaces) - 1;
    }

    /// <summary>A flow by its place.</summary>
    public ref NatFlow this[int place] => ref _flows[place];

    /// <summary>A number that follows from a key, for what should look random.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong HashOf(in NatKey key)
    {
        ref NatHeader header = ref _header.Value;
        ulong high = Math.BigMul(key.Addresses ^ header.Seed0 ^ MixFirst,
            key.Ports ^ header.Seed1 ^ MixSecond,
            out ulong low);
        high = Math.BigMul((high ^ low) + header.Seed1, MixFirst, out low);
        return high ^ low;
    }

    /// <summary>The place of a flow; negative: none, or its time is over and it ends here.</summary>
    public int Find(in NatKey key, long nowNs)
    {
        ulong hash = HashOf(key);
        ulong tag = hash >> TagShift;
        int first = FirstBucket(hash);
        int place = FindIn(first, tag, key);
        if (place < 0)
        {
            place = FindIn(SecondBucket(hash), tag, key);
        }

        if (place >= 0 && _flows[place].ExpiresNs <= nowNs)
        {
            Remove(place);
            return NoPlace;
        }

        return place;
    }

    /// <summary>Adds a flow that has neither key in the table yet.</summary>
    /// <returns>Its place; negative: the table is full.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)] // once a flow
    public int Add(in NatFlow flow, long nowNs)
    {
        int place = Take(nowNs);
        if (place < 0)
        {
            return NoPlace;
        }

        ref NatFlow entry = ref _flows[place];
        uint version = entry.Version | 1;
        Volatile.Write(ref entry.Version, version); // see NatFlow: a reader does not see half a flow
        Volatile.WriteBarrier();
        entry = flow with { Version = version };
        Volatile.Write(ref entry.Version, version + 1);
        bool isIn = TryPut(HashOf(NatKey.Of(flow, isReverse: false)), place, nowNs)
            && TryPut(HashOf(NatKey.Of(flow, isReverse: true)), place, nowNs);
        _header.Value.Created++;
        if (!isIn)
        {
            Remove(place);
            return NoPlace;
        }

        return place;
    }

    /// <summary>Looks at some flows; ends those whose time is over.</summary>
    public void Sweep(int count, long nowNs)
    {
        ref NatHeader header = ref _header.Value;
        uint used = Math.Min(header.HighWater, (uint)_flows.Length);
        for (int i = (int)Math.Min((uint)count, used); i > 0; i--)
        {
            uint at = header.Sweep < used ? header.Sweep : 0;
            header.Sweep = at + 1;
            EndIfOver((int)at, nowNs);
        }
    }

    private bool EndIfOver(int place, long nowNs)
    {
        ref NatFlow flow = ref _flows[place];
        if (flow.State == NatState.None || flow.ExpiresNs > nowNs)
        {
            return false;
        }

        Remove(place);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int FirstBucket(ulong hash) => (int)((uint)hash & _bucketMask) * NatHeader.BucketPlaces;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int SecondBucket(ulong hash) =>
        (int)((uint)(hash >> SecondBucketShift) & _bucketMask) * NatHeader.BucketPlaces;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int FindIn(int bucket, ulong tag, in NatKey key)
    {
        for (int i = bucket; i < bucket + NatHeader.BucketPlaces; i++)
        {
            ulong value = _index[i];
            int place = (int)(uint)value - 1;
            if (value >> TagShift == tag && (uint)place < (uint)_flows.Length && IsOf(_flows[place], key))
            {
                return place;
            }
        }

        return NoPlace;
    }

    private static bool IsOf(in NatFlow flow, in NatKey key) =>
        flow.State != NatState.None && NatKey.Of(flow, key.IsReverse) == key;

    private int Take(long nowNs)
    {
        ref NatHeader header = ref _header.Value;
        if (header.FreeHead == 0 && header.HighWater >= (uint)_flows.Length)
        {
            Sweep(SweepWhenFull, nowNs);
        }

        int place = (int)header.FreeHead - 1;
        if ((uint)place < (uint)_flows.Length && _flows[place].State == NatState.None)
        {
            header.FreeHead = _flows[place].Inside;
            return place;
        }

        return header.HighWater < (uint)_flows.Length ? (int)header.HighWater++ : NoPlace;
    }

    // Into the emptier of its two buckets; when both are full, in place of a flow whose time is over.
    private bool TryPut(ulong hash, int place, long nowNs)
    {
        int first = FirstBucket(hash);
        int second = SecondBucket(hash);
        int target = Count(second) < Count(first) ? second : first;
        if (Count(target) == NatHeader.BucketPlaces && !EndOneOf(first, nowNs) && !EndOneOf(second, nowNs))
        {
            return false;
        }

        ulong value = (hash >> TagShift << TagShift) | (uint)(place + 1);
        return Replace(target, 0, value) || Replace(first, 0, value) || Replace(second, 0, value);
    }

    private int Count(int bucket)
    {
        int count = 0;
        for (int i = bucket; i < bucket + NatHeader.BucketPlaces; i++)
        {
            count += _index[i] != 0 ? 1 : 0;
        }

        return count;
    }

    private bool EndOneOf(int bucket, long nowNs)
    {
        for (int i = bucket; i < bucket + NatHeader.BucketPlaces; i++)
        {
            int place = (int)(uint)_index[i] - 1;
            if ((uint)place < (uint)_flows.Length && EndIfOver(place, nowNs))
            {
                return true;
            }
        }

        return false;
    }

    private bool Replace(int bucket, ulong old, ulong young)
    {
        for (int i = bucket; i < bucket + NatHeader.BucketPlaces; i++)
        {
            if (_index[i] == old)
            {
                _index[i] = young;
                return true;
            }
        }

        return false;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // once a flow
    private void Remove(int place)
    {
        ref NatFlow flow = ref _flows[place];
        RemoveKey(HashOf(NatKey.Of(flow, isReverse: false)), place);
        RemoveKey(HashOf(NatKey.Of(flow, isReverse: true)), place);
        ref NatHeader header = ref _header.Value;
        uint version = flow.Version | 1;
        Volatile.Write(ref flow.Version, version);
        Volatile.WriteBarrier();
        flow.State = NatState.None;
        flow.Inside = header.FreeHead;
        Volatile.Write(ref flow.Version, version + 1);
        header.FreeHead = (uint)(place + 1);
        header.Ended++;
    }

    private void RemoveKey(ulong hash, int place)
    {
        ulong value = (hash >> TagShift << TagShift) | (uint)(place + 1);
        _ = Replace(FirstBucket(hash), value, 0) || Replace(SecondBucket(hash), value, 0);
    }
}
