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
    private const int Frames = 64;
    private readonly MappedMemory _memory = MappedMemory.Anonymous(Frames * 2048, HugePages.Never);
    private readonly TableMemory _tables;
    private readonly XdpDesc[] _descriptors = new XdpDesc[Frames];
    private readonly Verdict[] _verdicts = new Verdict[Frames];
    private readonly UmemView _umem;
    private readonly IStage[] _fused;
    private readonly IStage[] _staged;

    public BurstBench()
    {
        PlanImage plan = MicroPlans.Forward(MicroPlans.Stages, MicroPlans.Rules);
        _tables = TableMemory.CreatePrivate(plan);
        _umem = Umem.OfMemory(_memory, Frames, 2048).View;
        _fused = PipelineBuilder.Build(plan, 0, _tables).Stages;
        _staged = PipelineBuilder.Build(plan, 0, _tables, fuse: false).Stages;
        Invariant.Require(_fused.Length == 1 && _staged.Length == 3);
        for (int i = 0; i < Frames; i++)
        {
            _descriptors[i] = new XdpDesc { Address = ((ulong)i * 2048) + 256, Length = 60 };
            MicroPlans.Udp().CopyTo(_umem.Frame(_descriptors[i].Address, 60));
        }
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = Frames)]
    public int Fused() => Run(_fused);

    [Benchmark(OperationsPerInvoke = Frames)]
    public int Staged() => Run(_staged);

    private int Run(IStage[] stages)
    {
        _verdicts.AsSpan().Fill(Verdict.None);
        Burst burst = new(_descriptors, _verdicts, Frames) { Umem = _umem, Ingress = 0 };
        foreach (IStage stage in stages)
        {
            stage.Run(ref burst);
        }

        Invariant.Require(_verdicts[^1].IsForward);
        return _verdicts[^1].Port;
    }
}
