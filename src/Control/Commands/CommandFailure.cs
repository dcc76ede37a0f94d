namespace LowLatency.Control.Commands;

/// <summary>What the process answers to the shell.</summary>
internal static class ExitCode
{
    /// <summary>Yes, done.</summary>
    public const int Ok = 0;

    /// <summary>What the user gave is wrong.</summary>
    public const int Input = 1;

    /// <summary>The host or the kernel refused.</summary>
    public const int Host = 2;

    /// <summary>A gate said no: an objective was missed, frames vanished, the lab is not up.</summary>
    public const int Gate = 3;

    /// <summary>Interrupted (128 + SIGINT); the host is as it was.</summary>
    public const int Interrupted = 130;
}

/// <summary>A command cannot go on. Its message is what the user reads: one line, or one a fault.</summary>
/// <param name="exitCode">One of <see cref="ExitCode"/>.</param>
/// <param name="message">What, and what to do about it.</param>
internal sealed class CommandFailure(int exitCode, string message) : Exception(message)
{
    /// <summary>One of <see cref="Commands.ExitCode"/>.</summary>
    public int ExitCode { get; } = exitCode;

    /// <summary>The user's input is wrong.</summary>
    public static CommandFailure Input(string message) => new(Commands.ExitCode.Input, message);

    /// <summary>The host or the kernel refused.</summary>
    public static CommandFailure Host(string message) => new(Commands.ExitCode.Host, message);
}

/// <summary>Where a command writes: results to one, everything else to the other.</summary>
/// <param name="Out">Standard output.</param>
/// <param name="Error">Standard error: progress, warnings, errors.</param>
/// <param name="IsOutTerminal">Results go to eyes.</param>
/// <param name="IsErrorTerminal">Progress goes to eyes.</param>
internal sealed record CommandIo(TextWriter Out, TextWriter Error, bool IsOutTerminal, bool IsErrorTerminal)
{
    /// <summary>Writes what is for eyes when progress is wanted.</summary>
    public void Say(string line) => Error.WriteLine("lowlat: " + line);
}
