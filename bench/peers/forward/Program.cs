using System.Text.Json.Nodes;
using LowLatency.Bench.Forward;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Threads;

// Exit codes as everywhere: 0 measured, 1 wrong input, 2 host refused, 130 interrupted (host restored).
try
{
    Options? options = Options.Parse(args);
    if (options == null)
    {
        Console.WriteLine(Options.Help);
        return 0;
    }

    Interrupt.Install();
    CpuSet housekeeping = default;
    housekeeping.Add(0); // CPU 1 is the forwarder's alone
    ThreadControl.PinProcess(housekeeping);
    JsonObject result = Bench.Run(options);
    if (options.Json is { } path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        File.WriteAllText(path, result.ToString() + "\n");
    }

    return 0;
}
catch (FormatException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
catch (Exception e) when (e is BenchException or NativeException or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}
catch (OperationCanceledException)
{
    Console.Error.WriteLine("interrupted; the host is as before");
    return 130;
}
