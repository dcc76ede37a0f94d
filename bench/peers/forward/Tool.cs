using System.Diagnostics;
using LowLatency.Native.Threads;

namespace LowLatency.Bench.Forward;

/// <summary>A program that runs beside the bench: on one CPU, dies with the bench, stopped by its own
/// means.</summary>
internal sealed class Tool : IDisposable
{
    private readonly Process _process;
    private readonly List<string> _lines = [];

    private Tool(Process process)
    {
        _process = process;
        _process.OutputDataReceived += Keep;
        _process.ErrorDataReceived += Keep;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>True until it ends.</summary>
    public bool IsRunning => !_process.HasExited;

    /// <summary>What it said last.</summary>
    public string LastLines
    {
        get
        {
            lock (_lines)
            {
                return string.Join(" | ", _lines.TakeLast(4));
            }
        }
    }

    /// <summary>Starts a program on CPUs, in a network namespace when one is named.</summary>
    public static Tool Start(string cpus, string? networkNamespace, params string[] command)
    {
        // pdeathsig: even a bench that is killed leaves no process behind.
        string[] inside = networkNamespace == null ? [] : ["ip", "netns", "exec", networkNamespace];
        ProcessStartInfo start = new("setpriv", ["--pdeathsig", "KILL", "taskset", "-c", cpus, .. inside, .. command])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return new Tool(Process.Start(start)!);
    }

    /// <summary>Runs a program to its end; its standard output.</summary>
    /// <exception cref="BenchException">It failed.</exception>
    public static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output
            : throw new BenchException(
                $"{program} {string.Join(' ', arguments)}: {error.GetAwaiter().GetResult().Trim()}");
    }

    /// <summary>True once it has said something.</summary>
    public bool HasSaid(string text)
    {
        lock (_lines)
        {
            return _lines.Exists(line => line.Contains(text, StringComparison.Ordinal));
        }
    }

    /// <summary>Waits until it has said something.</summary>
    public void WaitFor(string text, int milliseconds, string name)
    {
        Interrupt.WaitUntil(() => HasSaid(text) || !IsRunning, milliseconds, $"{name} is not ready: {LastLines}");
        if (!IsRunning)
        {
            throw new BenchException($"{name} ended while starting: {LastLines}");
        }
    }

    /// <summary>Presses Enter.</summary>
    public void Enter()
    {
        _process.StandardInput.WriteLine();
        _process.StandardInput.Flush();
    }

    /// <summary>SIGTERM.</summary>
    public void Terminate() => ThreadControl.Signal(_process.Id, ThreadControl.SignalTerminate);

    /// <summary>Waits for the end; false when it did not end.</summary>
    public bool WaitForExit(int milliseconds) => _process.WaitForExit(milliseconds);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (IsRunning)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private void Keep(object sender, DataReceivedEventArgs e)
    {
        if (e.Data != null)
        {
            lock (_lines)
            {
                _lines.Add(e.Data);
            }
        }
    }
}
