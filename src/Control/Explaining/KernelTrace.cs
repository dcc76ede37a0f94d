using System.Globalization;
using System.Threading.Channels;
using LowLatency.Native;
using LowLatency.Native.Threads;
using LowLatency.Native.Tracing;

namespace LowLatency.Control.Explaining;

/// <summary>What one round of reading brought.</summary>
/// <param name="Events">Of one CPU after the other, each CPU's in order.</param>
/// <param name="UntilNs">CLOCK_MONOTONIC before the round: all that happened earlier has been read.</param>
/// <param name="Lost">CPUs that lost events since the round before.</param>
internal sealed record TraceBatch(IReadOnlyList<CpuEvent> Events, long UntilNs, IReadOnlyList<int> Lost);

/// <summary>The kernel's events of some CPUs, as long as it is not disposed: armed once before the measured
/// window, in trace instances of our own, read by a thread of its own on the housekeeping CPUs and handed
/// over through a bounded channel. What finds no room there is counted as lost, never waited for.</summary>
internal sealed class KernelTrace : IDisposable
{
    private const string Prefix = "lowlat-";
    private const int MeasuredKilobytes = 4096; // for each CPU; a record is some 50 bytes
    private const int SenderKilobytes = 1024;
    private const int PollMs = 20;
    private const int BatchesMax = 512;         // ten seconds
    private readonly TraceFileSystem _files;
    private readonly List<(TraceInstance Instance, int[] Cpus, int Pages)> _instances = [];
    private readonly List<string> _missing = [];
    private readonly EventDecoder _decoder = new(KernelSymbols.Read());
    private readonly Channel<TraceBatch> _channel;
    private readonly ManualResetEventSlim _stops = new();
    private readonly Dictionary<int, long> _dropped = [];
    private readonly HashSet<int> _unsent = [];
    private Thread? _reader;

    private KernelTrace(TraceFileSystem files)
    {
        _files = files;
        _channel = Channel.CreateBounded<TraceBatch>(new BoundedChannelOptions(BatchesMax)
        {
            SingleReader = true,
            SingleWriter = true,
            FullMode = BoundedChannelFullMode.Wait, // TryWrite then says so
        });
    }

    /// <summary>Where batches come out.</summary>
    public ChannelReader<TraceBatch> Batches => _channel.Reader;

    /// <summary>What arming took, ns: text patching interrupts every CPU, so that it is done before
    /// measuring.</summary>
    public long ArmNs { get; private set; }

    /// <summary>Events of this kernel that are not there, by name: what they would explain is not.</summary>
    public IReadOnlyList<string> Missing => _missing;

    /// <summary>Events read.</summary>
    public long Count { get; private set; }

    /// <summary>Events lost.</summary>
    public long LostCount { get; private set; }

    /// <summary>Why reading ended early; null: it goes on.</summary>
    public string? Failure { get; private set; }

    /// <summary>CPUs of the lanes.</summary>
    public IReadOnlyList<int> Measured { get; private init; } = [];

    /// <summary>Arms all but what depends on the lanes, switched off. Patching the kernel's text waits for
    /// every CPU again and again: done before lanes hold their CPUs it takes tenths of a second, after it
    /// seconds.</summary>
    /// <param name="measured">CPUs of the lanes.</param>
    /// <exception cref="NativeException">No tracing here.</exception>
    public static KernelTrace Prepare(IReadOnlyList<int> measured)
    {
        long startNs = ThreadControl.NowNs;
        TraceFileSystem files = TraceFileSystem.Open();
        KernelTrace trace = new(files) { Measured = measured };
        try
        {
            RemoveLeftovers(files);
            int[] others = [.. Enumerable.Range(0, Environment.ProcessorCount).Except(measured)];
            string name = Prefix + Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
            trace.Add(name, measured, MeasuredKilobytes);
            trace.Enable(0, [.. EventDecoder.OfMeasured, .. EventDecoder.OfSenders], "");
            if (others.Length > 0)
            {
                trace.Add(name + "-others", others, SenderKilobytes);
                trace.Enable(1, EventDecoder.OfSenders, "");
            }

            trace.ArmNs = ThreadControl.NowNs - startNs;
            return trace;
        }
        catch
        {
            trace.Dispose();
            throw;
        }
    }

