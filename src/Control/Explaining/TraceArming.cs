using LowLatency.Native;

namespace LowLatency.Control.Explaining;

/// <summary>The kernel's events, armed in two steps: most before the lanes start, the rest when they are
/// known. One thread.</summary>
internal sealed class TraceArming : IDisposable
{
    /// <summary>First step.</summary>
    /// <param name="cpus">Those that lanes are planned on.</param>
    public TraceArming(IReadOnlyList<int> cpus) => Prepare(cpus);

    /// <summary>The events; null: there is no tracing here.</summary>
    public KernelTrace? Trace { get; private set; }

    /// <summary>Why there is none; "" when there is.</summary>
    public string Why { get; private set; } = "";

    /// <summary>Second step.</summary>
    /// <param name="cpus">Those that lanes are on. Others than planned, of a data plane that ran before, are
    /// armed now.</param>
    /// <param name="callsOf">Threads whose system calls are told.</param>
    /// <param name="tracesNetwork">False: NET_RX and NET_TX softirqs are the lanes' own work.</param>
    public void Begin(IReadOnlyList<int> cpus, IReadOnlyList<int> callsOf, bool tracesNetwork)
    {
        if (Trace is not null && cpus.Except(Trace.Measured).Any())
        {
            Trace.Dispose();
            Prepare(cpus);
        }

        try
        {
            Trace?.Begin(callsOf, tracesNetwork);
        }
        catch (NativeException e)
        {
            Refuse(e);
        }
    }

    /// <summary>Ends tracing.</summary>
    public void Dispose() => Trace?.Dispose();

    private void Prepare(IReadOnlyList<int> cpus)
    {
        try
        {
            Trace = KernelTrace.Prepare(cpus);
        }
        catch (NativeException e)
        {
            Refuse(e);
        }
    }

    private void Refuse(NativeException why)
    {
        Trace?.Dispose();
        Trace = null;
        Why = why.Message;
    }
}
