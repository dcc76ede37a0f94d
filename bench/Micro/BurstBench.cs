using BenchmarkDotNet.Attributes;
using LowLatency.Dataplane.Stages;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Xdp;

namespace LowLatency.Bench.Micro;

/// <summary>Filter, cross-connect and MAC rewrite over 64 frames: fused into one loop, and stage by
/// stage.</summary>
public class BurstBench
{
    private const int Burst = 64;
    private readonly MappedMemory _memory = MappedMemory.Anonymous(Burst * 2048, HugePages.Never);
    private readonly MappedMemory _counters = MappedMemory.Anonymous(4096, HugePages.Never);
    private readonly XdpDesc[] _descriptors = new XdpDesc[Burst];
    private readonly Verdict[] _verdicts = new Verdict[Burst];
    private readonly UmemView _umem;
    private readonly IStage[] _fused;
    private readonly IStage[] _staged;

    public BurstBench()
    {
        PlanImage plan = MicroPlans.Forward(MicroPlans.Stages, MicroPlans.Rules);
        NativeSpan<RuleCounter> counters = _counters.Slice<RuleCounter>(0, MicroPlans.Rules.Length);
        _umem = Umem.OfMemory(_memory, Burst, 2048).View;
        _fused = PipelineBuilder.Build(plan, 0, counters);
        _staged = PipelineBuilder.Build(plan, 0, counters, fuse: false);
        Invariant.Require(_fused.Length == 1 && _staged.Length == 3);
        for (int i = 0; i < Burst; i++)
        {
            _descriptors[i] = new XdpDesc { Address = ((ulong)i * 2048) + 256, Length = 60 };
            MicroPlans.Udp().CopyTo(_umem.Frame(_descriptors[i].Address, 60));
        }
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = Burst)]
    public int Fused() => Run(_fused);

    [Benchmark(OperationsPerInvoke = Burst)]
    public int Staged() => Run(_staged);

    private int Run(IStage[] stages)
    {
        _verdicts.AsSpan().Fill(Verdict.None);
        Burst burst = new() { Descriptors = _descriptors, Verdicts = _verdicts, Umem = _umem, Ingress = 0 };
        foreach (IStage stage in stages)
        {
            stage.Run(burst);
        }

        Invariant.Require(_verdicts[^1].IsForward);
        return _verdicts[^1].Port;
    }
}
