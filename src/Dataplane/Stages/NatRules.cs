using LowLatency.Native.Layout;

namespace LowLatency.Dataplane.Stages;

/// <summary>The entries of a nat stage, ready to be searched: the shared addresses, prefixes in order of
/// their addresses, forwards by hash.</summary>
internal sealed class NatRules
{
    private readonly uint[] _outside;
    private readonly NatEntry[] _byInside;
    private readonly NatEntry[] _byOutside;
    private readonly Dictionary<ulong, NatEntry> _forwards = [];
    private readonly HashSet<uint> _ours = [];

    /// <summary>Reads entries; what makes no sense is left out.</summary>
    public NatRules(ReadOnlySpan<NatEntry> entries)
    {
        List<uint> outside = [];
        List<NatEntry> statics = [];
        foreach (ref readonly NatEntry entry in entries)
        {
            switch (entry.Kind)
            {
                case NatEntryKind.Source:
                    outside.Add(entry.Outside);
                    break;
                case NatEntryKind.Static when entry.Bits <= 32:
                    statics.Add(entry);
                    break;
                case NatEntryKind.Forward:
                    _forwards[KeyOf(entry.Protocol, entry.Outside, entry.OutsidePort)] = entry;
                    _ours.Add(entry.Outside);
                    break;
                default:
                    break;
            }
        }

        _outside = [.. outside];
        _ours.UnionWith(outside);
        _byInside = [.. statics];
        _byOutside = [.. statics];
        Array.Sort(_byInside, (one, other) => one.Inside.CompareTo(other.Inside));
        Array.Sort(_byOutside, (one, other) => one.Outside.CompareTo(other.Outside));
    }

    /// <summary>Inside hosts share outside addresses.</summary>
    public bool HasSource => _outside.Length > 0;

    /// <summary>There can be flows.</summary>
    public bool HasFlows => _outside.Length > 0 || _forwards.Count > 0;

    /// <summary>The outside address of an inside host: always the same one (RFC 4787, REQ-2).</summary>
    public uint OutsideOf(ulong hash) => _outside[(int)(hash % (uint)_outside.Length)];

    /// <summary>An address that frames from outside are translated of.</summary>
    public bool IsOurs(uint address) => _ours.Contains(address);

    /// <summary>The forward of an outside pair.</summary>
    public bool TryForward(byte protocol, uint outside, ushort port, out NatEntry entry) =>
        _forwards.TryGetValue(KeyOf(protocol, outside, port), out entry);

    /// <summary>What stands outside for an inside address.</summary>
    public bool TryOutside(uint inside, out uint outside)
    {
        int at = Last(_byInside, inside, isInside: true);
        outside = at < 0 ? 0 : _byInside[at].Outside + (inside - _byInside[at].Inside);
        return at >= 0;
    }

    /// <summary>Whom an outside address stands for.</summary>
    public bool TryInside(uint outside, out uint inside)
    {
        int at = Last(_byOutside, outside, isInside: false);
        inside = at < 0 ? 0 : _byOutside[at].Inside + (outside - _byOutside[at].Outside);
        return at >= 0;
    }

    // The prefix that an address lies in; prefixes do not overlap.
    private static int Last(NatEntry[] entries, uint address, bool isInside)
    {
        int low = 0;
        int high = entries.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            uint first = isInside ? entries[middle].Inside : entries[middle].Outside;
            (low, high) = first <= address ? (middle + 1, high) : (low, middle);
        }

        if (low == 0)
        {
            return -1;
        }

        ref NatEntry entry = ref entries[low - 1];
        uint start = isInside ? entry.Inside : entry.Outside;
        return address - start <= uint.MaxValue >> entry.Bits || entry.Bits == 0 ? low - 1 : -1;
    }

    private static ulong KeyOf(byte protocol, uint address, ushort port) =>
        ((ulong)protocol << 48) | ((ulong)port << 32) | address;
}
