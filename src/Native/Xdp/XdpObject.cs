using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using LowLatency.Native.Interop;
using LowLatency.Native.Layout;

namespace LowLatency.Native.Xdp;

/// <summary>The embedded lowlat.bpf.o, loaded into the kernel with maps of its own, not attached to anything.
/// One thread at a time; once loaded, nothing here allocates.</summary>
internal sealed unsafe partial class XdpObject : IDisposable
{
    private const string ResourceName = "lowlat.bpf.o";
    private const string ProgramName = "lowlat_xdp";
    private const int LogBytes = 256 * 1024; // the verifier keeps the end of a longer log
    private const int LogLinesShown = 3;     // the last ones name the refused instruction and the reason
    private const ulong UpdateAny = 0;       // BPF_ANY
    private const ulong UpdateNew = 1;       // BPF_NOEXIST
    private const int OutcomeWords = 2 * OutcomeCounters.Count; // struct ll_outcomes: counts, then bytes
    private const int HitWords = 2;          // struct ll_hits

    private readonly int _configFd;
    private readonly int _socketsFd;
    private readonly int _outcomesFd;
    private readonly int _local4Fd;
    private readonly int _local6Fd;
    private readonly int _pathsFd;
    private readonly int _egressFd;
    private readonly int _hitsFd;
    private readonly int _tablesFd;
    private readonly int _vlansFd;
    private readonly ulong[] _perCpu; // one struct ll_outcomes per possible CPU; pinned, the kernel writes it
    // Addresses behind each filter bit, to know when to clear it.
    private readonly int[] _slots4 = new int[64];
    private readonly int[] _slots6 = new int[64];
    private readonly ulong[] _perCpuHits; // one struct ll_hits per possible CPU; pinned, too
    private XdpConfig _config;
    private void* _handle;

    private XdpObject(void* handle, in XdpConfig config, int possibleCpus)
    {
        _handle = handle;
        _config = config;
        _perCpu = GC.AllocateArray<ulong>(possibleCpus * OutcomeWords, pinned: true);
        _perCpuHits = GC.AllocateArray<ulong>(possibleCpus * HitWords, pinned: true);
        ProgramFd = LibBpf.ProgramFd(LibBpf.ObjectFindProgram(handle, ProgramName));
        _configFd = MapFd(handle, "ll_config");
        _socketsFd = MapFd(handle, "ll_sockets");
        _outcomesFd = MapFd(handle, "ll_outcomes");
        _local4Fd = MapFd(handle, "ll_local4");
        _local6Fd = MapFd(handle, "ll_local6");
        _pathsFd = MapFd(handle, "ll_paths");
        _egressFd = MapFd(handle, "ll_egress");
        _hitsFd = MapFd(handle, "ll_rule_hits");
        _tablesFd = MapFd(handle, "ll_tables");
        _vlansFd = MapFd(handle, "ll_vlans");
        Invariant.Require(ProgramFd >= 0);
    }

    /// <summary>Fd of the loaded program.</summary>
    public int ProgramFd { get; }

    /// <summary>The kernel's id of the loaded program.</summary>
    public uint ProgramId => ReadInfo().Id;

    /// <summary>Machine code it became, bytes; 0: it is interpreted.</summary>
    public int JitedBytes => (int)ReadInfo().JitedBytes;

    /// <summary>Loads the program and its maps.</summary>
    /// <param name="config">What it goes by; without local addresses.</param>
    /// <param name="queueCount">Size of the socket map.</param>
    /// <param name="takesPaths">It contains paths: the code that offloads.</param>
    /// <exception cref="NativeException">The kernel refused; a verifier's last lines are in the
    /// hint.</exception>
    public static XdpObject Load(in XdpConfig config, int queueCount, bool takesPaths = true) =>
        Load(config, queueCount, ReadResource(), takesPaths);

