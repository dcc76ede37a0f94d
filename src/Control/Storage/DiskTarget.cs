using System.ComponentModel;
using System.Diagnostics;
using LowLatency.Control.Commands;
using LowLatency.Control.Reporting;
using LowLatency.Native;
using LowLatency.Native.Host;
using LowLatency.Native.Probes;
using LowLatency.Native.Uring;

namespace LowLatency.Control.Storage;

/// <summary>What is measured: an existing file, a block device, or a file without a name in a folder, which
/// ends with this process however it ends. Refuses what would destroy data that nobody gave up.</summary>
internal sealed class DiskTarget : IDisposable
{
    private const long FolderBytes = 1L << 30;
    private const int FillBytes = 1 << 20;
    private const int FillDepth = 8;
    private const int NothingFound = 2; // exit code of blkid(8): no signature

    private DiskTarget(DirectFile file, string device, long sizeBytes)
    {
        HasPollingQueues = PollingQueues.AreUnder(FileIdentity.Of(file.Path));
        File = file;
        Device = device;
        SizeBytes = sizeBytes;
    }

    /// <summary>The open file.</summary>
    public DirectFile File { get; }

    /// <summary>Name of the block device under it, as sysfs has it; empty: none is known.</summary>
    public string Device { get; }

    /// <summary>The device has queues that are made for polling.</summary>
    public bool HasPollingQueues { get; }

    /// <summary>Bytes of the area that transfers go to, from the start.</summary>
    public long SizeBytes { get; }

    /// <summary>Opens what is asked for.</summary>
    /// <param name="request">Asked for.</param>
    /// <param name="say">Told what takes time.</param>
    /// <exception cref="CommandFailure">It would destroy data, is too small, or has no direct
    /// transfers.</exception>
    public static DiskTarget Open(DiskRequest request, Action<string> say)
    {
        FileIdentity identity = Identify(request.Path);
        string device = PollingQueues.DiskOf(identity);
        if (identity.Kind == "directory")
        {
            return OfFolder(request, device, say);
        }

        DirectAccess access = DirectAccess.Read;
        if (request.Writes)
        {
            RequirePermission(request, identity);
            access = DirectAccess.Write | DirectAccess.Exclusive;
        }

        DirectFile file = Attempt(() => DirectFile.Open(request.Path, access));
        return Sized(request, file, device, Math.Min(request.SizeBytes ?? long.MaxValue, file.LengthBytes));
    }

    /// <inheritdoc/>
    public void Dispose() => File.Dispose();

    private static FileIdentity Identify(string path)
    {
        try
        {
            return FileIdentity.Of(path);
        }
        catch (NativeException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            throw CommandFailure.Input($"{path}: there is no such file or device; name a folder to measure "
                + "with a temporary file in it");
        }
    }

