using LowLatency.Dataplane.Lanes;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Netlink;
using LowLatency.Native.Threads;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Boot;

/// <summary>Carries frames from the lanes' punt queues to the kernel's stack, on the port they came in by:
/// one thread a network namespace, on housekeeping CPUs, never in a lane's way. Looks every millisecond, so
/// that no lane has to wake it.</summary>
internal sealed class PuntThread : IDisposable
{
    private const int IdleMs = 1;
    private readonly string _namespace;
    private readonly List<Source> _sources = [];
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _isOpen = new();
    private readonly Waiter _waiter = new();
    private bool _stops; // main thread writes, with Volatile
    private NativeException? _refusal;

    /// <summary>Prepares the thread of a namespace.</summary>
    public PuntThread(string networkNamespace)
    {
        _namespace = networkNamespace;
        _thread = new Thread(Run) { IsBackground = true, Name = "punt" };
    }

    /// <summary>True for ports of this namespace.</summary>
    public bool Serves(string networkNamespace) => networkNamespace == _namespace;

    /// <summary>Before the start: a lane's queue and the ports that its entries name.</summary>
    public void Add(PuntQueue queue, PlanPort[] ports) => _sources.Add(new Source(queue, ports));

    /// <summary>Starts; returns when it is in its namespace.</summary>
    /// <exception cref="NativeException">The kernel refused the program or the namespace.</exception>
    public void Start()
    {
        _thread.Start();
        _isOpen.Wait();
        if (_refusal != null)
        {
            throw new NativeException(_refusal.Call, _refusal.Errno, _refusal.Hint);
        }
    }

    /// <summary>Hands over what is queued and ends.</summary>
    public void Dispose()
    {
        Volatile.Write(ref _stops, true); // release: lanes have stopped before
        _waiter.Wake();
        if (_thread.IsAlive)
        {
            _thread.Join();
        }

        _isOpen.Dispose();
        _waiter.Dispose();
    }

    private void Run()
    {
        try
        {
            using NetworkNamespace scope = NetworkNamespace.Enter(_namespace);
            using StackInjector injector = StackInjector.Open();
            _isOpen.Set();
            bool isLast = false;
            while (!isLast)
            {
                isLast = Volatile.Read(
                    ref _stops); // read before the last look: what lanes wrote until they stopped goes too
                if (!Drain(injector) && !isLast)
                {
                    _waiter.Wait(IdleMs);
                }
            }
        }
        catch (NativeException refusal)
        {
            _refusal = refusal;
            _isOpen.Set();
        }
    }

    private bool Drain(StackInjector injector)
    {
        bool hasMoved = false;
        foreach (Source source in _sources)
        {
            while (source.Queue.TryPeek(out ReadOnlySpan<byte> frame, out int port))
            {
                ref readonly PlanPort from = ref source.Ports[port];
                Errno errno = injector.Inject(frame, from.InterfaceIndex, from.Queue);
                source.Queue.Take(isRefused: errno != Errno.Ok);
                hasMoved = true;
            }
        }

        return hasMoved;
    }

    private readonly record struct Source(PuntQueue Queue, PlanPort[] Ports);
}