    /// <summary>Loads another object with the same maps: for tests of what the kernel refuses.</summary>
    internal static XdpObject Load(in XdpConfig config, int queueCount, byte[] elf, bool takesPaths = true)
    {
        Invariant.Require(queueCount > 0);
        Invariant.Require(config.Local4Filter == 0 && config.Local6Filter == 0);
        _ = LibBpf.SetPrint(null); // libbpf writes to stderr otherwise; what matters is in our exceptions
        byte* log = (byte*)NativeMemory.AllocZeroed(LogBytes);
        void* handle = null;
        try
        {
            handle = Open(elf, log);
            int rc = LibBpf.MapSetMaxEntries(LibBpf.ObjectFindMap(handle, "ll_sockets"), (uint)queueCount);
            Invariant.Require(rc == 0);
            SetConstants(handle, ".rodata.paths", [takesPaths ? 1u : 0u]);
            SetConstants(handle, ".rodata.crc", KernelTable.CrcTables());
            rc = LibBpf.ObjectLoad(handle);
            if (rc < 0)
            {
                throw new NativeException("bpf(BPF_PROG_LOAD, lowlat_xdp)", (Errno)(-rc), LoadHint(-rc, log));
            }

            int cpus = LibBpf.PossibleCpus();
            Invariant.Require(cpus > 0);
            XdpObject loaded = new(handle, config, cpus);
            Errno errno = loaded.WriteConfig();
            Invariant.Require(errno == Errno.Ok); // one entry of a preallocated array: nothing can be missing
            return loaded;
        }
        catch
        {
            if (handle != null)
            {
                LibBpf.ObjectClose(handle);
            }

            throw;
        }
        finally
        {
            NativeMemory.Free(log);
        }
    }

    /// <summary>Frames of a queue go to this AF_XDP socket from now on.</summary>
    public Errno SetSocket(uint queue, int fd) =>
        Answer(LibBpf.MapUpdate(_socketsFd, &queue, &fd, UpdateAny));

    /// <summary>Frames of a queue go to the stack from now on. No socket there is fine.</summary>
    public Errno ClearSocket(uint queue)
    {
        Errno errno = Answer(LibBpf.MapDelete(_socketsFd, &queue));
        return errno == Errno.ENOENT ? Errno.Ok : errno;
    }

    /// <summary>Frames for this address go to the stack from now on. Known already is fine.</summary>
    /// <param name="address">4 or 16 bytes, network order.</param>
    public Errno AddLocal(ReadOnlySpan<byte> address)
    {
        Invariant.Require(address.Length is 4 or 16);
        byte present = 1;
        fixed (byte* key = address) // in bounds: the map's key size is this length
        {
            Errno errno = Answer(LibBpf.MapUpdate(LocalMap(address), key, &present, UpdateNew));
            if (errno == Errno.EEXIST)
            {
                return Errno.Ok;
            }

            if (errno != Errno.Ok)
            {
                return errno;
            }
        }

        int slot = XdpConfig.FilterSlot(address);
        Addresses(address)[slot]++;
        Filter(address) |= 1UL << slot; // after the entry: a program that sees the bit finds the address
        return WriteConfig();
    }

    /// <summary>Frames for this address are judged like all others from now on. Unknown is fine.</summary>
    public Errno RemoveLocal(ReadOnlySpan<byte> address)
    {
        Invariant.Require(address.Length is 4 or 16);
        fixed (byte* key = address) // in bounds: the map's key size is this length
        {
            Errno errno = Answer(LibBpf.MapDelete(LocalMap(address), key));
            if (errno != Errno.Ok)
            {
                return errno == Errno.ENOENT ? Errno.Ok : errno;
            }
        }

        int slot = XdpConfig.FilterSlot(address);
        Invariant.Require(Addresses(address)[slot] > 0);
        if (--Addresses(address)[slot] == 0)
        {
            Filter(address) &= ~(1UL << slot);
        }

        return WriteConfig();
    }

    /// <summary>The local addresses of one family, as the map has them. Allocates.</summary>
    /// <param name="length">Bytes of an address: 4 or 16.</param>
    public List<byte[]> Locals(int length)
    {
        Invariant.Require(length is 4 or 16);
        List<byte[]> found = [];
        byte* key = stackalloc byte[16];
        int fd = LocalMap(new ReadOnlySpan<byte>(key, length));
        byte* previous = null; // null: the first key
        while (found.Count < XdpConfig.LocalsMax && LibBpf.MapNextKey(fd, previous, key) == 0)
        {
            found.Add(new ReadOnlySpan<byte>(key, length).ToArray()); // in bounds: at most 16
            previous = key;
        }

        return found;
    }

    /// <summary>Sums the outcomes of all CPUs, since load.</summary>
    public Errno ReadOutcomes(ref OutcomeCounters outcomes)
    {
        OutcomeCounters bytes = default;
        return ReadOutcomes(ref outcomes, ref bytes);
    }

