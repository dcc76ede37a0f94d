using LowLatency.Native.Interop;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Netlink;

namespace LowLatency.Native.Xdp;

/// <summary>The XDP program on one interface. A bpf_link holds it there: it goes with the last fd of the
/// link, so even a killed process leaves the hook free. Made by the booting thread, polled by lowlatd's main
/// thread; one thread at a time.</summary>
/// <remarks>Order of a boot without a window in which the stack misses frames: attach, add local addresses,
/// set sockets. Until a queue has a socket, its frames pass.</remarks>
public sealed class XdpProgram : IDisposable
{
    private readonly XdpObject _object;
    private readonly int _queueCount;
    private readonly string _networkNamespace;
    private uint _path; // the one that was written last
    private bool _hasPath;
    private bool _hasTables;
    private int _linkFd;

    private XdpProgram(XdpObject loaded, int linkFd, XdpAttachRequest request)
    {
        _object = loaded;
        _linkFd = linkFd;
        _queueCount = request.QueueCount;
        _networkNamespace = request.NetworkNamespace;
        Mode = request.Mode;
        ProgramId = loaded.ProgramId;
    }

    /// <summary>Where it runs: what was asked for, since nothing else is tried.</summary>
    public XdpAttachMode Mode { get; }

    /// <summary>The kernel's id, as <c>bpftool prog show id</c> knows it.</summary>
    public uint ProgramId { get; }

