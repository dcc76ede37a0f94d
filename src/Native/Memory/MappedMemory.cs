using LowLatency.Native.Interop;

namespace LowLatency.Native.Memory;

/// <summary>A run of mapped pages: anonymous (UMEM) or of a file (shared region). Made and freed by the
/// booting thread; read and written by whoever holds a view.</summary>
public sealed unsafe class MappedMemory : IDisposable
{
    private const long HugePageBytes = 2 << 20;
    private byte* _start;

    private MappedMemory(byte* start, long bytes, bool isHuge)
    {
        _start = start;
        LengthBytes = bytes;
        IsHuge = isHuge;
    }

    /// <summary>Size, bytes.</summary>
    public long LengthBytes { get; }

    /// <summary>True when the pages are 2 MiB pages of the host's pool.</summary>
    public bool IsHuge { get; }

    internal byte* Start => _start;

    /// <summary>Maps zeroed, populated anonymous memory.</summary>
    /// <param name="bytes">Size; rounded up to the page size used.</param>
    /// <param name="huge">Whether 2 MiB pages are wanted.</param>
    /// <exception cref="NativeException">No memory, or no huge pages where they are required.</exception>
    public static MappedMemory Anonymous(long bytes, Layout.HugePages huge)
    {
        Invariant.Require(bytes > 0);
        if (huge != Layout.HugePages.Never)
        {
            long rounded = (bytes + HugePageBytes - 1) / HugePageBytes * HugePageBytes;
            byte* start = Libc.Map(rounded, Libc.ProtReadWrite, Libc.MapAnonymousHuge, -1, out Errno errno);
            if (start != null)
            {
                return new MappedMemory(start, rounded, isHuge: true);
            }

            if (huge == Layout.HugePages.Require)
            {
                throw new NativeException($"mmap({rounded} bytes, MAP_HUGETLB)", errno,
                    $"Reserve {rounded / HugePageBytes} pages: sysctl vm.nr_hugepages, or set huge_pages = "
                        + $"\"auto\".");
            }
        }

        byte* plain = Libc.Map(bytes, Libc.ProtReadWrite, Libc.MapAnonymous, -1, out Errno plainErrno);
        if (plain == null)
        {
            throw new NativeException($"mmap({bytes} bytes)", plainErrno, "Fewer frames need less memory.");
        }

        // 2 MiB pages by khugepaged are as good for the TLB; a refusal changes nothing but speed.
        _ = Libc.Advise(plain, bytes, Libc.AdviseHugePage);
        return new MappedMemory(plain, bytes, isHuge: false);
    }

    /// <summary>Maps zeroed anonymous memory that is only there once it is touched.</summary>
    /// <exception cref="NativeException">No address space.</exception>
    public static MappedMemory Lazy(long bytes)
    {
        byte* start = Libc.Map(bytes, Libc.ProtReadWrite, Libc.MapAnonymousLazy, -1, out Errno errno);
        return start != null ? new MappedMemory(start, bytes, isHuge: false)
            : throw new NativeException($"mmap({bytes} bytes)", errno,
                "Is the address space limited (ulimit -v)?");
    }

    /// <summary>Maps <paramref name="bytes"/> of a file, from <paramref name="offset"/> on (a multiple of a
    /// page), shared and populated.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public static MappedMemory OfFile(int fd, long bytes, bool isWritable, long offset = 0)
    {
        int protection = isWritable ? Libc.ProtReadWrite : Libc.ProtRead;
        byte* start = Libc.Map(bytes, protection, Libc.MapSharedPopulate, fd, out Errno errno, offset);
        return start != null
            ? new MappedMemory(start, bytes, isHuge: false)
            : throw new NativeException($"mmap(shared file, {bytes} bytes)", errno, "Is /dev/shm full?");
    }

    /// <summary>Has pages that are not there yet come from a NUMA node (preferred, so that a full node does
    /// not
    /// fail boot). Populated pages stay where they are: <see cref="NodePreference"/> places them.</summary>
    /// <returns>What mbind(2) answered; ENOSYS on kernels without NUMA is harmless.</returns>
    public Errno PreferNode(int node) => node < 0 ? Errno.Ok : Libc.PreferNode(_start, LengthBytes, node);

    /// <summary>Locks the pages.</summary>
    public Errno Lock() => Libc.Lock(_start, LengthBytes);

    /// <summary>One value at a byte offset.</summary>
    public NativeRef<T> At<T>(long offset)
        where T : unmanaged
    {
        Invariant.Require(offset >= 0 && offset + sizeof(T) <= LengthBytes && _start != null);
        return new NativeRef<T>((T*)(_start + offset));
    }

    /// <summary>A run of values at a byte offset.</summary>
    public NativeSpan<T> Slice<T>(long offset, int count)
        where T : unmanaged
    {
        Invariant.Require(offset >= 0 && count >= 0 && offset + ((long)count * sizeof(T)) <= LengthBytes);
        Invariant.Require(_start != null);
        return new NativeSpan<T>((T*)(_start + offset), count);
    }

    /// <summary>Unmaps. Views die with it.</summary>
    public void Dispose()
    {
        if (_start != null)
        {
            Libc.Unmap(_start, LengthBytes);
            _start = null;
        }
    }
}
