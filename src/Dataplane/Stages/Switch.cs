using System.Runtime.CompilerServices;
using LowLatency.Dataplane.Packets;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Stages;

/// <summary>A learning bridge over the lane's ports (IEEE 802.1Q 8.6 to 8.8): learns source addresses,
/// forwards
/// by destination, floods what it does not know. Its table is bounded: buckets of four, no chains, so that a
/// look-up is one cache line whatever comes.</summary>
internal sealed class Switch : IStage
{
    private const ulong GroupBit = 1;               // of a MAC whose first byte is lowest
    // 01-80-C2-00-00-0x: never forwarded (802.1Q table 8-1).
    private const ulong ReservedMac = 0x00_0000_C280_01;
    private const ulong ReservedMask = 0xF0FF_FFFF_FFFF;
    private const ulong PauseMac = 0x0100_00C2_8001; // ends in the MAC Control sublayer (802.3, 31B)
    private const long NsPerSecond = 1_000_000_000;
    private readonly NativeRef<SwitchCounters> _counters;
    private readonly NativeSpan<MacEntry> _entries;
    private readonly NativeSpan<VlanPort> _vlans;
    private readonly int _buckets;
    private readonly int _number;
    private readonly int _ports;
    private readonly uint _ageSeconds;
    private readonly long _floodNs;
    private readonly bool _isLast;

    /// <summary>Makes the stage over its table.</summary>
    public Switch(in StageContext context)
    {
        SwitchSettings settings = SwitchSettings.Read(context.Stage);
        NativeSpan<byte> table = context.Table<byte>(0);
        _counters = table.Slice(0, SwitchCounters.SizeBytes).First<SwitchCounters>();
        _entries = table.Slice(SwitchCounters.SizeBytes, table.Length - SwitchCounters.SizeBytes)
            .Cast<MacEntry>();
        _buckets = _entries.Length / MacEntry.BucketEntries;
        _number = context.Number;
        _ports = (int)context.Lane.PortCount;
        _ageSeconds = (uint)settings.AgeSeconds;
        _floodNs = settings.FloodsPerSecond == 0 ? 0 : NsPerSecond / settings.FloodsPerSecond;
        _isLast = context.Number == context.Lane.StageCount - 1;
        _vlans = settings.VlanTable < 0 ? default : context.Foreign<VlanPort>((int)settings.VlanTable);
    }

    /// <inheritdoc/>
    public void Run(ref Burst burst)
    {
        int count = burst.Count; // what it adds has its verdict
        uint second = (uint)(burst.NowNs / NsPerSecond);
        for (int i = 0; i < count; i++)
        {
            if (!burst.Verdicts[i].IsDone)
            {
                Verdict verdict = Decide(ref burst, i, second);
                burst.Verdicts[i] = verdict.IsEnded ? verdict.At(_number) : verdict;
            }
        }
    }

    private Verdict Decide(ref Burst burst, int index, uint second)
    {
        Span<byte> frame = burst.Frame(index);
        if (frame.Length < Ethernet.HeaderBytes)
        {
            return Verdict.Drop(DropReason.Malformed);
        }

        ulong source = Ethernet.ReadSource(frame);
        ulong destination = Ethernet.ReadDestination(frame);
        int vlan = Vlan.IdOf(frame);
        if (destination == PauseMac) // never reaches a bridge: nothing is learned of it
        {
            return Verdict.Drop(DropReason.SwitchNoMember);
        }

        if ((source & GroupBit) != 0 || source == 0 || !Learn(source, vlan, burst.Ingress, second))
        {
            return Verdict.Drop(DropReason.SwitchBadSource);
        }

        if ((destination & ReservedMask) == ReservedMac)
        {
            return Verdict.Drop(DropReason.SwitchNoMember);
        }

        int port = (destination & GroupBit) != 0 ? -1 : Find(destination, vlan, second);
        if (port == burst.Ingress)
        {
            return Verdict.Drop(DropReason.SwitchSamePort);
        }

        return port >= 0 && port < _ports ? Verdict.Forward(port) : Flood(ref burst, index, vlan);
    }

