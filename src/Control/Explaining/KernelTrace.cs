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
/// over
/// through a bounded channel. What finds no room there is counted as lost, never waited for.</summary>
internal sealed class KernelTrace : IDisposable
{
    private const string Prefix = "lowlat-";
    private const int MeasuredKilobytes = 4096; // for each CPU; a record is some 50 bytes
    private const int SenderKilobytes = 1024;
    private const int PollMs = 20;
    private const int BatchesMax = 512;         // ten seconds
    private readonly TraceFileSystem _files;
    private readonly List<(TraceInstance Instance, int[] Cpus)> _instances = [];
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
    /// measuring.
    /// </summary>
    public long ArmNs { get; private set; }

    /// <summary>Events of this kernel that are not there, by name: what they would explain is not.</summary>
    public IReadOnlyList<string> Missing { get; private set; } = [];

    /// <summary>Events read.</summary>
    public long Count { get; private set; }

    /// <summary>Events lost.</summary>
    public long LostCount { get; private set; }

    /// <summary>Why reading ended early; null: it goes on.</summary>
    public string? Failure { get; private set; }

    /// <summary>Arms.</summary>
    /// <param name="measured">CPUs of the lanes.</param>
    /// <param name="callsOf">Threads whose system calls are told, too: costs every call of the host some
    /// ns.</param>
    /// <param name="tracesNetwork">False: NET_RX and NET_TX softirqs are the lanes' own work.</param>
    /// <exception cref="NativeException">No tracing here.</exception>
    public static KernelTrace Arm(IReadOnlyList<int> measured, IReadOnlyList<int> callsOf, bool tracesNetwork)
    {
        long startNs = ThreadControl.NowNs;
        TraceFileSystem files = TraceFileSystem.Open();
        KernelTrace trace = new(files);
        try
        {
            RemoveLeftovers(files);
            int[] others = [.. Enumerable.Range(0, Environment.ProcessorCount).Except(measured)];
            string name = Prefix + Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
            List<string> missing = [];
            trace.Add(name, [.. measured], MeasuredKilobytes,
                [.. EventDecoder.OfMeasured, .. EventDecoder.OfSenders], callsOf, tracesNetwork, missing);
            if (others.Length > 0)
            {
                trace.Add(name + "-others", others, SenderKilobytes, EventDecoder.OfSenders, [], true, []);
            }

            trace.Missing = missing;
            trace._instances.ForEach(entry => entry.Instance.Switch(isOn: true));
            trace.ArmNs = ThreadControl.NowNs - startNs;
            trace._reader = new Thread(trace.Run) { IsBackground = true, Name = "trace" };
            trace._reader.Start();
            return trace;
        }
        catch
        {
            trace.Dispose();
            throw;
        }
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

    private void Add(string name, int[] cpus, int kilobytes, IReadOnlyList<string> events,
        IReadOnlyList<int> callsOf, bool tracesNetwork, List<string> missing)
    {
        TraceInstance instance = TraceInstance.Create(_files, name, cpus, kilobytes);
        _instances.Add((instance, cpus));
        string filter = string.Join(" || ", callsOf.Select(tid => $"common_pid == {tid}"));
        foreach (string found in events.Concat(callsOf.Count > 0 ? EventDecoder.OfCalls : []))
        {
            string only = EventDecoder.OfCalls.Contains(found) ? filter
                : !tracesNetwork && found.StartsWith("irq/softirq", StringComparison.Ordinal)
                    ? EventDecoder.NoNetwork : "";
            if (instance.Format(found) is { } format && instance.TryEnable(found, only))
            {
                _decoder.Add(format);
            }
            else if (!found.StartsWith("irq_vectors/", StringComparison.Ordinal))
            {
                missing.Add(found); // vectors follow what the kernel was built with: those it has not never fire
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
                Read();
            }
        }
        catch (NativeException e)
        {
            Failure = e.Message;
        }

        _channel.Writer.Complete();
    }

    private void Read()
    {
        long untilNs = ThreadControl.NowNs;
        List<CpuEvent> events = [];
        HashSet<int> lost = [.. _unsent];
        foreach ((TraceInstance instance, int[] cpus) in _instances)
        {
            foreach (int cpu in cpus)
            {
                while (instance.TryRead(cpu, out ReadOnlySpan<byte> page))
                {
                    _ = _decoder.Read(cpu, page, events); // what it lost is in the buffer's own count
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
