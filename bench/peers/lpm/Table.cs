using System.Diagnostics;
using System.Globalization;
using LowLatency.Native.Memory;
using LowLatency.Native.Tables;
using Microsoft.Win32.SafeHandles;

namespace LowLatency.Bench.Lpm;

/// <summary>One of our tables in memory as the product has it: a file in memory, 4 KiB pages.</summary>
internal sealed class Table : IDisposable
{
    private readonly MappedMemory _memory;
    private readonly RangeTrieWriter _writer;

    public Table(string title, long bytes, bool is6, BenchRoute[] routes)
    {
        int fd = TableMemory.MakeFile("bench");
        using (FileStream file = new(new SafeFileHandle(fd, ownsHandle: true), FileAccess.ReadWrite))
        {
            file.SetLength(bytes);
            _memory = MappedMemory.OfFile(fd, bytes, isWritable: true);
        }

        Memory = _memory.Slice<byte>(0, (int)bytes);
        uint capacity = (uint)routes.Length;
        _writer = is6 ? Lpm6.WriterOf(Memory, capacity) : Lpm4.WriterOf(Memory, capacity);
        long start = Stopwatch.GetTimestamp();
        foreach (BenchRoute route in routes)
        {
            Set(title, route);
        }

        double loadS = Stopwatch.GetElapsedTime(start).TotalSeconds;
        _writer.Release(_writer.Seal());
        double updatesPerS = Churn(title, routes);
        long used = _writer.BytesInUse;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{title}: {routes.Length} routes, {used / 1024.0 / 1024:F1} MiB used, "
            + $"{bytes / 1024.0 / 1024:F1} MiB set aside; loaded in {loadS:F1} s, "
            + $"then {updatesPerS / 1000:F0} k changes a second"));
    }

    /// <summary>What readers see.</summary>
    public NativeSpan<byte> Memory { get; }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    // Takes routes out and puts them back; the grace period is over every thousand.
    private double Churn(string title, BenchRoute[] routes)
    {
        Random random = new(9);
        const int Changes = 20_000;
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < Changes; i += 2)
        {
            BenchRoute route = routes[random.Next(routes.Length)];
            if (!_writer.Remove(route.Key, route.Length))
            {
                throw new InvalidOperationException($"{title}: no room to remove a route");
            }

            Set(title, route);
            if (i % 1000 == 0)
            {
                _writer.Release(_writer.Seal());
            }
        }

        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        _writer.Release(_writer.Seal());
        return Changes / seconds;
    }

    private void Set(string title, BenchRoute route)
    {
        if (!_writer.Set(route.Key, route.Length, route.Value))
        {
            _writer.Release(_writer.Seal()); // no reader yet
            if (!_writer.Set(route.Key, route.Length, route.Value))
            {
                throw new InvalidOperationException($"{title}: no room for a route of {route.Length} bits");
            }
        }
    }
}
