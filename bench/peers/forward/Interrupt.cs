using System.Runtime.InteropServices;

namespace LowLatency.Bench.Forward;

/// <summary>Ctrl-C, SIGTERM and SIGHUP become an exception at the next wait of the main thread, so that every
/// <c>using</c> on the way restores the host.</summary>
internal static class Interrupt
{
    private static readonly ManualResetEventSlim Asked = new();
    private static readonly List<PosixSignalRegistration> Registrations = [];

    /// <summary>From now on signals are kept instead of ending the process.</summary>
    public static void Install()
    {
        foreach (PosixSignal signal in (ReadOnlySpan<PosixSignal>)[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP])
        {
            Registrations.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                Asked.Set();
            }));
        }
    }

    /// <summary>Waits.</summary>
    /// <exception cref="OperationCanceledException">A signal came before or meanwhile.</exception>
    public static void Wait(int milliseconds)
    {
        if (Asked.Wait(milliseconds))
        {
            throw new OperationCanceledException();
        }
    }

    /// <summary>Waits until something holds, looking every 10 ms.</summary>
    /// <exception cref="BenchException">It did not in time.</exception>
    public static void WaitUntil(Func<bool> holds, int milliseconds, string what)
    {
        for (int waited = 0; !holds(); waited += 10)
        {
            if (waited >= milliseconds)
            {
                throw new BenchException($"{what}: not within {milliseconds} ms");
            }

            Wait(10);
        }
    }
}

/// <summary>The host or a program under test refused; the message is one line for the user.</summary>
internal sealed class BenchException(string message) : Exception(message);
