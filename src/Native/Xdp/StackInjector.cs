using LowLatency.Native.Interop;
using LowLatency.Native.Netlink;

namespace LowLatency.Native.Xdp;

/// <summary>Hands frames to the kernel's stack as if an interface had just received them: a program that
/// passes everything, run over "live frames" (BPF_F_TEST_XDP_LIVE_FRAMES, since Linux 5.18;
/// Documentation/bpf/bpf_prog_run.rst). One thread, in the namespace of its interfaces.</summary>
public sealed unsafe class StackInjector : IDisposable
{
    private const uint LiveFrames = 1u << 1; // BPF_F_TEST_XDP_LIVE_FRAMES
    private const uint TypeXdp = 6;          // BPF_PROG_TYPE_XDP

    // mov64 r0, XDP_PASS; exit (linux/bpf.h struct bpf_insn: opcode, registers, offset, immediate).
    private static readonly ulong[] PassAll =
        [0xB7 | ((ulong)LibBpf.ActionPass << 32), 0x95];

    private readonly int _program;

    private StackInjector(int program) => _program = program;

    /// <summary>Loads the program.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public static StackInjector Open()
    {
        fixed (ulong* instructions = PassAll) // in bounds: the count is the array's own
        {
            int fd = LibBpf.ProgramLoad(
                TypeXdp, "lowlat_pass", "MIT", instructions, (nuint)PassAll.Length, null);
            return fd >= 0 ? new StackInjector(fd)
                : throw new NativeException("bpf(BPF_PROG_LOAD, lowlat_pass)", (Errno)(-fd),
                    "Loading a program needs CAP_BPF and CAP_NET_ADMIN: run as root.");
        }
    }

    /// <summary>Hands one frame over; allocates nothing.</summary>
    /// <param name="frame">From the destination MAC on.</param>
    /// <param name="interfaceIndex">Interface of this thread's namespace that it came in by.</param>
    /// <param name="queue">Queue that it came in by.</param>
    /// <returns>Ok, or why the kernel does not take it (ENODEV: the interface is gone).</returns>
    public Errno Inject(ReadOnlySpan<byte> frame, int interfaceIndex, uint queue)
    {
        LibBpf.XdpContext context = new()
        {
            DataEnd = (uint)frame.Length,
            IngressInterface = (uint)interfaceIndex,
            RxQueue = queue,
        };
        fixed (byte* bytes = frame) // in bounds: the length is the span's own
        {
            LibBpf.TestRunOptions options = new()
            {
                Size = (nuint)sizeof(LibBpf.TestRunOptions),
                DataIn = bytes,
                DataInBytes = (uint)frame.Length,
                ContextIn = &context,
                ContextInBytes = (uint)sizeof(LibBpf.XdpContext),
                Repeat = 1,
                Flags = LiveFrames,
                BatchSize = 1,
            };
            int rc = LibBpf.TestRun(_program, &options);
            return rc < 0 ? (Errno)(-rc) : Errno.Ok;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Libc.CloseFile(_program);
}
