using BenchmarkDotNet.Attributes;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Xdp;

namespace LowLatency.Bench.Micro;

/// <summary>The rings over ordinary memory: a burst of 64 descriptors through each pair of ends.</summary>
public class RingBench
{
    private const int Burst = 64;
    private readonly RingMemory _memory = new(1024, start: uint.MaxValue - 100); // crosses 2^32 early
    private readonly XdpDesc[] _descriptors = new XdpDesc[Burst];
    private readonly ulong[] _addresses = new ulong[Burst];
    private RxRing _rx;
    private TxRing _tx;
    private FillRing _fill;
    private CompletionRing _completion;

    public RingBench()
    {
        _rx = _memory.Rx;
        _tx = _memory.Tx;
        _fill = _memory.Fill;
        _completion = _memory.Completion;
    }

    [Benchmark(OperationsPerInvoke = Burst)]
    public int FillThenReceive()
    {
        Invariant.Require(_fill.Give(_addresses) == Burst);
        while (_memory.TryTakeFill(out ulong address))
        {
            _memory.TryReceive(address, 60);
        }

        int received = _rx.Receive(_descriptors);
        Invariant.Require(received == Burst);
        return received;
    }

    [Benchmark(OperationsPerInvoke = Burst)]
    public int SendThenComplete()
    {
        for (int i = 0; i < Burst; i++)
        {
            Invariant.Require(_tx.TryWrite((ulong)i * 2048, 60));
        }

        _tx.Publish();
        while (_memory.TryTakeTx(out XdpDesc descriptor))
        {
            _memory.TryComplete(descriptor.Address);
        }

        int completed = _completion.Reap(_addresses);
        Invariant.Require(completed == Burst);
        return completed;
    }
}
