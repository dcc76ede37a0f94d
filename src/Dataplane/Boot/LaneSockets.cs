using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Netlink;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Boot;

/// <summary>A lane's UMEM and its sockets. The kernel binds all sockets of one UMEM in one mode, so the
/// ladder zero-copy, copy is climbed down by the lane as a whole. Main thread, at boot and disarm.</summary>
internal sealed class LaneSockets : IDisposable
{
    // A queue is free about a second after its last owner, later where that was killed on a busy host.
    private const long BusyRetryNs = 10_000_000_000;

    private readonly MappedMemory _memory;
    private readonly Umem _umem;
    private readonly XskSocket[] _sockets;

    private LaneSockets(MappedMemory memory, Umem umem, XskSocket[] sockets, bool isZeroCopy, string why)
    {
        _memory = memory;
        _umem = umem;
        _sockets = sockets;
        IsZeroCopy = isZeroCopy;
        Why = why;
    }

    /// <summary>The frames.</summary>
    public Umem Umem => _umem;

    /// <summary>The frames lie on huge pages.</summary>
    public bool IsHuge => _memory.IsHuge;

    /// <summary>Bytes mapped.</summary>
    public long MappedBytes => _memory.LengthBytes;

    /// <summary>Sockets, by the lane's own port numbers.</summary>
    public ReadOnlySpan<XskSocket> Sockets => _sockets;

    /// <summary>What the kernel granted, from XDP_OPTIONS.</summary>
    public bool IsZeroCopy { get; }

    /// <summary>What was refused before, empty if nothing.</summary>
    public string Why { get; }

    /// <summary>Maps, registers and binds everything of a lane.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public static LaneSockets Open(PlanImage plan, int lane)
    {
        PlanLane entry = plan.Lane(lane);
        // Frames and rings; a wish, never a must.
        using NodePreference local = NodePreference.Enter(entry.NumaNode);
        MappedMemory memory = MappedMemory.Anonymous((long)entry.Frames * entry.ChunkBytes, entry.HugePages);
        try
        {
            memory.PreferNode(entry.NumaNode);
            bool mayZeroCopy = true;
            bool mayCopy = true;
            for (int i = 0; i < entry.PortCount; i++)
            {
                BindMode mode = plan.Port(entry.Ports[i]).Mode;
                mayZeroCopy &= mode is BindMode.Auto or BindMode.ZeroCopy;
                mayCopy &= mode != BindMode.ZeroCopy;
            }

            string refusal = "";
            if (mayZeroCopy)
            {
                try
                {
                    return Bind(plan, entry, memory, zeroCopy: true, refusal);
                }
                catch (NativeException e) when (mayCopy && e.Errno is Errno.EOPNOTSUPP or Errno.EINVAL)
                {
                    refusal = $"zero-copy refused: {e.Call}: {e.Errno.Name()}; ";
                }
            }

            return Bind(plan, entry, memory, zeroCopy: false, refusal);
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    /// <summary>Closes the sockets, then the UMEM under them.</summary>
    public void Dispose()
    {
        Close(_sockets, _umem);
        _memory.Dispose();
    }

    private static LaneSockets Bind(
        PlanImage plan, in PlanLane lane, MappedMemory memory, bool zeroCopy, string refusal)
    {
        uint fillSlots = Limits.RingSlotsMin;
        uint completionSlots = Limits.RingSlotsMin;
        for (int i = 0; i < lane.PortCount; i++) // one size for all rings of a UMEM: libxdp keeps it per UMEM
        {
            fillSlots = Math.Max(fillSlots, plan.Port(lane.Ports[i]).FillSlots);
            completionSlots = Math.Max(completionSlots, plan.Port(lane.Ports[i]).CompletionSlots);
        }

        Umem umem;
        // A meter has no ports: any namespace does.
        string space = lane.PortCount == 0 ? "" : plan.Port(lane.Ports[0]).NetworkNamespace.ToString();
        using (NetworkNamespace.Enter(space))
        {
            umem = Umem.Register(
                memory, lane.Frames, lane.ChunkBytes, lane.HeadroomBytes, fillSlots, completionSlots);
        }

        XskSocket[] sockets = new XskSocket[lane.PortCount];
        try
        {
            bool isZeroCopy = true;
            for (int i = 0; i < sockets.Length; i++)
            {
                PlanPort port = plan.Port(lane.Ports[i]);
                using (NetworkNamespace.Enter(port.NetworkNamespace.ToString()))
                {
                    sockets[i] = Create(umem, port, zeroCopy);
                }

                isZeroCopy &= sockets[i].ReadIsZeroCopy();
                SetWakePolicy(sockets[i], port, lane.Burst);
            }

            return new LaneSockets(memory, umem, sockets, isZeroCopy, refusal);
        }
        catch
        {
            Close(sockets, umem);
            throw;
        }
    }

    private static XskSocket Create(Umem umem, in PlanPort port, bool zeroCopy) =>
        XskSocket.Create(umem, new XskRequest
        {
            Interface = port.Interface.ToString(),
            Queue = port.Queue,
            RxSlots = port.RxSlots,
            TxSlots = port.TxSlots,
            ZeroCopy = zeroCopy,
            BusyRetryNs = BusyRetryNs,
        });

    private static void SetWakePolicy(XskSocket socket, in PlanPort port, uint burst)
    {
        // One send call then moves a whole burst; older kernels move 32 and are called again.
        _ = socket.TrySetTxBudget((int)Math.Max(burst, Limits.KernelTxBudget));
        if (port.Wake == WakePolicy.BusyPoll)
        {
            socket.EnableBusyPoll(port.BusyPollUs, port.BusyPollBudget);
        }
    }

    private static void Close(ReadOnlySpan<XskSocket> sockets, Umem umem)
    {
        for (int i = sockets.Length - 1; i >= 0; i--)
        {
            sockets[i]?.Dispose();
        }

        umem.Dispose();
    }
}
