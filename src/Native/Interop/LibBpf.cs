using System.Runtime.InteropServices;

namespace LowLatency.Native.Interop;

/// <summary>libbpf 1.x: declarations only (bpf/libbpf.h, bpf/bpf.h); meaning lives in <c>Xdp/</c>. Since 1.0
/// a call answers a negative errno, a call that makes an object answers null and sets errno.</summary>
internal static unsafe partial class LibBpf
{
    private const string Name = "libbpf";

    // linux/bpf.h, linux/if_link.h.
    internal const int AttachTypeXdp = 37;              // BPF_XDP
    internal const uint LinkTypeXdp = 6;                // BPF_LINK_TYPE_XDP
    internal const uint FlagSkbMode = 1u << 1;          // XDP_FLAGS_SKB_MODE
    internal const uint FlagDrvMode = 1u << 2;          // XDP_FLAGS_DRV_MODE
    internal const uint MapTypeArray = 2;               // BPF_MAP_TYPE_ARRAY
    internal const uint MapMmapable = 1u << 10;         // BPF_F_MMAPABLE
    internal const uint MapInner = 1u << 12;            // BPF_F_INNER_MAP
    internal const uint ActionPass = 2;                 // XDP_PASS
    internal const uint ActionRedirect = 4;             // XDP_REDIRECT

    /// <summary>bpf/libbpf.h <c>struct bpf_object_open_opts</c>.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 80)]
    internal struct ObjectOpenOptions
    {
        [FieldOffset(0)] public nuint Size;
        [FieldOffset(8)] public byte* ObjectName;
        [FieldOffset(56)] public byte* KernelLog;
        [FieldOffset(64)] public nuint KernelLogBytes;
        [FieldOffset(72)] public uint KernelLogLevel;
    }

    /// <summary>bpf/bpf.h <c>struct bpf_link_create_opts</c>, as far as an XDP link needs it: libbpf takes a
    /// shorter struct for an older caller's.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct LinkCreateOptions
    {
        public nuint Size;
        public uint Flags;
        private readonly uint _padding;
        private readonly void* _iteratorInfo;
        private readonly ulong _iteratorInfoLengthAndBtf;
    }

    /// <summary>bpf/bpf.h <c>struct bpf_map_create_opts</c>.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 56)]
    internal struct MapCreateOptions
    {
        [FieldOffset(0)] public nuint Size;
        [FieldOffset(28)] public uint Flags;
    }

    /// <summary>linux/bpf.h <c>struct bpf_map_info</c>: its first fields; the kernel fills as many bytes as
    /// it is told of.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct MapInfo
    {
        public uint Type;
        public uint Id;
        public uint KeyBytes;
        public uint ValueBytes;
        public uint Entries;
        private readonly uint _flags;
    }

    /// <summary>linux/bpf.h <c>struct bpf_prog_info</c>: the kernel fills as many bytes as it is told
    /// of.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 80)]
    internal struct ProgramInfo
    {
        public const int NameBytes = 16; // BPF_OBJ_NAME_LEN

        [FieldOffset(0)] public uint Type;
        [FieldOffset(4)] public uint Id;
        [FieldOffset(16)] public uint JitedBytes;
        [FieldOffset(64)] public fixed byte Name[NameBytes];
    }

    /// <summary>linux/bpf.h <c>struct bpf_link_info</c>, its XDP arm.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct LinkInfo
    {
        public uint Type;
        public uint Id;
        public uint ProgramId;
        private readonly uint _padding;
        public uint InterfaceIndex;
        private readonly uint _rest;
    }

    /// <summary>bpf/bpf.h <c>struct bpf_test_run_opts</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct TestRunOptions
    {
        public nuint Size;
        public byte* DataIn;
        public byte* DataOut;
        public uint DataInBytes;
        public uint DataOutBytes;
        public void* ContextIn;
        public void* ContextOut;
        public uint ContextInBytes;
        public uint ContextOutBytes;
        public uint Answer;
        public int Repeat;
        public uint DurationNs;
        public uint Flags;
        public uint Cpu;
        public uint BatchSize;
    }

