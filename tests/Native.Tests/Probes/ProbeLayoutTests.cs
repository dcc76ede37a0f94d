using System.Runtime.CompilerServices;
using LowLatency.Native.Interop;
using LowLatency.Native.Probes;
using Xunit;

namespace LowLatency.Native.Tests.Probes;

/// <summary>Numbers and structs of the probes against the headers.</summary>
public sealed unsafe class ProbeLayoutTests
{
    [Fact]
    public void Clocks_have_the_headers_numbers()
    {
        Libc.Timex timex = default;
        HostC.Compare(
            ("sizeof(struct timex)", sizeof(Libc.Timex)),
            ("offsetof(struct timex, offset)", Offset(ref timex, ref timex.Offset)),
            ("offsetof(struct timex, freq)", Offset(ref timex, ref timex.Frequency)),
            ("offsetof(struct timex, maxerror)", Offset(ref timex, ref timex.MaxError)),
            ("offsetof(struct timex, esterror)", Offset(ref timex, ref timex.EstimatedError)),
            ("offsetof(struct timex, status)", Offset(ref timex, ref timex.Status)),
            ("offsetof(struct timex, tai)", Offset(ref timex, ref timex.Tai)),
            ("sizeof(struct ptp_clock_time)", sizeof(Libc.PtpTime)),
            ("sizeof(struct ptp_sys_offset_extended)", PtpClock.OffsetsBytes),
            ("offsetof(struct ptp_sys_offset_extended, ts)", 16),
            ("PTP_MAX_SAMPLES", PtpClock.SamplesMax),
            ("PTP_SYS_OFFSET_EXTENDED", (long)Libc.PtpSysOffsetExtended));
    }

    [Fact]
    public void Io_uring_has_the_headers_numbers()
    {
        Libc.UringParams setup = default;
        Libc.UringEntry entry = default;
        Libc.UringCompletion completion = default;
        HostC.Compare(
            ("IORING_SETUP_IOPOLL", (long)UringSetup.IoPoll),
            ("IORING_SETUP_SQPOLL", (long)UringSetup.SqPoll),
            ("IORING_SETUP_COOP_TASKRUN", (long)UringSetup.CoopTaskRun),
            ("IORING_SETUP_SINGLE_ISSUER", (long)UringSetup.SingleIssuer),
            ("IORING_SETUP_DEFER_TASKRUN", (long)UringSetup.DeferTaskRun),
            ("IORING_FEAT_SINGLE_MMAP", Libc.UringSingleMmap), ("IORING_OP_READ", Libc.UringRead),
            ("IORING_OFF_SQ_RING", Libc.UringOffsetRings), ("IORING_OFF_SQES", Libc.UringOffsetEntries),
            ("sizeof(struct io_uring_params)", sizeof(Libc.UringParams)),
            ("offsetof(struct io_uring_params, sq_thread_idle)", Offset(ref setup, ref setup.ThreadIdleMs)),
            ("offsetof(struct io_uring_params, features)", Offset(ref setup, ref setup.Features)),
            ("offsetof(struct io_uring_params, sq_off.tail)", Offset(ref setup, ref setup.SubmissionTail)),
            ("offsetof(struct io_uring_params, sq_off.array)", Offset(ref setup, ref setup.SubmissionArray)),
            ("offsetof(struct io_uring_params, cq_off.head)", Offset(ref setup, ref setup.CompletionHead)),
            ("offsetof(struct io_uring_params, cq_off.tail)", Offset(ref setup, ref setup.CompletionTail)),
            ("offsetof(struct io_uring_params, cq_off.cqes)", Offset(ref setup, ref setup.Completions)),
            ("sizeof(struct io_uring_sqe)", sizeof(Libc.UringEntry)),
            ("offsetof(struct io_uring_sqe, off)", Offset(ref entry, ref entry.Offset)),
            ("offsetof(struct io_uring_sqe, addr)", Offset(ref entry, ref entry.Address)),
            ("offsetof(struct io_uring_sqe, len)", Offset(ref entry, ref entry.Length)),
            ("sizeof(struct io_uring_cqe)", sizeof(Libc.UringCompletion)),
            ("offsetof(struct io_uring_cqe, res)", Offset(ref completion, ref completion.Result)));
    }

    [Fact]
    public void Errors_have_the_headers_numbers() => HostC.Compare(
        [.. Enum.GetValues<Errno>().Where(errno => errno != Errno.Ok)
            .Select(errno => (errno.ToString(), (long)errno))]);

    private static long Offset<TStruct, TField>(ref TStruct whole, ref TField field) =>
        Unsafe.ByteOffset(ref Unsafe.As<TStruct, byte>(ref whole), ref Unsafe.As<TField, byte>(ref field));
}
