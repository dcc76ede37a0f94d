using System.Diagnostics;
using Xunit;

namespace LowLatency.Control.Tests.Recording;

/// <summary>Other people's readers of captures: tshark, capinfos, tcpdump.</summary>
internal static class Shark
{
    /// <summary>Time, interface, bytes of the frame and kept bytes of each packet, as tshark has
    /// them.</summary>
    public static List<string> Read(string path) => Lines("tshark", "-r", path, "-n", "-T", "fields",
        "-E", "separator=/s", "-e", "frame.time_epoch", "-e", "frame.interface_id", "-e", "frame.len",
        "-e", "frame.cap_len");

    /// <summary>Lines of a program's output; fails where it warns of anything.</summary>
    public static List<string> Lines(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        // Said of root, and of the file that is read: no warnings.
        IEnumerable<string> warnings = error.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !line.StartsWith("Running as user", StringComparison.Ordinal)
                && !line.StartsWith("reading from file", StringComparison.Ordinal));
        Assert.Empty(warnings);
        Assert.Equal(0, process.ExitCode);
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }
}
