using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using LowLatency.Native.Interop;
using LowLatency.Native.Probes;
using Xunit;

namespace LowLatency.Native.Tests.Probes;

/// <summary>What drives and the audit queue answer, from bytes laid out as the specification and the headers
/// say.</summary>
public sealed unsafe class NvmeDriveTests
{
    [Fact]
    public void Commands_and_audit_status_are_laid_out_as_the_headers_say()
    {
        Libc.NvmeCommand command = default;
        HostC.Compare(
            ("sizeof(struct nvme_passthru_cmd)", sizeof(Libc.NvmeCommand)),
            ("NVME_IOCTL_ADMIN_CMD", (long)Libc.NvmeAdminCommand),
            ("offsetof(struct nvme_passthru_cmd, nsid)", Offset(ref command, ref command.Namespace)),
            ("offsetof(struct nvme_passthru_cmd, addr)", Offset(ref command, ref command.Address)),
            ("offsetof(struct nvme_passthru_cmd, data_len)", Offset(ref command, ref command.DataBytes)),
            ("offsetof(struct nvme_passthru_cmd, cdw10)", Offset(ref command, ref command.Word10)),
            ("offsetof(struct nvme_passthru_cmd, timeout_ms)", Offset(ref command, ref command.TimeoutMs)),
            ("offsetof(struct nvme_passthru_cmd, result)", Offset(ref command, ref command.Result)),
            ("AUDIT_GET", AuditStatus.GetStatus), ("NETLINK_AUDIT", AuditStatus.Protocol),
            ("offsetof(struct audit_status, enabled)", AuditStatus.EnabledAt),
            ("offsetof(struct audit_status, pid)", AuditStatus.DaemonAt),
            ("offsetof(struct audit_status, backlog_limit)", AuditStatus.LimitAt),
            ("offsetof(struct audit_status, lost)", AuditStatus.LostAt),
            ("offsetof(struct audit_status, backlog)", AuditStatus.BacklogAt),
            ("offsetof(struct audit_status, backlog_wait_time)", AuditStatus.WaitAt));
    }

    [Fact]
    public void Health_is_read_where_the_log_page_has_it()
    {
        byte[] page = new byte[512];
        page[0] = 2;
        BinaryPrimitives.WriteUInt16LittleEndian(page.AsSpan(1), 356);
        page[3] = 99;
        page[5] = 104;
        page[160] = 7;
        page[216] = 3;
        page[220] = 1;
        Assert.Equal(new NvmeHealth(2, 356, 99, 104, 7, 3, 1), NvmeHealth.From(page));
    }

    [Fact]
    public void Formats_are_counted_from_zero_and_the_one_in_use_may_be_beyond_sixteen()
    {
        byte[] identify = new byte[4096];
        identify[25] = 17;             // eighteen formats
        identify[26] = 0x20 | 0x01;    // number 17: bit 4 of it is bit 5 here
        identify[128 + 2] = 9;
        identify[128 + 3] = 2;
        BinaryPrimitives.WriteUInt16LittleEndian(identify.AsSpan(128 + (4 * 17)), 8);
        identify[128 + (4 * 17) + 2] = 12;
        (IReadOnlyList<NvmeFormat> formats, int inUse) = NvmeFormat.From(identify);
        Assert.Equal(18, formats.Count);
        Assert.Equal(new NvmeFormat(512, 0, 2), formats[0]);
        Assert.Equal(new NvmeFormat(4096, 8, 0), formats[inUse]);
        Assert.Equal(0, formats[1].BlockBytes);
    }

    [Fact]
    public void What_is_no_drive_refuses_the_command_by_name()
    {
        using NvmeDrive drive = NvmeDrive.Open("/dev/null");
        NativeException refused = Assert.Throws<NativeException>(() => drive.Health());
        Assert.Equal(Errno.ENOTTY, refused.Errno);
        Assert.Contains("Get Log Page of /dev/null", refused.Message, StringComparison.Ordinal);
        Assert.Equal(Errno.ENOENT, Assert.Throws<NativeException>(() => NvmeDrive.Open("/dev/nvme999"))
            .Errno);
    }

    [Fact]
    public void The_audit_queue_answers_or_says_why_not()
    {
        AuditStatus status = AuditStatus.Run();
        Assert.True(status.Errno != Errno.Ok || status.Enabled <= 2, $"{status}");
        byte[] bytes = new byte[44];
        bytes[AuditStatus.EnabledAt] = 1;
        bytes[AuditStatus.LostAt] = 5;
        bytes[AuditStatus.WaitAt] = 60;
        bytes[AuditStatus.DaemonAt] = 7;
        Assert.Equal(new AuditStatus(Errno.Ok, 1, 5, 0, 0, 60, 7), AuditStatus.From(bytes));
    }

    private static long Offset<TStruct, TField>(ref TStruct whole, ref TField field) =>
        Unsafe.ByteOffset(ref Unsafe.As<TStruct, byte>(ref whole), ref Unsafe.As<TField, byte>(ref field));
}