    private static DiskTarget OfFolder(DiskRequest request, string device, Action<string> say)
    {
        long size = request.SizeBytes ?? FolderBytes;
        long free = new DriveInfo(request.Path).AvailableFreeSpace;
        if (size > free / 2)
        {
            throw CommandFailure.Input($"{request.Path}: a test file of {Units.Bytes(size)} would take more "
                + $"than half of the {Units.Bytes(free)} that are free; say a smaller --size");
        }

        DirectFile file = Attempt(() => DirectFile.CreateNameless(request.Path));
        try
        {
            if (file.Allocate(size) is Errno refusal and not (Errno.Ok or Errno.EOPNOTSUPP))
            {
                throw CommandFailure.Host($"fallocate({request.Path}, {size}): {refusal.Name()}. "
                    + UringRefusal.Hint(refusal));
            }

            // Bytes that were never written are read without the disk.
            say($"writing a test file of {Units.Bytes(size)} in {request.Path}");
            Fill(file, size);
            return Sized(request, file, device, size);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static DiskTarget Sized(DiskRequest request, DirectFile file, string device, long size)
    {
        string? fault = request.BlockBytes % file.BlockBytes != 0
            ? $"--block {request.BlockBytes}: {request.Path} is read and written in multiples of "
                + $"{file.BlockBytes} bytes"
            : size < request.BlockBytes ? $"{request.Path} has {size} bytes: less than one block of "
                + $"{request.BlockBytes}" : null;
        if (fault is null)
        {
            return new DiskTarget(file, device, size / request.BlockBytes * request.BlockBytes);
        }

        file.Dispose();
        throw CommandFailure.Input(fault);
    }

    private static void RequirePermission(DiskRequest request, FileIdentity identity)
    {
        if (!request.MayOverwrite)
        {
            throw CommandFailure.Input($"{request.Path}: writing destroys what is on it; say --overwrite, or "
                + "name a folder to write to a temporary file in it");
        }

        if (identity.Kind == "block" && Signature(request.Path) is { } found && request.Really != found)
        {
            throw CommandFailure.Input($"{request.Path} holds {found} (blkid): all of it would be lost; if "
                + $"that is meant, say --overwrite --really {found}");
        }
    }

    /// <summary>What blkid(8) finds on a device: "ext4", "gpt"; null: nothing.</summary>
    private static string? Signature(string path)
    {
        ProcessStartInfo start = new("blkid", ["--probe", "--output", "export", path])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            using Process process = Process.Start(start)!;
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            string[] lines = output.Split('\n');
            string? type = lines.FirstOrDefault(line => line.StartsWith("TYPE=", StringComparison.Ordinal))
                ?? lines.FirstOrDefault(line => line.StartsWith("PTTYPE=", StringComparison.Ordinal));
            return type is not null ? type[(type.IndexOf('=', StringComparison.Ordinal) + 1)..]
                : process.ExitCode == NothingFound ? null
                : "something"; // more than one signature, or it could not look: nobody knows that it is empty
        }
        catch (Win32Exception e)
        {
            throw CommandFailure.Host($"cannot start blkid, which knows what is on {path}: {e.Message}; "
                + "apt-get install util-linux");
        }
    }

    private static void Fill(DirectFile file, long size)
    {
        using IoBuffers buffers = new(FillDepth, FillBytes);
        ulong state = 1;
        for (int slot = 0; slot < FillDepth; slot++)
        {
            DiskRandom.Fill(buffers[slot].Span, ref state);
        }

        using Ring ring = Ring.OpenBest(new RingSetup(FillDepth, UringSetup.None, 1), buffers);
        _ = ring.SetFile(0, file);
        IoCompletion[] done = new IoCompletion[FillDepth];
        long next = 0;
        int free = FillDepth;
        Stack<int> slots = new(Enumerable.Range(0, FillDepth));
        while (next < size || free < FillDepth)
        {
            while (next < size && free > 0)
            {
                int slot = slots.Pop();
                long bytes = Math.Min(FillBytes, size - next);
                _ = ring.TryAdd(new IoRequest
                {
                    Operation = IoOperation.Write, File = 0, Slot = slot, Bytes = bytes, Offset = next,
                    Token = (ulong)slot,
                });
                next += bytes;
                free--;
            }

            _ = ring.Submit(1, 0);
            foreach (IoCompletion one in done.AsSpan(0, ring.Reap(done)))
            {
                slots.Push((int)one.Token);
                free++;
                if (one.Errno != Errno.Ok)
                {
                    throw CommandFailure.Host($"write({file.Path}): {one.Errno.Name()}. "
                        + UringRefusal.Hint(one.Errno));
                }
            }
        }

        _ = file.Sync();
    }

    private static DirectFile Attempt(Func<DirectFile> open)
    {
        try
        {
            return open();
        }
        catch (NativeException e) when (e.Errno is Errno.EINVAL or Errno.EOPNOTSUPP or Errno.EBUSY)
        {
            throw CommandFailure.Input(e.Message);
        }
    }
}
