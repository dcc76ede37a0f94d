using LowLatency.Native.Interop;
using LowLatency.Native.Layout;

namespace LowLatency.Native.Xdp;

/// <summary>The part that serves paths: what they are, where they lead, what they read and count.</summary>
internal sealed unsafe partial class XdpObject
{
    /// <summary>The interface behind a number that paths name. The calling thread is in its
    /// namespace.</summary>
    public Errno SetEgress(uint number, int interfaceIndex) =>
        Answer(LibBpf.MapUpdate(_egressFd, &number, &interfaceIndex, UpdateAny));

    /// <summary>Writes one of the two paths, its counters at zero. It must not be in use.</summary>
    public Errno WritePath(uint number, in XdpPath path)
    {
        Invariant.Require(number < 2);
        Array.Clear(_perCpuHits);
        fixed (ulong* zeros = _perCpuHits) // in bounds: HitWords for each possible CPU
        {
            for (uint rule = 0; rule < XdpRules.Max; rule++)
            {
                uint entry = (number * XdpRules.Max) + rule;
                Errno errno = Answer(LibBpf.MapUpdate(_hitsFd, &entry, zeros, UpdateAny));
                Invariant.Require(errno == Errno.Ok); // a preallocated array
            }
        }

        fixed (XdpPath* value = &path)
        {
            return Answer(LibBpf.MapUpdate(_pathsFd, &number, value, UpdateAny));
        }
    }

    /// <summary>What becomes of tags by one of the two paths. It must not be in use.</summary>
    public Errno SetVlans(uint number, in VlanMap vlans)
    {
        Invariant.Require(number < 2);
        fixed (VlanMap* value = &vlans)
        {
            return Answer(LibBpf.MapUpdate(_vlansFd, &number, value, UpdateAny));
        }
    }

    /// <summary>A table of one of the two paths: a descriptor of its map, or -1 for none. Waits until no
    /// program runs that may see the one before.</summary>
    /// <param name="number">Of the path.</param>
    /// <param name="table">Its place among those of a route stage.</param>
    /// <param name="fd">Made by <see cref="KernelTable"/>.</param>
    public Errno SetTable(uint number, uint table, int fd)
    {
        Invariant.Require(number < 2 && table < RouteSettings.Tables);
        uint entry = (number * RouteSettings.Tables) + table;
        if (fd >= 0)
        {
            return Answer(LibBpf.MapUpdate(_tablesFd, &entry, &fd, UpdateAny));
        }

        Errno errno = Answer(LibBpf.MapDelete(_tablesFd, &entry));
        return errno == Errno.ENOENT ? Errno.Ok : errno;
    }

    /// <summary>The interface behind a number is no way out any more.</summary>
    public Errno ClearEgress(uint number)
    {
        Errno errno = Answer(LibBpf.MapDelete(_egressFd, &number));
        return errno == Errno.ENOENT ? Errno.Ok : errno;
    }

    /// <summary>Frames take this path from now on; null: none, all of ours go to the sockets.</summary>
    public Errno UsePath(uint? number)
    {
        _config.Flags &= ~(XdpConfig.FlagPath | XdpConfig.FlagPath1);
        _config.Flags |= number switch
        {
            null => 0,
            0 => XdpConfig.FlagPath,
            _ => XdpConfig.FlagPath | XdpConfig.FlagPath1,
        };
        return WriteConfig();
    }

    /// <summary>Sums what a rule of a path matched, all CPUs.</summary>
    public Errno ReadHits(uint number, uint rule, ref RuleCounter hits)
    {
        Invariant.Require(number < 2 && rule < XdpRules.Max);
        uint entry = (number * XdpRules.Max) + rule;
        fixed (ulong* values = _perCpuHits) // in bounds: HitWords for each possible CPU
        {
            Errno errno = Answer(LibBpf.MapLookup(_hitsFd, &entry, values));
            if (errno != Errno.Ok)
            {
                return errno;
            }
        }

        hits = default;
        for (int i = 0; i < _perCpuHits.Length; i += HitWords)
        {
            hits.Frames += _perCpuHits[i];
            hits.Bytes += _perCpuHits[i + 1];
        }

        return Errno.Ok;
    }
}