    /// <summary>Loads the program with maps of its own and attaches it.</summary>
    /// <exception cref="NativeException">EBUSY, EEXIST: another program owns the hook, the message says whose
    /// it is. EOPNOTSUPP: the driver has no native mode. Others: the kernel refused, with a hint.</exception>
    public static XdpProgram Attach(XdpAttachRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        XdpConfig config = new()
        {
            Claim = request.Claim,
            ClaimPortLow = request.ClaimPortLow,
            ClaimPortHigh = request.ClaimPortHigh,
            OwnMac = request.OwnMac,
            Flags = request.Stamps ? XdpConfig.FlagStamp : 0,
        };
        using NetworkNamespace scope = NetworkNamespace.Enter(request.NetworkNamespace);
        XdpObject loaded = XdpObject.Load(config, request.QueueCount, request.TakesPaths);
        try
        {
            return new XdpProgram(loaded, CreateLink(loaded.ProgramFd, request), request);
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    /// <summary>Frames of this queue go to the socket from now on.</summary>
    /// <exception cref="NativeException">The kernel refused the socket.</exception>
    public void SetSocket(uint queue, int fd)
    {
        Invariant.Require(queue < (uint)_queueCount);
        Errno errno = _object.SetSocket(queue, fd);
        if (errno != Errno.Ok)
        {
            throw new NativeException($"bpf_map_update_elem(ll_sockets, {queue})", errno,
                "The descriptor must be an AF_XDP socket bound to this interface and queue.");
        }
    }

    /// <summary>Frames of this queue go to the stack from now on.</summary>
    public void ClearSocket(uint queue)
    {
        Invariant.Require(queue < (uint)_queueCount);
        Errno errno = _object.ClearSocket(queue);
        Invariant.Require(errno == Errno.Ok);
    }

    /// <summary>Frames for this address are passed to the stack from now on (all but
    /// <see cref="Claim.All"/>).</summary>
    /// <param name="address">4 or 16 bytes, network order.</param>
    /// <returns>Ok, also when it was known; E2BIG when the map is full. Allocates nothing.</returns>
    public Errno AddLocalAddress(ReadOnlySpan<byte> address) => _object.AddLocal(address);

    /// <summary>Frames for this address are judged like others from now on.</summary>
    /// <param name="address">4 or 16 bytes, network order.</param>
    /// <returns>Ok, also when it was not known. Allocates nothing.</returns>
    public Errno RemoveLocalAddress(ReadOnlySpan<byte> address) => _object.RemoveLocal(address);

    /// <summary>Makes these the local addresses and no others: after changes that nobody was told of. New
    /// ones come before old ones go, so what stays is local throughout. Allocates.</summary>
    /// <returns>Ok, or the first refusal: E2BIG when the map is full.</returns>
    public Errno ReplaceLocalAddresses(IReadOnlyList<LinkAddress> addresses)
    {
        ArgumentNullException.ThrowIfNull(addresses);
        List<byte[]> wanted = [.. addresses.Select(address => address.Address.GetAddressBytes())];
        Errno first = Errno.Ok;
        foreach (byte[] address in wanted)
        {
            Errno errno = _object.AddLocal(address);
            first = first == Errno.Ok ? errno : first;
        }

        foreach (byte[] present in (List<byte[]>)[.. _object.Locals(4), .. _object.Locals(16)])
        {
            if (!wanted.Exists(address => address.AsSpan().SequenceEqual(present)))
            {
                Errno errno = _object.RemoveLocal(present);
                first = first == Errno.Ok ? errno : first;
            }
        }

        return first;
    }

    /// <summary>What the program did since it was loaded, all CPUs and queues. Allocates nothing.</summary>
    public void ReadOutcomes(ref OutcomeCounters outcomes)
    {
        Errno errno = _object.ReadOutcomes(ref outcomes);
        Invariant.Require(errno == Errno.Ok); // our own map, one entry, always there
    }

    /// <summary>The interface behind a number that paths name, in the namespace of this one. The kernel
    /// forgets it when it goes.</summary>
    /// <exception cref="NativeException">It is not there.</exception>
    public void SetEgress(uint number, int interfaceIndex)
    {
        using NetworkNamespace scope = NetworkNamespace.Enter(_networkNamespace);
        Errno errno = _object.SetEgress(number, interfaceIndex);
        if (errno != Errno.Ok)
        {
            throw new NativeException($"bpf_map_update_elem(ll_egress, {number})", errno,
                $"The interface with index {interfaceIndex} is gone.");
        }
    }

    /// <summary>The interface behind a number is no way out any more: frames for it go to the sockets.
    /// Allocates nothing.</summary>
    public void ClearEgress(uint number)
    {
        Errno errno = _object.ClearEgress(number);
        Invariant.Require(errno == Errno.Ok);
    }

    /// <summary>Writes what <see cref="UsePath"/> puts in force; until then the last one stays. Its rules
    /// count from zero.</summary>
    /// <param name="path">The path.</param>
    /// <param name="vlans">Of a path that changes tags: how.</param>
    /// <param name="tables">The plan's tables.</param>
    /// <param name="firstTable">First of its route stage; -1: it has none.</param>
    public void WritePath(in XdpPath path, in VlanMap vlans, TableMemory tables, int firstTable)
    {
        ArgumentNullException.ThrowIfNull(tables);
        uint next = _hasPath ? 1 - _path : 0;
        for (uint table = 0; firstTable >= 0 && table < RouteSettings.Tables; table++)
        {
            Errno set = _object.SetTable(next, table, tables.KernelFd(firstTable + (int)table));
            Invariant.Require(set == Errno.Ok); // of the shape that it asks for
        }

        for (uint table = 0; _hasTables && table < RouteSettings.Tables; table++)
        {
            Invariant.Require(_object.SetTable(1 - next, table, -1) == Errno.Ok); // its memory is free
        }

        Errno errno = path.HasVlan != 0 ? _object.SetVlans(next, vlans) : Errno.Ok;
        Invariant.Require(errno == Errno.Ok); // one of two entries of a preallocated array, as
        errno = _object.WritePath(next, path);
        Invariant.Require(errno == Errno.Ok); // one of two entries of a preallocated array
        _path = next;
        _hasPath = true;
        _hasTables = firstTable >= 0;
    }

    /// <summary>Frames take the path that was written last from now on; false: all of ours go to the sockets.
    /// Allocates nothing.</summary>
    public void UsePath(bool isOn)
    {
        Invariant.Require(_hasPath || !isOn);
        Errno errno = _object.UsePath(isOn ? _path : null);
        Invariant.Require(errno == Errno.Ok);
    }

    /// <summary>Waits until every program that runs now, on any interface, has ended: what was taken out of
    /// the tables before is read by none. Of a path that routes. Allocates nothing.</summary>
    public void WaitForReaders(TableMemory tables, int firstTable)
    {
        ArgumentNullException.ThrowIfNull(tables);
        // Replacing a map inside a map waits (kernel/bpf/syscall.c maybe_wait_bpf_programs), by the same,
        // too.
        Errno errno = _object.SetTable(_path, RouteSettings.NextHops,
            tables.KernelFd(firstTable + RouteSettings.NextHops));
        Invariant.Require(errno == Errno.Ok);
    }

    /// <summary>What a rule of the path matched since it was written. Allocates nothing.</summary>
    public void ReadHits(uint rule, ref RuleCounter hits)
    {
        Errno errno = _object.ReadHits(_path, rule, ref hits);
        Invariant.Require(errno == Errno.Ok);
    }

    /// <summary>What the program did since it was loaded, and the bytes of frames that end in it. Allocates
    /// nothing.</summary>
    public void ReadOutcomes(ref OutcomeCounters outcomes, ref OutcomeCounters bytes)
    {
        Errno errno = _object.ReadOutcomes(ref outcomes, ref bytes);
        Invariant.Require(errno == Errno.Ok); // our own map, one entry, always there
    }

    /// <summary>Frees the hook: no queue has a socket, then the link goes, then program and maps.</summary>
    public void Dispose()
    {
        if (_linkFd < 0)
        {
            return;
        }

        for (uint queue = 0; queue < (uint)_queueCount; queue++)
        {
            ClearSocket(queue);
        }

        Libc.CloseFile(_linkFd); // the only fd of the link: the kernel detaches before close returns
        _linkFd = -1;
        _object.Dispose();
    }

    private static unsafe int CreateLink(int programFd, XdpAttachRequest request)
    {
        LibBpf.LinkCreateOptions options = new()
        {
            Size = (nuint)sizeof(LibBpf.LinkCreateOptions),
            Flags = request.Mode == XdpAttachMode.Native ? LibBpf.FlagDrvMode : LibBpf.FlagSkbMode,
        };
        int fd = LibBpf.LinkCreate(programFd, request.InterfaceIndex, LibBpf.AttachTypeXdp, &options);
        if (fd >= 0)
        {
            return fd;
        }

        Errno errno = (Errno)(-fd);
        if (errno == Errno.EINVAL && !Exists(request.InterfaceIndex))
        {
            errno = Errno.ENODEV; // the kernel says EINVAL for both (net/core/dev.c bpf_xdp_link_attach)
        }

        string mode = request.Mode == XdpAttachMode.Native ? "native" : "generic";
        throw new NativeException($"bpf_link_create(XDP, {request.Interface}, {mode})", errno,
            Hint(errno, request));
    }

    private static bool Exists(int interfaceIndex)
    {
        using RouteNetlink route = RouteNetlink.Open(""); // the scope that Attach has entered
        return route.FindLink(interfaceIndex) is not null;
    }

    private static string Hint(Errno errno, XdpAttachRequest request) => errno switch
    {
        Errno.EBUSY or Errno.EEXIST =>
            XdpHookOwner.Find(request.InterfaceIndex)?.Describe(request.Interface, request.NetworkNamespace)
            ?? $"The hook of {request.Interface} is taken, by nothing that is still there: try again.",
        Errno.EOPNOTSUPP =>
            "The driver has no native XDP, or not with its present features (LRO, too few queues): "
            + "take mode generic or auto, or see what 'ethtool -k' has on.",
        Errno.ERANGE or Errno.EINVAL =>
            $"The MTU of {request.Interface} or its peer is probably too large for native XDP: "
            + "lower it (3000 fits most drivers), or take mode generic.",
        Errno.ENOMEM or Errno.ENOSPC => "The driver found no queues or memory for XDP: fewer channels "
            + $"('ethtool -L {request.Interface} combined N') leave it some.",
        Errno.ENODEV => $"The interface {request.Interface} (index {request.InterfaceIndex}) is gone.",
        Errno.EPERM or Errno.EACCES => "Attaching needs CAP_NET_ADMIN and CAP_BPF: run as root.",
        _ => "The driver refused; the kernel log (dmesg) may say why.",
    };
}
