using LowLatency.Native.Interop;
using LowLatency.Native.Layout;
using LowLatency.Native.Xdp;

namespace LowLatency.Native.Memory;

/// <summary>The tables of a plan, mapped one by one: a file without a name that Control makes and lowlatd
/// opens, so that nothing stays behind when both are gone. One object a plan and process; tables that two
/// plans share are mapped by both, and are the same memory.</summary>
public sealed class TableMemory : IDisposable
{
    private const long PageBytes = 4096;
    private const int NoFile = -1;
    private readonly MappedMemory?[] _tables;
    private readonly int[] _kernelFds;

    private TableMemory(int fd, PlanImage plan)
    {
        Fd = fd;
        Plan = plan;
        _tables = new MappedMemory?[plan.TableCount];
        _kernelFds = new int[plan.TableCount];
        Array.Fill(_kernelFds, NoFile);
        try
        {
            for (int i = 0; i < _tables.Length; i++)
            {
                PlanTable table = plan.Table(i);
                _tables[i] = table.Bytes == 0 ? null
                    : fd == NoFile ? MappedMemory.Lazy(table.Bytes)
                    : IsKernels(plan, table) ? MapKernels(i, table)
                    : MappedMemory.OfFile(fd, table.Bytes, isWritable: true, table.Offset);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The plan whose tables these are.</summary>
    public PlanImage Plan { get; }

    /// <summary>Descriptor of the file; -1: private memory.</summary>
    public int Fd { get; }

    /// <summary>Makes a file for tables and what else is put behind them; it grows as plans ask for
    /// it.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public static int MakeFile(string name) => Libc.MemoryFile("lowlat-" + name + ".tables");

    /// <summary>Path by which other processes open a file of this process, as long as it lives.</summary>
    public static string PathOf(int pid, int fd) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"/proc/{pid}/fd/{fd}");

    /// <summary>Opens a file by the path another process gave.</summary>
    /// <exception cref="NativeException">It is gone: the process has ended.</exception>
    public static int OpenFile(string path) => Libc.OpenFile(path, Libc.OpenReadWrite, 0);

    /// <summary>Closes a file that no mapping is made from any more.</summary>
    public static void CloseFile(int fd) => Libc.CloseFile(fd);

    /// <summary>Maps a plan's tables; the file grows to hold them. It stays open, and the caller's.</summary>
    /// <exception cref="NativeException">No memory.</exception>
    public static TableMemory Map(int fd, PlanImage plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        Grow(fd, EndOf(plan));
        return new TableMemory(fd, plan);
    }

    /// <summary>Tables that no one else sees: for warming up, tests and benches.</summary>
    public static TableMemory CreatePrivate(PlanImage plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return new TableMemory(NoFile, plan);
    }

    /// <summary>Where the tables of a plan end, a multiple of a page: what comes after them starts
    /// here.</summary>
    public static long EndOf(PlanImage plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        long end = 0;
        for (int i = 0; i < plan.TableCount; i++)
        {
            end = Math.Max(end, plan.Table(i).Offset + plan.Table(i).Bytes);
        }

        return RoundUp(end);
    }

    /// <summary>Where a file ends, a multiple of a page.</summary>
    public static long EndOfFile(int fd) => RoundUp(Libc.FileBytes(fd));

    /// <summary>Bytes rounded up to whole pages.</summary>
    public static long RoundUp(long bytes) => (bytes + PageBytes - 1) / PageBytes * PageBytes;

    /// <summary>Puts bytes at the end of the file, on a page of their own.</summary>
    /// <returns>Where they start.</returns>
    public static long Append(int fd, ReadOnlySpan<byte> bytes)
    {
        long at = RoundUp(Libc.FileBytes(fd));
        Grow(fd, at + RoundUp(bytes.Length));
        using MappedMemory memory = MappedMemory.OfFile(fd, bytes.Length, isWritable: true, at);
        bytes.CopyTo(memory.Slice<byte>(0, bytes.Length).Span);
        return at;
    }

    /// <summary>Reads bytes that <see cref="Append"/> put there; null when the file ends before.</summary>
    public static byte[]? Read(int fd, long offset, uint bytes)
    {
        if (offset < 0 || offset % PageBytes != 0 || bytes is 0 or > int.MaxValue
            || offset > Libc.FileBytes(fd) - bytes)
        {
            return null;
        }

        using MappedMemory memory = MappedMemory.OfFile(fd, bytes, isWritable: true, offset);
        return memory.Slice<byte>(0, (int)bytes).Span.ToArray();
    }

    /// <summary>Gives the memory of a part of the file back, once nobody reads it.</summary>
    public static void Free(int fd, long offset, long bytes) =>
        _ = Libc.PunchHole(fd, offset, RoundUp(bytes)); // refused: the memory stays until the file ends

    /// <summary>A table as values of one type, all that fit.</summary>
    public NativeSpan<T> Slice<T>(int table)
        where T : unmanaged
    {
        MappedMemory? memory = _tables[table];
        return memory == null ? default
            : memory.Slice<T>(0, (int)(Plan.Table(table)
                .Bytes / System.Runtime.CompilerServices.Unsafe.SizeOf<T>()));
    }

    /// <summary>Descriptor of the map that holds a table which XDP programs read; -1: the file holds
    /// it.</summary>
    public int KernelFd(int table) => _kernelFds[table];

    /// <summary>Unmaps; the file stays open.</summary>
    public void Dispose()
    {
        foreach (int fd in _kernelFds)
        {
            if (fd != NoFile)
            {
                Libc.CloseFile(fd);
            }
        }

        Array.Fill(_kernelFds, NoFile);
        foreach (MappedMemory? table in _tables)
        {
            table?.Dispose();
        }
    }

    // What lanes offload stays through all reloads, so a table that is kept stays what it is.
    private static bool IsKernels(PlanImage plan, in PlanTable table)
    {
        bool isOffloaded = false;
        for (int lane = 0; lane < plan.LaneCount; lane++)
        {
            isOffloaded |= plan.Lane(lane).Offload != Offload.None;
        }

        return isOffloaded && table.Kind is TableKind.Routes4 or TableKind.Routes6 or TableKind.NextHops;
    }

    // In its place in the file stands the number of the map that holds it; 0: nobody has made it.
    private MappedMemory MapKernels(int index, in PlanTable table)
    {
        using MappedMemory place = MappedMemory.OfFile(Fd, PageBytes, isWritable: true, table.Offset);
        ref uint id = ref place.At<uint>(0).Value;
        if (id == 0)
        {
            _kernelFds[index] = KernelTable.Make(table.Bytes);
            id = KernelTable.IdOf(_kernelFds[index]);
        }
        else
        {
            _kernelFds[index] = KernelTable.Open(id);
        }

        return MappedMemory.OfFile(_kernelFds[index], table.Bytes, isWritable: true);
    }

    private static void Grow(int fd, long bytes)
    {
        if (Libc.FileBytes(fd) < bytes)
        {
            Libc.Truncate(fd, bytes, "table memory");
        }
    }
}