    private int Find(ulong mac, int vlan, uint second)
    {
        ulong key = MacEntry.KeyOf(mac, vlan);
        int first = MacEntry.BucketOf(key, _buckets) * MacEntry.BucketEntries;
        for (int i = first; i < first + MacEntry.BucketEntries; i++)
        {
            ref MacEntry entry = ref _entries[i];
            if (entry.Key == key)
            {
                return IsOld(entry, second) ? -1 : entry.Port;
            }
        }

        return -1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsOld(in MacEntry entry, uint second) =>
        !entry.IsStatic && second - entry.SeenSecond > _ageSeconds;

    // False: the address is fixed to another port.
    private bool Learn(ulong mac, int vlan, int ingress, uint second)
    {
        ulong key = MacEntry.KeyOf(mac, vlan);
        ulong value = MacEntry.ValueOf(ingress, second);
        int first = MacEntry.BucketOf(key, _buckets) * MacEntry.BucketEntries;
        int place = -1;
        uint oldest = 0;
        for (int i = first; i < first + MacEntry.BucketEntries; i++)
        {
            ref MacEntry entry = ref _entries[i];
            if (entry.Key == key)
            {
                return Renew(ref entry, ingress, value, second);
            }

            // Free before old, old before the one that was not seen for longest; static never.
            uint age = !entry.IsUsed ? uint.MaxValue : entry.IsStatic ? 0 : second - entry.SeenSecond + 1;
            if (age > oldest)
            {
                (place, oldest) = (i, age);
            }
        }

        Put(place, key, value, isEvicting: place >= 0 && _entries[place].IsUsed
            && !IsOld(_entries[place], second));
        return true;
    }

    private bool Renew(ref MacEntry entry, int ingress, ulong value, uint second)
    {
        if (entry.IsStatic)
        {
            return entry.Port == ingress;
        }

        if (entry.Value != value)
        {
            _counters.Value.Moved += entry.Port != ingress && !IsOld(entry, second) ? 1u : 0u;
            entry.Value = value;
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // once an address
    private void Put(int place, ulong key, ulong value, bool isEvicting)
    {
        ref SwitchCounters counters = ref _counters.Value;
        if (place < 0)
        {
            counters.NotLearned++;
            return;
        }

        ref MacEntry entry = ref _entries[place];
        Volatile.Write(ref entry.Key, 0); // a reader sees no key with a value that is not its own
        Volatile.Write(ref entry.Value, value);
        Volatile.Write(ref entry.Key, key);
        counters.Learned++;
        counters.Evicted += isEvicting ? 1u : 0u;
    }

    private Verdict Flood(ref Burst burst, int index, int vlan)
    {
        if (_floodNs != 0 && !MayFlood(burst.Ingress, burst.NowNs))
        {
            return Verdict.Drop(DropReason.SwitchStorm);
        }

        int last = -1;
        for (int port = 0; port < _ports; port++)
        {
            if (port == burst.Ingress || !IsMember(port, vlan))
            {
                continue;
            }

            if (last >= 0)
            {
                _ = _isLast ? burst.TryShare(index, Verdict.Forward(last))
                    : burst.TryCopy(index, Verdict.Forward(last)); // without room: counted as missed
            }

            last = port;
        }

        _counters.Value.Flooded++;
        return last < 0 ? Verdict.Drop(DropReason.SwitchNoMember) : Verdict.Forward(last);
    }

    private bool IsMember(int port, int vlan)
    {
        if (_vlans.Length == 0)
        {
            return true;
        }

        ref VlanPort member = ref _vlans[port];
        return member.Mode == VlanMode.None || member.Out[vlan] < VlanMap.Count;
    }

    // A port may use the floods of up to a second at once (GCRA, ITU-T I.371: one time a port).
    private bool MayFlood(int ingress, long nowNs)
    {
        ref long usedUpToNs = ref _counters.Value.Budgets[ingress];
        long fromNs = Math.Max(usedUpToNs, nowNs - NsPerSecond);
        if (fromNs + _floodNs > nowNs)
        {
            return false;
        }

        usedUpToNs = fromNs + _floodNs;
        return true;
    }
}
