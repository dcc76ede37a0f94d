using LowLatency.Control.Commands;

namespace LowLatency.Control;

/// <summary>Entry of <c>lowlat</c>.</summary>
internal static class Program
{
    private static int Main(string[] args) => CommandLine.Run(
        args,
        new CommandIo(Console.Out, Console.Error, !Console.IsOutputRedirected, !Console.IsErrorRedirected));
}
