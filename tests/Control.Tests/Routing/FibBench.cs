using LowLatency.Control.Routing;
using LowLatency.Native.Netlink;

namespace LowLatency.Control.Tests.Routing;

/// <summary>A mirror over private tables, and a reader as a lane is one.</summary>
internal sealed class FibBench : IDisposable
{
    public const uint Capacity = 256;
    private readonly RouteReader _reader;

    public FibBench(uint capacity = Capacity, uint nextHops = 32)
    {
        _reader = new RouteReader([], capacity, nextHops, groups: 8);
        Fib = new KernelFib(describe => new FibTables(_reader.Memory, 0) { Describe = describe });
    }

    public static Dictionary<int, FibInterface> Interfaces => new()
    {
        [2] = new FibInterface(0, 0x2222, 1500),
        [3] = new FibInterface(1, 0x3333, 1500),
        [9] = new FibInterface(-1, 0x9999, 1500),
    };

    public KernelFib Fib { get; }

    /// <summary>What a lane does with a packet to an address.</summary>
    public string At(IpPrefix address, uint hash = 0) => _reader.At(address, hash);

    public void Dispose() => _reader.Dispose();
}
