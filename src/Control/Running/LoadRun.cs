using LowLatency.Control.Commands;
using LowLatency.Control.Explaining;
using LowLatency.Control.Measuring;

namespace LowLatency.Control.Running;

/// <summary>One measured load: arm, send, drain, judge. One thread, on the housekeeping CPUs.</summary>
/// <param name="request">With a load plan.</param>
/// <param name="io">Report and progress.</param>
internal sealed class LoadRun(RunRequest request, CommandIo io)
{
    /// <summary>Runs it.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="CommandFailure">Refused before anything was measured.</exception>
    public int Execute()
    {
        using RunHost host = new(request, io);
        using TraceArming? arming = Explainers.Prepare(request);
        if (!host.Arm())
        {
            io.Say("interrupted before the load began");
            return ExitCode.Interrupted;
        }

        LoadMeter meter = new(host, io)
        {
            Arming = arming,
            IntervalSeconds = request.IntervalSeconds,
            IsLast = true,
        };
        RunMeasurement measured = meter.Measure(request.Verb, request.Promise);
        return host.Finish(measured, [.. new[] { meter.Death, meter.LogFault }.OfType<string>()]);
    }
}