    /// <summary>linux/bpf.h <c>struct xdp_md</c>: where a test run says what lies before the frame and which
    /// queue it came in by.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct XdpContext
    {
        public uint Data;
        public uint DataEnd;
        public uint DataMeta;
        public uint IngressInterface;
        public uint RxQueue;
        public uint EgressInterface;
    }

    [LibraryImport(Name, EntryPoint = "libbpf_set_print")]
    internal static partial void* SetPrint(void* print);

    [LibraryImport(Name, EntryPoint = "libbpf_num_possible_cpus")]
    internal static partial int PossibleCpus();

    [LibraryImport(Name, EntryPoint = "bpf_object__open_mem", SetLastError = true)]
    internal static partial void* ObjectOpen(byte* bytes, nuint length, ObjectOpenOptions* options);

    [LibraryImport(Name, EntryPoint = "bpf_object__load")]
    internal static partial int ObjectLoad(void* bpfObject);

    [LibraryImport(Name, EntryPoint = "bpf_object__close")]
    internal static partial void ObjectClose(void* bpfObject);

    [LibraryImport(Name, EntryPoint = "bpf_object__find_program_by_name",
        StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void* ObjectFindProgram(void* bpfObject, string name);

    [LibraryImport(Name, EntryPoint = "bpf_object__find_map_by_name",
        StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void* ObjectFindMap(void* bpfObject, string name);

    [LibraryImport(Name, EntryPoint = "bpf_program__fd")]
    internal static partial int ProgramFd(void* program);

    [LibraryImport(Name, EntryPoint = "bpf_map__fd")]
    internal static partial int MapFd(void* map);

    [LibraryImport(Name, EntryPoint = "bpf_map__set_max_entries")]
    internal static partial int MapSetMaxEntries(void* map, uint entries);

    [LibraryImport(Name, EntryPoint = "bpf_map__set_initial_value")]
    internal static partial int MapSetInitialValue(void* map, void* data, nuint bytes);

    [LibraryImport(Name, EntryPoint = "bpf_map_update_elem")]
    internal static partial int MapUpdate(int fd, void* key, void* value, ulong flags);

    [LibraryImport(Name, EntryPoint = "bpf_map_lookup_elem")]
    internal static partial int MapLookup(int fd, void* key, void* value);

    [LibraryImport(Name, EntryPoint = "bpf_map_delete_elem")]
    internal static partial int MapDelete(int fd, void* key);

    [LibraryImport(Name, EntryPoint = "bpf_map_get_next_key")]
    internal static partial int MapNextKey(int fd, void* key, void* next);

    [LibraryImport(Name, EntryPoint = "bpf_map_create", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int MapCreate(uint type, string name, uint keyBytes, uint valueBytes,
        uint entries, MapCreateOptions* options);

    [LibraryImport(Name, EntryPoint = "bpf_map_get_fd_by_id")]
    internal static partial int MapFdById(uint id);

    [LibraryImport(Name, EntryPoint = "bpf_link_create")]
    internal static partial int LinkCreate(int programFd, int target, int attachType,
        LinkCreateOptions* options);

    [LibraryImport(Name, EntryPoint = "bpf_link_get_next_id")]
    internal static partial int LinkNextId(uint after, uint* id);

    [LibraryImport(Name, EntryPoint = "bpf_link_get_fd_by_id")]
    internal static partial int LinkFdById(uint id);

    [LibraryImport(Name, EntryPoint = "bpf_prog_get_fd_by_id")]
    internal static partial int ProgramFdById(uint id);

    [LibraryImport(Name, EntryPoint = "bpf_obj_get_info_by_fd")]
    internal static partial int InfoByFd(int fd, void* info, uint* bytes);

    [LibraryImport(Name, EntryPoint = "bpf_prog_load", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ProgramLoad(uint type, string name, string license, ulong* instructions,
        nuint count, void* options);

    [LibraryImport(Name, EntryPoint = "bpf_prog_test_run_opts")]
    internal static partial int TestRun(int programFd, TestRunOptions* options);
}
