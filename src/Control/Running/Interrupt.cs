using System.Runtime.InteropServices;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Running;

/// <summary>Ctrl-C, SIGTERM and a closed terminal, taken as a wish to stop; and the wait that they end. One
/// waiting thread.</summary>
internal sealed class Interrupt : IDisposable
{
    private readonly Waiter _waiter = new();
    private readonly List<PosixSignalRegistration> _registrations = [];
    private bool _isAsked;

    /// <summary>From now on signals do not end the process.</summary>
    public Interrupt()
    {
        PosixSignal[] signals = [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP];
        foreach (PosixSignal signal in signals)
        {
            _registrations.Add(PosixSignalRegistration.Create(signal, Ask));
        }
    }

    /// <summary>True once one came.</summary>
    public bool IsAsked => Volatile.Read(ref _isAsked);

    /// <summary>Waits, at most this long, or until a signal comes.</summary>
    public void Wait(int milliseconds)
    {
        if (!IsAsked && milliseconds > 0)
        {
            _waiter.Wait(milliseconds);
        }
    }

    /// <summary>Waits, whether a signal came or not: for what must end in its own time.</summary>
    public void WaitAnyway(int milliseconds) => _waiter.Wait(milliseconds);

    /// <summary>Signals end the process again.</summary>
    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }

        _waiter.Dispose();
    }

    private void Ask(PosixSignalContext context)
    {
        context.Cancel = true;
        Volatile.Write(ref _isAsked, true);
        _waiter.Wake();
    }
}
