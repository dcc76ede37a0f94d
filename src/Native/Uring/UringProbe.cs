using LowLatency.Native.Interop;

namespace LowLatency.Native.Uring;

/// <summary>What io_uring does on this host, found by asking the kernel. Any thread, no privileges.</summary>
/// <param name="Errno">Ok, or why there is no io_uring: ENOSYS (not built in), EPERM
/// (kernel.io_uring_disabled or a
/// seccomp filter).</param>
/// <param name="Operations">Operations that the kernel supports.</param>
public sealed record UringProbe(Errno Errno, int Operations)
{
    /// <summary>Makes a small ring, asks, and closes it.</summary>
    public static unsafe UringProbe Run()
    {
        UringRing ring = default; // in bounds: the library writes its own struct, 216 bytes of 512
        int rc = LibUring.QueueInit(4, &ring, 0);
        if (rc < 0)
        {
            return new UringProbe((Errno)(-rc), 0);
        }

        UringProbeHeader* probe = LibUring.GetProbe(&ring);
        int supported = 0;
        for (int op = 0; probe != null && op < probe->OpsLength; op++)
        {
            byte* entry = (byte*)probe + sizeof(UringProbeHeader) + (op * 8L); // struct io_uring_probe_op
            supported += entry[2] & 1;                                        // flags: IO_URING_OP_SUPPORTED
        }

        LibUring.FreeProbe(probe);
        LibUring.QueueExit(&ring);
        return new UringProbe(Errno.Ok, supported);
    }
}
