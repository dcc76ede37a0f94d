using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]
[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.AssemblyDirectory)]

namespace LowLatency.Bench.Lpm;

/// <summary>rte.c: DPDK's tables.</summary>
internal static unsafe partial class Peer
{
    private const string Library = "liblowlat_rte_lpm";

    [LibraryImport(Library, EntryPoint = "peer_init")]
    public static partial int Init(int huge);

    [LibraryImport(Library, EntryPoint = "peer_thread_ns")]
    public static partial ulong ThreadNs();

    [LibraryImport(Library, EntryPoint = "peer4_create")]
    public static partial nint Create4(byte* name, uint routes, uint groups);

    [LibraryImport(Library, EntryPoint = "peer4_add")]
    public static partial int Add4(nint lpm, uint address, uint length, uint value);

    [LibraryImport(Library, EntryPoint = "peer4_paint")]
    public static partial int Paint4(
        nint lpm, uint address, uint length, uint value, uint* group, uint groups);

    [LibraryImport(Library, EntryPoint = "peer4_free")]
    public static partial void Free4(nint lpm);

    [LibraryImport(Library, EntryPoint = "peer4_single")]
    public static partial void Single4(nint lpm, uint* keys, uint* values, uint count);

    [LibraryImport(Library, EntryPoint = "peer4_chained")]
    public static partial void Chained4(nint lpm, uint* keys, uint* values, uint count);

    [LibraryImport(Library, EntryPoint = "peer4_bulk")]
    public static partial void Bulk4(nint lpm, uint* keys, uint* values, uint count);

    [LibraryImport(Library, EntryPoint = "peer4_x4")]
    public static partial void Four4(nint lpm, uint* keys, uint* values, uint count);

    [LibraryImport(Library, EntryPoint = "fib4_create")]
    public static partial nint CreateFib4(byte* name, uint routes, uint groups);

    [LibraryImport(Library, EntryPoint = "fib4_add")]
    public static partial int AddFib4(nint fib, uint address, uint length, uint value);

    [LibraryImport(Library, EntryPoint = "fib4_free")]
    public static partial void FreeFib4(nint fib);

    [LibraryImport(Library, EntryPoint = "fib4_bulk")]
    public static partial void BulkFib4(nint fib, uint* keys, uint* values, uint count);

    [LibraryImport(Library, EntryPoint = "peer6_create")]
    public static partial nint Create6(byte* name, uint routes, uint groups);

    [LibraryImport(Library, EntryPoint = "peer6_add")]
    public static partial int Add6(nint lpm, byte* address, uint length, uint value);

    [LibraryImport(Library, EntryPoint = "peer6_free")]
    public static partial void Free6(nint lpm);

    [LibraryImport(Library, EntryPoint = "peer6_single")]
    public static partial void Single6(nint lpm, byte* keys, uint* values, uint count);

    [LibraryImport(Library, EntryPoint = "peer6_bulk")]
    public static partial void Bulk6(nint lpm, byte* keys, uint* values, uint count);

    [LibraryImport(Library, EntryPoint = "fib6_create")]
    public static partial nint CreateFib6(byte* name, uint routes, uint groups);

    [LibraryImport(Library, EntryPoint = "fib6_add")]
    public static partial int AddFib6(nint fib, byte* address, uint length, uint value);

    [LibraryImport(Library, EntryPoint = "fib6_free")]
    public static partial void FreeFib6(nint fib);

    [LibraryImport(Library, EntryPoint = "fib6_bulk")]
    public static partial void BulkFib6(nint fib, byte* keys, uint* values, uint count);
}
