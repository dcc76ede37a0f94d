namespace LowLatency.Appliance.Tests.Harness;

/// <summary>Frames into one port, some every few milliseconds, until stopped. What leaves by the other is
/// taken away until disposed: a card that finds its wire full waits.</summary>
internal sealed class FrameStream : IDisposable
{
    private const int Some = 10;
    private readonly FrameLink _to;
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _end = new();
    private readonly Task _sending;
    private readonly Task _taking;
    private long _arrived;

    /// <summary>Starts it.</summary>
    /// <param name="from">What it sends into.</param>
    /// <param name="to">Where the frames come out.</param>
    /// <param name="frames">Sent over and over; a multiple of ten.</param>
    public FrameStream(FrameLink from, FrameLink to, byte[][] frames)
    {
        _to = to;
        _sending = Task.Run(() => Send(from, frames));
        _taking = Task.Run(Take);
    }

    /// <summary>Frames sent; all of them once stopped.</summary>
    public long Sent { get; private set; }

    /// <summary>Sends no more.</summary>
    public void Stop()
    {
        _stop.Cancel();
        _sending.GetAwaiter().GetResult();
    }

    /// <summary>Takes no more; how many have come.</summary>
    public long Arrived()
    {
        _end.Cancel();
        _taking.GetAwaiter().GetResult();
        return _arrived;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Stop();
        Arrived();
        _stop.Dispose();
        _end.Dispose();
    }

    private async Task Send(FrameLink from, byte[][] frames)
    {
        for (int at = 0; !_stop.IsCancellationRequested; at = (at + Some) % frames.Length)
        {
            from.Send(frames[at..(at + Some)]);
            Sent += Some;
            await Task.Delay(5, CancellationToken.None);
        }
    }

    private async Task Take()
    {
        while (!_end.IsCancellationRequested)
        {
            _arrived += _to.Empty().Length;
            await Task.Delay(1, CancellationToken.None);
        }

        _arrived += _to.Empty().Length;
    }
}
