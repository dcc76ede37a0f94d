using BenchmarkDotNet.Attributes;
using LowLatency.Dataplane.Lanes;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Bench.Micro;

/// <summary>A lane's small parts: one histogram record, a burst taken from and given back to the frame
/// pool.</summary>
public class PartsBench
{
    private const int Burst = 64;
    private readonly MappedMemory _memory = MappedMemory.Anonymous(HdrGeometry.Length * 8, HugePages.Never);
    private readonly FramePool _pool = new(4096, 2048);
    private readonly ulong[] _addresses = new ulong[Burst];
    private readonly Bank _bank;
    private long _valueNs = 1;

    public PartsBench() => _bank = new Bank(_memory.Slice<ulong>(0, HdrGeometry.Length));

    [Benchmark]
    public void HistogramRecord()
    {
        _valueNs = ((_valueNs * 1_103_515_245) + 12_345) & 0xF_FFFF; // up to a millisecond, every bucket's turn
        _bank.Add(_valueNs, 1);
    }

    [Benchmark(OperationsPerInvoke = Burst)]
    public int FramePoolTakeAndGive()
    {
        for (int i = 0; i < Burst; i++)
        {
            Invariant.Require(_pool.TryTake(out _addresses[i]));
        }

        _pool.Give(_addresses);
        return _pool.Count;
    }
}
