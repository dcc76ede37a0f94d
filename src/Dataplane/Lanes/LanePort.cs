using System.Runtime.CompilerServices;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Lanes;

/// <summary>The wake-up calls of a port's socket.</summary>
internal interface IWakeup
{
    /// <summary>Asks the kernel to look at the tx ring.</summary>
    Errno Tx();

    /// <summary>Asks the driver to look at the tx ring where polling the device did not send.</summary>
    Errno KickTx();

    /// <summary>Asks the kernel to look at the fill ring, or to poll the device.</summary>
    Errno Rx();
}

/// <summary>The wake-ups of a real socket.</summary>
internal sealed class SocketWakeup(XskSocket socket) : IWakeup
{
    /// <inheritdoc/>
    public Errno Tx() => socket.WakeTx();

    /// <inheritdoc/>
    public Errno KickTx() => socket.KickTx();

    /// <inheritdoc/>
    public Errno Rx() => socket.WakeRx();
}

/// <summary>What a lane port is made from.</summary>
internal readonly record struct LanePortSetup
{
    /// <summary>The port in the plan.</summary>
    public required PlanPort Plan { get; init; }

    /// <summary>Its wake-ups.</summary>
    public required IWakeup Wakeup { get; init; }

    /// <summary>True: one wake-up hands the ring to the driver; false: each call sends a bounded batch
    /// itself.</summary>
    public required bool IsZeroCopy { get; init; }
}

/// <summary>One port of one lane: four rings, wake-ups and what the lane knows of the link. Lane only, but
/// for
/// <see cref="IsLinkUp"/>, which the main thread writes.</summary>
internal sealed class LanePort
{
    private readonly IWakeup _wakeup;
    private readonly WakePolicy _policy;
    private readonly bool _isZeroCopy;
    private readonly uint _fillLevel;

    // hot: mutable rings, never copied
    private RxRing _rx;
    private TxRing _tx;
    private FillRing _fill;
    private CompletionRing _completion;
    private bool _refused; // the last wake-up said "down"; cleared in housekeeping so that it is tried again

    /// <summary>Takes over a socket's fresh rings.</summary>
    public LanePort(in LanePortSetup setup, RxRing rx, TxRing tx, FillRing fill, CompletionRing completion)
    {
        _wakeup = setup.Wakeup;
        _policy = setup.Plan.Wake;
        _isZeroCopy = setup.IsZeroCopy;
        _fillLevel = setup.Plan.FillLevel;
        HasStamps = setup.Plan.Stamps == StampSource.Software;
        _rx = rx;
        _tx = tx;
        _fill = fill;
        _completion = completion;
    }

    /// <summary>The rx ring.</summary>
    public ref RxRing Rx => ref _rx;

    /// <summary>The tx ring.</summary>
    public ref TxRing Tx => ref _tx;

    /// <summary>The completion ring.</summary>
    public ref CompletionRing Completion => ref _completion;

    /// <summary>The XDP program writes a metadata slot before each frame.</summary>
    public bool HasStamps { get; }

    /// <summary>Main thread: false from a link-down event to the next link-up.</summary>
    public bool IsLinkUp { get; set; } = true;

    /// <summary>False: what is to leave by this port ends as port-down.</summary>
    public bool CanSend => IsLinkUp && !_refused;

    /// <summary>Frames in the fill ring, the kernel's receive side and the rx ring.</summary>
    public uint FillSide => _fill.Given - _rx.Taken;

    /// <summary>Frames in the tx ring, the kernel's send side and the completion ring.</summary>
    public uint TxSide => _tx.Published - _completion.Taken;

    /// <summary>Of these, frames in the tx ring: the kernel has not taken them.</summary>
    public uint TxWaiting => _tx.Outstanding;

    /// <summary>Posts frames until the port has its fill level.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Refill(FramePool pool)
    {
        uint posted = FillSide;
        if (posted < _fillLevel)
        {
            ReadOnlySpan<ulong> frames = pool.Top((int)(_fillLevel - posted));
            pool.Drop(_fill.Give(frames), frames.Length);
        }
    }

    /// <summary>Publishes what was written and wakes the kernel until it has taken it, at most
    /// <see cref="Limits.WakesPerTurnMax"/> times.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Flush(ref LaneCounters counters)
    {
        if (_tx.HasUnpublished)
        {
            _tx.Publish();
        }
        else if (_tx.Outstanding == 0)
        {
            return;
        }

        WakeTx(ref counters);
    }

    private void WakeTx(ref LaneCounters counters)
    {
        for (int i = 0; i < Limits.WakesPerTurnMax && _tx.Outstanding != 0 && CanSend; i++)
        {
            if (_policy == WakePolicy.NeedWakeup && !_tx.NeedsWakeup)
            {
                return;
            }

            counters.TxWakes++;
            Errno errno = _wakeup.Tx();
            if (errno != Errno.Ok)
            {
                OnWakeRefused(errno, ref counters);
                return;
            }

            if (_isZeroCopy)
            {
                if (_policy == WakePolicy.BusyPoll && _tx.Outstanding != 0 && _tx.NeedsWakeup)
                {
                    Kick(ref counters);
                }

                return; // the driver works on the ring by itself from here
            }
        }
    }

    // Busy polling runs the NAPI of the rx queue. Drivers with another one for tx (virtio_net; igb with a
    // vector each) have sent nothing by then.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Kick(ref LaneCounters counters)
    {
        counters.TxWakes++;
        Errno errno = _wakeup.KickTx();
        if (errno != Errno.Ok)
        {
            OnWakeRefused(errno, ref counters);
        }
    }

    /// <summary>Wakes the receive side where the kernel or the policy asks for it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WakeRxIfNeeded(bool wasIdle, ref LaneCounters counters)
    {
        if (_policy == WakePolicy.BusyPoll ? wasIdle : _fill.NeedsWakeup && IsLinkUp)
        {
            counters.RxWakes++;
            Errno errno = _wakeup.Rx();
            if (errno != Errno.Ok)
            {
                OnWakeRefused(errno, ref counters);
            }
        }
    }

    /// <summary>Housekeeping: a port that refused is tried again.</summary>
    public void Retry() => _refused = false;

    [MethodImpl(MethodImplOptions.NoInlining)] // "later" and errors
    private void OnWakeRefused(Errno errno, ref LaneCounters counters)
    {
        if (errno.IsLater())
        {
            counters.WakesLater++;
            return;
        }

        counters.WakeErrors++;
        counters.LastWakeErrno = (ulong)errno;
        _refused |= errno.IsPortGone();
    }
}
