using System.Diagnostics;

namespace LowLatency.Appliance.Tests.Harness;

/// <summary>Programs of this machine, run to their end.</summary>
internal static class Shell
{
    /// <summary>Runs a program; its standard output. Throws with what it said when it fails.</summary>
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
        return process.ExitCode == 0 ? output : throw new InvalidOperationException(
            $"{program} {string.Join(' ', arguments)}: exit code {process.ExitCode}: "
                + $"{error.GetAwaiter().GetResult()}");
    }
}
