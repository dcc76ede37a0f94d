using System.Globalization;
using LowLatency.Native;
using LowLatency.Native.Probes;

namespace LowLatency.Control.Readiness;

/// <summary>Probes of drives, file systems and the audit queue: they ask, and change nothing.</summary>
internal static class StorageProbes
{
    /// <summary>The lines that answer a probe; null when it is none of these.</summary>
    /// <param name="request">Name and arguments.</param>
    /// <exception cref="NativeException">Kernel or drive refused.</exception>
    public static string? Answer(string request) => request.Split(' ') switch
    {
        ["nvme-smart", var drive] => Health(drive),
        ["nvme-features", var drive] => Features(drive),
        ["nvme-identify", var drive, var block] => Identify(drive, block),
        ["passthrough", var generic, var block] => Passthrough(generic, block),
        ["audit"] => Audit(),
        ["space", ..] => Space(request["space ".Length..]),
        _ => null,
    };

    private static string Health(string name)
    {
        using NvmeDrive drive = NvmeDrive.Open("/dev/" + name);
        NvmeHealth health = drive.Health();
        return Lines(("criticalWarning", health.CriticalWarning), ("temperatureK", health.TemperatureK),
            ("availableSpare", health.SparePercent), ("percentageUsed", health.UsedPercent),
            ("mediaErrors", (long)Math.Min(health.MediaErrors, long.MaxValue)), ("t1Count", health.T1Count),
            ("t2Count", health.T2Count));
    }

    private static string Features(string name)
    {
        using NvmeDrive drive = NvmeDrive.Open("/dev/" + name);
        (bool hasCache, bool hasTransitions) = drive.Controller();
        return $"apst {(!hasTransitions ? "absent" : drive.HasPowerTransitionsOn() ? "on" : "off")}\n"
            + $"writeCache {(!hasCache ? "absent" : drive.HasWriteCacheOn() ? "on" : "off")}\n";
    }

    private static string Identify(string name, string block)
    {
        uint number = uint.Parse(File.ReadAllText($"/sys/block/{block}/nsid").Trim(), NumberStyles.None,
            CultureInfo.InvariantCulture);
        using NvmeDrive drive = NvmeDrive.Open("/dev/" + name);
        (IReadOnlyList<NvmeFormat> formats, int inUse) = drive.Formats(number);
        return $"volatileWriteCache {(drive.Controller().HasWriteCache ? "present" : "absent")}\n"
            + Lines(("lbafInUse", inUse))
            + string.Concat(formats.Select((format, i) => format.BlockBytes == 0 ? "" : string.Create(
                CultureInfo.InvariantCulture, $"lbaf {i} {format.BlockBytes} rp{format.Rank} "
                    + $"ms{format.MetadataBytes}\n")));
    }

    private static string Passthrough(string generic, string block)
    {
        int blockBytes = int.Parse(File.ReadAllText($"/sys/block/{block}/queue/logical_block_size").Trim(),
            NumberStyles.None, CultureInfo.InvariantCulture);
        PolledRead read = PolledRead.RunPassthrough("/dev/" + generic, blockBytes);
        return $"result {(read.IsPolled ? "ok" : read.Errno.Name())}\nstep "
            + $"{(read.IsPolled ? "-" : read.Step)}\n";
    }

    private static string Audit()
    {
        AuditStatus status = AuditStatus.Run();
        return status.Errno != Errno.Ok ? $"result {status.Errno.Name()}\n" : "result ok\n" + Lines(
            ("enabled", status.Enabled), ("lost", status.Lost), ("backlog", status.Backlog),
            ("backlogLimit", status.BacklogLimit), ("backlogWaitTime", status.BacklogWaitTime),
            ("daemon", status.Daemon));
    }

    private static string Space(string path)
    {
        DriveInfo drive = new(path); // of the mount under the path (statfs)
        return Lines(("freeBytes", drive.AvailableFreeSpace), ("totalBytes", drive.TotalSize));
    }

    private static string Lines(params (string Key, long Value)[] rows) => string.Concat(rows.Select(row =>
        string.Create(CultureInfo.InvariantCulture, $"{row.Key} {row.Value}\n")));
}
