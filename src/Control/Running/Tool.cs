using System.ComponentModel;
using System.Diagnostics;
using LowLatency.Control.Commands;

namespace LowLatency.Control.Running;

/// <summary>Runs one of the host's own programs (ip, ethtool) to its end. The child is in the network
/// namespace of the calling thread.</summary>
internal static class Tool
{
    private const int LimitMs = 20_000;

    /// <summary>Runs it; its output when it succeeds.</summary>
    /// <param name="program">Name, found on PATH.</param>
    /// <param name="arguments">Arguments, not split again.</param>
    /// <param name="input">What it reads on standard input; null: nothing.</param>
    /// <exception cref="CommandFailure">Missing, failed, or did not end in time: exit code 2.</exception>
    public static string Run(string program, IReadOnlyList<string> arguments, string? input = null)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        string line = $"{program} {string.Join(' ', arguments)}";
        using Process process = Start(start, program);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (input is not null)
        {
            process.StandardInput.Write(input);
        }

        process.StandardInput.Close();
        if (!process.WaitForExit(LimitMs))
        {
            process.Kill();
            throw CommandFailure.Host($"'{line}' did not end within {LimitMs / 1000} s");
        }

        if (process.ExitCode != 0)
        {
            throw CommandFailure.Host($"'{line}' failed: {FirstLine(error.Result, process.ExitCode)}");
        }

        return output.Result;
    }

    private static Process Start(ProcessStartInfo start, string program)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            string package = program == "ip" ? "iproute2" : program;
            throw CommandFailure.Host($"cannot start {program}: {e.Message}; apt-get install {package}");
        }
    }

    private static string FirstLine(string text, int exitCode)
    {
        string line = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault("").Trim();
        return line.Length > 0 ? line : $"exit code {exitCode}";
    }
}
