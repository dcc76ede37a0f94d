using System.Runtime.CompilerServices;
using LowLatency.Native.Interop;
using LowLatency.Native.Probes;
using LowLatency.Native.Uring;
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
        UringParams setup = default;
        UringEntry entry = default;
        UringCompletion completion = default;
        UringWait wait = default;
        HostC.Compare(
            ("IORING_SETUP_IOPOLL", (long)UringSetup.IoPoll),
            ("IORING_SETUP_SQPOLL", (long)UringSetup.SqPoll),
            ("IORING_SETUP_SQ_AFF", (long)UringSetup.SqAffinity),
            ("IORING_SETUP_COOP_TASKRUN", (long)UringSetup.CoopTaskRun),
            ("IORING_SETUP_SQE128", (long)UringSetup.WideEntries),
            ("IORING_SETUP_CQE32", (long)UringSetup.WideCompletions),
            ("IORING_SETUP_SINGLE_ISSUER", (long)UringSetup.SingleIssuer),
            ("IORING_SETUP_DEFER_TASKRUN", (long)UringSetup.DeferTaskRun),
            ("IOSQE_IO_DRAIN", (long)IoOrder.Drain), ("IOSQE_IO_LINK", (long)IoOrder.Link),
            ("sizeof(struct io_uring_params)", sizeof(UringParams)),
            ("offsetof(struct io_uring_params, sq_thread_cpu)", Offset(ref setup, ref setup.ThreadCpu)),
            ("offsetof(struct io_uring_params, sq_thread_idle)", Offset(ref setup, ref setup.ThreadIdleMs)),
            ("offsetof(struct io_uring_params, features)", Offset(ref setup, ref setup.Features)),
            ("sizeof(struct io_uring_sqe)", sizeof(UringEntry)),
            ("offsetof(struct io_uring_sqe, flags)", Offset(ref entry, ref entry.Flags)),
            ("offsetof(struct io_uring_sqe, fd)", Offset(ref entry, ref entry.Fd)),
            ("offsetof(struct io_uring_sqe, off)", Offset(ref entry, ref entry.Offset)),
            ("offsetof(struct io_uring_sqe, addr)", Offset(ref entry, ref entry.Address)),
            ("offsetof(struct io_uring_sqe, len)", Offset(ref entry, ref entry.Length)),
            ("offsetof(struct io_uring_sqe, rw_flags)", Offset(ref entry, ref entry.OperationFlags)),
            ("offsetof(struct io_uring_sqe, user_data)", Offset(ref entry, ref entry.UserData)),
            ("offsetof(struct io_uring_sqe, buf_index)", Offset(ref entry, ref entry.BufferIndex)),
            ("offsetof(struct io_uring_sqe, cmd)", Offset(ref entry, ref entry.Command)),
            ("sizeof(struct io_uring_cqe)", sizeof(UringCompletion)),
            ("offsetof(struct io_uring_cqe, res)", Offset(ref completion, ref completion.Result)),
            ("sizeof(struct io_uring_getevents_arg)", sizeof(UringWait)),
            ("offsetof(struct io_uring_getevents_arg, ts)",
                (byte*)&wait.Timeout - (byte*)&wait));
    }

    [Fact]
    public void The_librarys_own_ring_is_laid_out_as_its_header_says()
    {
        UringRing ring = default;
        byte* start = (byte*)&ring;
        HostC.Compare(
            ("sizeof(struct io_uring) <= 512", 1),
            ("offsetof(struct io_uring, sq.khead)", (byte*)&ring.SubmissionHead - start),
            ("offsetof(struct io_uring, sq.ktail)", (byte*)&ring.SubmissionTail - start),
            ("offsetof(struct io_uring, sq.kflags)", (byte*)&ring.SubmissionFlags - start),
            ("offsetof(struct io_uring, sq.array)", (byte*)&ring.SubmissionArray - start),
            ("offsetof(struct io_uring, sq.sqes)", (byte*)&ring.Entries - start),
            ("offsetof(struct io_uring, sq.ring_entries)", (byte*)&ring.SubmissionSlots - start),
            ("offsetof(struct io_uring, cq.khead)", (byte*)&ring.CompletionHead - start),
            ("offsetof(struct io_uring, cq.ktail)", (byte*)&ring.CompletionTail - start),
            ("offsetof(struct io_uring, cq.cqes)", (byte*)&ring.Completions - start),
            ("offsetof(struct io_uring, cq.ring_entries)", (byte*)&ring.CompletionSlots - start),
            ("offsetof(struct io_uring, ring_fd)", (byte*)&ring.Fd - start),
            ("offsetof(struct io_uring, enter_ring_fd)", (byte*)&ring.EnterFd - start),
            ("offsetof(struct io_uring, int_flags)", (byte*)&ring.InternalFlags - start));
    }

    [Fact]
    public void Errors_have_the_headers_numbers() => HostC.Compare(
        [.. Enum.GetValues<Errno>().Where(errno => errno != Errno.Ok)
            .Select(errno => (errno.ToString(), (long)errno))]);

    private static long Offset<TStruct, TField>(ref TStruct whole, ref TField field) =>
        Unsafe.ByteOffset(ref Unsafe.As<TStruct, byte>(ref whole), ref Unsafe.As<TField, byte>(ref field));
}