    /// <summary>Arms the rest, switches it on and begins to read. Once.</summary>
    /// <param name="callsOf">Threads whose system calls are told, too: costs every call of the host some
    /// ns.</param>
    /// <param name="tracesNetwork">False: NET_RX and NET_TX softirqs are the lanes' own work.</param>
    /// <exception cref="NativeException">No tracing here any more.</exception>
    public void Begin(IReadOnlyList<int> callsOf, bool tracesNetwork)
    {
        long startNs = ThreadControl.NowNs;
        Enable(0, EventDecoder.OfSoftirqs, tracesNetwork ? "" : EventDecoder.NoNetwork);
        if (callsOf.Count > 0)
        {
            Enable(0, EventDecoder.OfCalls,
                string.Join(" || ", callsOf.Select(tid => $"common_pid == {tid}")));
        }

        _instances.ForEach(entry => entry.Instance.Switch(isOn: true));
        ArmNs += ThreadControl.NowNs - startNs;
        _reader = new Thread(Run) { IsBackground = true, Name = "trace" };
        _reader.Start();
    }

    /// <summary>Removes what killed processes of ours left in tracefs: their events would cost every CPU
    /// time.</summary>
    /// <returns>How many.</returns>
    public static int RemoveLeftovers(TraceFileSystem files)
    {
        int removed = 0;
        foreach (string name in files.InstancesOf(Prefix))
        {
            string number = name[Prefix.Length..].Split('-')[0];
            bool isLive = int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int pid)
                && Directory.Exists($"/proc/{pid}");
            removed += !isLive && files.TryRemove(name) ? 1 : 0;
        }

        return removed;
    }

    /// <summary>The same, where there may be no tracing at all.</summary>
    public static int RemoveLeftovers()
    {
        try
        {
            using TraceFileSystem files = TraceFileSystem.Open();
            return RemoveLeftovers(files);
        }
        catch (NativeException)
        {
            return 0; // none can have been left
        }
    }

    /// <summary>Stops, and takes the instances away.</summary>
    public void Dispose()
    {
        _stops.Set();
        _reader?.Join();
        _instances.ForEach(entry => entry.Instance.Dispose());
        _instances.Clear();
        _files.Dispose();
        _stops.Dispose();
    }

    private void Add(string name, IReadOnlyList<int> cpus, int kilobytes) =>
        _instances.Add((TraceInstance.Create(_files, name, cpus, kilobytes), [.. cpus],
            kilobytes * 1024 / Environment.SystemPageSize));

    private void Enable(int instance, IReadOnlyList<string> events, string filter)
    {
        TraceInstance armed = _instances[instance].Instance;
        foreach (string found in events)
        {
            if (armed.Format(found) is { } format && armed.TryEnable(found, filter))
            {
                _decoder.Add(format);
            }
            else if (instance == 0 && !found.StartsWith("irq_vectors/", StringComparison.Ordinal))
            {
                _missing.Add(found); // vectors follow what the kernel was built with: those it has not never fire
            }
        }
    }

    private void Run()
    {
        try
        {
            bool isLast = false;
            while (!isLast)
            {
                isLast = _stops.Wait(PollMs);
                Read(isLast);
            }
        }
        catch (NativeException e)
        {
            Failure = e.Message;
        }

        _channel.Writer.Complete();
    }

    // A buffer that was never near its end has lost nothing: its count is a file to read.
    private void Read(bool isLast)
    {
        long untilNs = ThreadControl.NowNs;
        List<CpuEvent> events = [];
        HashSet<int> lost = [.. _unsent];
        foreach ((TraceInstance instance, int[] cpus, int pages) in _instances)
        {
            foreach (int cpu in cpus)
            {
                int read = 0;
                while (instance.TryRead(cpu, out ReadOnlySpan<byte> page))
                {
                    read++;
                    _ = _decoder.Read(cpu, page, events); // what it lost is in the buffer's own count
                }

                if (read < pages / 2 && !isLast)
                {
                    continue;
                }

                long dropped = instance.Dropped(cpu);
                long before = _dropped.GetValueOrDefault(cpu);
                if (dropped > before)
                {
                    LostCount += dropped - before;
                    _dropped[cpu] = dropped;
                    lost.Add(cpu);
                }
            }
        }

        Count += events.Count;
        _unsent.Clear();
        if (!_channel.Writer.TryWrite(new TraceBatch(events, untilNs, [.. lost])))
        {
            LostCount += events.Count;
            _unsent.UnionWith(_instances.SelectMany(entry => entry.Cpus));
        }
    }
}
