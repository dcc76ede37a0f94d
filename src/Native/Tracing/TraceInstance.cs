using System.Globalization;
using LowLatency.Native.Interop;

namespace LowLatency.Native.Tracing;

/// <summary>A ring buffer of our own in tracefs (instances/): its events, its CPUs, its clock; the host's own
/// tracing is not touched. Made switched off. One thread.</summary>
public sealed class TraceInstance : IDisposable
{
    private const int ReadOnly = 0;
    private const int NonBlocking = 0x800; // O_NONBLOCK, asm-generic/fcntl.h
    private const int CloseOnExec = 0x8_0000; // O_CLOEXEC
    private readonly TraceFileSystem _files;
    private readonly string _name;
    private readonly Dictionary<int, int> _pipes = []; // CPU: trace_pipe_raw
    private readonly byte[] _page;

    private TraceInstance(TraceFileSystem files, string name, int pageBytes)
    {
        _files = files;
        _name = name;
        _page = new byte[pageBytes];
    }

    private string Root => _files.PathOf(_name);

    /// <summary>Makes one.</summary>
    /// <param name="files">Outlives it.</param>
    /// <param name="name">Must not exist.</param>
    /// <param name="cpus">Whose events are kept.</param>
    /// <param name="bufferKilobytes">For each CPU.</param>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public static TraceInstance Create(
        TraceFileSystem files, string name, IReadOnlyList<int> cpus, int bufferKilobytes)
    {
        ArgumentNullException.ThrowIfNull(files);
        ArgumentNullException.ThrowIfNull(cpus);
        TraceInstance instance = new(files, name, Environment.SystemPageSize);
        try
        {
            Directory.CreateDirectory(instance.Root);
            instance.Write("tracing_on", "0");
            instance.Write("trace_clock", "mono"); // CLOCK_MONOTONIC: what lanes stamp with
            instance.Write("options/overwrite", "0"); // full: new ones are dropped and counted, old ones stay
            instance.Write("tracing_cpumask", Mask(cpus));
            instance.Write("buffer_size_kb", bufferKilobytes.ToString(CultureInfo.InvariantCulture));
            foreach (int cpu in cpus)
            {
                string path = $"{instance.Root}/per_cpu/cpu{cpu}/trace_pipe_raw";
                int fd = Libc.TryOpenFile(path, ReadOnly | NonBlocking | CloseOnExec, out Errno errno);
                instance._pipes[cpu] = fd >= 0 ? fd : throw new NativeException($"open({path})", errno,
                    "Is another reader on it, or the CPU offline?");
            }

            return instance;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            instance.Dispose();
            throw new NativeException($"tracefs instance '{name}': {e.Message}", Errno.EPERM,
                "Tracing needs root and a kernel that is not locked down.");
        }
        catch
        {
            instance.Dispose();
            throw;
        }
    }

    /// <summary>Reads an event's layout; null: this kernel has no such event.</summary>
    /// <param name="name">group/event.</param>
    public EventFormat? Format(string name)
    {
        string path = $"{Root}/events/{name}/format";
        return File.Exists(path) ? EventFormat.Parse(File.ReadAllText(path)) : null;
    }

    /// <summary>Keeps an event from now on.</summary>
    /// <param name="name">group/event.</param>
    /// <param name="filter">Documentation/trace/events.rst, 5; empty: all of them.</param>
    /// <returns>False: the kernel refuses it.</returns>
    public bool TryEnable(string name, string filter = "") =>
        (filter.Length == 0 || TryWrite($"events/{name}/filter", filter))
            && TryWrite($"events/{name}/enable", "1");

    /// <summary>Keeps an event no longer.</summary>
    /// <param name="name">group/event.</param>
    /// <returns>False: the kernel refuses it.</returns>
    public bool TryDisable(string name) => TryWrite($"events/{name}/enable", "0");

    /// <summary>Switches recording on or off; events stay armed, so that this costs the CPUs
    /// nothing.</summary>
    public void Switch(bool isOn) => Write("tracing_on", isOn ? "1" : "0");

    /// <summary>Reads what a CPU's buffer holds now, page by page; never waits.</summary>
    /// <param name="cpu">One of its CPUs.</param>
    /// <param name="page">Valid until the next call.</param>
    /// <returns>False: it is empty.</returns>
    /// <exception cref="NativeException">Not to be read any more.</exception>
    public bool TryRead(int cpu, out ReadOnlySpan<byte> page)
    {
        int bytes = Libc.ReadFile(_pipes[cpu], _page, out Errno errno);
        if (bytes < 0 && errno is not (Errno.EAGAIN or Errno.EINTR))
        {
            throw new NativeException($"read(trace_pipe_raw of CPU {cpu})", errno,
                "Is the CPU still online?");
        }

        page = bytes > 0 ? _page.AsSpan(0, bytes) : default;
        return bytes > 0;
    }

    /// <summary>Records that found no room in a CPU's buffer since it was made.</summary>
    public long Dropped(int cpu)
    {
        long dropped = 0;
        foreach (string line in File.ReadLines($"{Root}/per_cpu/cpu{cpu}/stats"))
        {
            if (line.StartsWith("overrun:", StringComparison.Ordinal)
                || line.StartsWith("commit overrun:", StringComparison.Ordinal)
                || line.StartsWith("dropped events:", StringComparison.Ordinal))
            {
                string count = line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
                dropped += long.Parse(count, CultureInfo.InvariantCulture);
            }
        }

        return dropped;
    }

    /// <summary>Closes its readers and removes it.</summary>
    public void Dispose()
    {
        foreach (int fd in _pipes.Values)
        {
            Libc.CloseFile(fd);
        }

        _pipes.Clear();
        _ = _files.TryRemove(_name);
    }

    private bool TryWrite(string file, string value)
    {
        try
        {
            Write(file, value);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private void Write(string file, string value) => File.WriteAllText($"{Root}/{file}", value);

    // Hexadecimal words of 32 CPUs, highest first: Documentation/core-api/printk-formats.rst, bitmaps.
    private static string Mask(IReadOnlyList<int> cpus)
    {
        uint[] words = new uint[(cpus.Max() / 32) + 1];
        foreach (int cpu in cpus)
        {
            words[words.Length - 1 - (cpu / 32)] |= 1U << (cpu % 32);
        }

        return string.Join(',', words.Select(word => word.ToString("x8", CultureInfo.InvariantCulture)));
    }
}