    /// <summary>Sums the outcomes of all CPUs and the bytes of those that end in the program, since
    /// load.</summary>
    public Errno ReadOutcomes(ref OutcomeCounters outcomes, ref OutcomeCounters bytes)
    {
        uint zero = 0;
        fixed (ulong* values = _perCpu) // in bounds: OutcomeWords for each possible CPU
        {
            Errno errno = Answer(LibBpf.MapLookup(_outcomesFd, &zero, values));
            if (errno != Errno.Ok)
            {
                return errno;
            }
        }

        outcomes = default;
        bytes = default;
        for (int i = 0; i < _perCpu.Length; i += OutcomeWords)
        {
            for (int slot = 0; slot < OutcomeCounters.Count; slot++)
            {
                outcomes[slot] += _perCpu[i + slot];
                bytes[slot] += _perCpu[i + OutcomeCounters.Count + slot];
            }
        }

        return Errno.Ok;
    }

    /// <summary>Closes program and maps; the kernel frees them when no link holds them.</summary>
    public void Dispose()
    {
        if (_handle != null)
        {
            LibBpf.ObjectClose(_handle);
            _handle = null;
        }
    }

    private LibBpf.ProgramInfo ReadInfo()
    {
        LibBpf.ProgramInfo info = default;
        uint bytes = (uint)sizeof(LibBpf.ProgramInfo);
        int rc = LibBpf.InfoByFd(ProgramFd, &info, &bytes);
        Invariant.Require(rc == 0);
        return info;
    }

    private static byte[] ReadResource()
    {
        using Stream? stream = typeof(XdpObject).Assembly.GetManifestResourceStream(ResourceName);
        Invariant.Require(stream != null); // embedded at build: without it there is no program at all
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static void SetConstants(void* handle, string map, ReadOnlySpan<uint> words)
    {
        void* constants = LibBpf.ObjectFindMap(handle, map);
        fixed (uint* values = words) // in bounds: the length is the span's own
        {
            int rc = constants == null ? 0
                : LibBpf.MapSetInitialValue(constants, values, (nuint)(words.Length * sizeof(uint)));
            Invariant.Require(rc == 0); // before loading, and of the size it has
        }
    }

    private static void* Open(byte[] elf, byte* log)
    {
        fixed (byte* bytes = elf)          // in bounds: the length is the array's own; libbpf copies it
        fixed (byte* name = "lowlat"u8)    // a literal ends with a zero byte
        {
            LibBpf.ObjectOpenOptions options = new()
            {
                Size = (nuint)sizeof(LibBpf.ObjectOpenOptions),
                ObjectName = name,
                KernelLog = log,
                KernelLogBytes = LogBytes,
            };
            void* handle = LibBpf.ObjectOpen(bytes, (nuint)elf.Length, &options);
            return handle != null ? handle : throw new NativeException("bpf_object__open_mem(lowlat.bpf.o)",
                Libc.LastErrno, "This libbpf does not know the format: rebuild with libbpf-dev 1.x.");
        }
    }

    private static string LoadHint(int errno, byte* log)
    {
        string text = Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(log));
        string tail = string.Join(" | ", text
            .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .TakeLast(LogLinesShown));
        return (Errno)errno switch
        {
            Errno.EPERM or Errno.EACCES when tail.Length == 0 =>
                "Loading an XDP program needs CAP_BPF and CAP_NET_ADMIN: run as root.",
            Errno.ENOMEM => "No memory for the program's maps: free some.",
            _ when tail.Length == 0 =>
                "Linux 6.1 or newer with CONFIG_BPF_SYSCALL and CONFIG_XDP_SOCKETS is needed.",
            _ => $"The kernel's verifier says: {tail}",
        };
    }

    private static int MapFd(void* handle, string name)
    {
        int fd = LibBpf.MapFd(LibBpf.ObjectFindMap(handle, name));
        Invariant.Require(fd >= 0); // the names are those of xdp/lowlat.bpf.c, compiled in the same build
        return fd;
    }

    private static Errno Answer(int rc) => rc >= 0 ? Errno.Ok : (Errno)(-rc);

    private int LocalMap(ReadOnlySpan<byte> address) => address.Length == 4 ? _local4Fd : _local6Fd;

    private int[] Addresses(ReadOnlySpan<byte> address) => address.Length == 4 ? _slots4 : _slots6;

    private ref ulong Filter(ReadOnlySpan<byte> address)
    {
        if (address.Length == 4)
        {
            return ref _config.Local4Filter;
        }

        return ref _config.Local6Filter;
    }

    private Errno WriteConfig()
    {
        uint zero = 0;
        XdpConfig config = _config;
        return Answer(LibBpf.MapUpdate(_configFd, &zero, &config, UpdateAny));
    }
}
