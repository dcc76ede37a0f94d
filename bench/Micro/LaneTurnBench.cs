using BenchmarkDotNet.Attributes;
using LowLatency.Native;

namespace LowLatency.Bench.Micro;

/// <summary>One turn of a forward lane, the kernel's part (copies, ring ends) included: an empty one, and
/// one with a full burst, per frame.</summary>
public class LaneTurnBench
{
    private const int Burst = 64;
    private readonly InlineLane _lane = new(MicroPlans.Forward(MicroPlans.Stages, MicroPlans.Rules));
    private readonly byte[] _frame = MicroPlans.Udp();

    [Benchmark]
    public long EmptyTurn() => _lane.Lane.Turn();

    [Benchmark(OperationsPerInvoke = Burst)]
    public ulong FullTurn()
    {
        for (int i = 0; i < Burst; i++)
        {
            _lane.Receive(0, _frame);
        }

        ulong before = _lane.Lane.Core.Counters.TxFrames;
        _lane.Lane.Turn();
        ulong sent = _lane.Lane.Core.Counters.TxFrames - before;
        Invariant.Require(sent == Burst);
        return sent;
    }
}
