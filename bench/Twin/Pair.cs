using System.Runtime.InteropServices;
using LowLatency.Dataplane.Stages;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Xdp;
using FilterConnectRewrite = LowLatency.Dataplane.Stages.Fused<
    LowLatency.Dataplane.Stages.Placed<LowLatency.Dataplane.Stages.Filter>,
    LowLatency.Dataplane.Stages.Fused<
        LowLatency.Dataplane.Stages.Placed<LowLatency.Dataplane.Stages.CrossConnect>,
        LowLatency.Dataplane.Stages.Placed<LowLatency.Dataplane.Stages.MacRewrite>>>;

namespace LowLatency.Bench.Twin;

/// <summary>The fused C# stage and its C twin over one UMEM of 512 frames: eight bursts, in L2 like live
/// traffic.</summary>
internal sealed class Pair : IDisposable
{
    public const int FrameCount = 512;
    public const int BurstFrames = 64;
    private const uint ChunkBytes = 2048;
    private readonly MappedMemory _memory = MappedMemory.Anonymous(FrameCount * ChunkBytes, HugePages.Never);
    private readonly MappedMemory _counterMemory = MappedMemory.Anonymous(4096, HugePages.Never);
    private readonly Umem _umem;
    private readonly XdpDesc[] _descriptors = new XdpDesc[FrameCount];
    private readonly Verdict[] _verdicts = new Verdict[BurstFrames];
    private readonly NativeSpan<RuleCounter> _counters;
    private readonly Stage<FilterConnectRewrite> _stage;
    private readonly CPipeline _c;

    public Pair(PlanRule[] rules, RuleAction defaultAction)
    {
        PlanStage rewrite = new() { PortA = 1, DestinationMac = 0x0605_0403_0202,
            SourceMac = 0x0102_0304_0502 };
        _umem = Umem.OfMemory(_memory, FrameCount, ChunkBytes);
        _counters = _counterMemory.Slice<RuleCounter>(0, rules.Length);
        MacRewrite mac = new(rewrite.PortA, rewrite.DestinationMac, rewrite.SourceMac);
        _stage = new Stage<FilterConnectRewrite>(new(
            new(new Filter(rules, defaultAction, _counters), 0),
            new(new(new CrossConnect(0, 1), 1), new(mac, 2))));
        _c = new CPipeline(_memory, rules, defaultAction, rewrite);
    }

    /// <summary>Puts a frame into a slot.</summary>
    public void Put(int slot, ReadOnlySpan<byte> bytes)
    {
        ulong address = ((ulong)slot * ChunkBytes) + 256;
        bytes.CopyTo(_umem.View.Frame(address, (uint)bytes.Length));
        _descriptors[slot] = new XdpDesc { Address = address, Length = (uint)bytes.Length };
    }

    /// <summary>A frame's bytes.</summary>
    public ReadOnlySpan<byte> Bytes(int slot) => _umem.View.Frame(_descriptors[slot].Address,
        _descriptors[slot].Length);

    /// <summary>One burst through the C# stage.</summary>
    public ReadOnlySpan<int> RunManaged(int burst, int ingress = 0)
    {
        _verdicts.AsSpan().Fill(Verdict.None);
        Burst frames = new(_descriptors.AsSpan(burst * BurstFrames, BurstFrames), _verdicts, BurstFrames)
        {
            Umem = _umem.View,
            Ingress = ingress,
        };
        _stage.Run(ref frames);
        return MemoryMarshal.Cast<Verdict, int>(_verdicts);
    }

    /// <summary>One burst through the C twin.</summary>
    public ReadOnlySpan<int> RunC(int burst, int ingress = 0)
    {
        _verdicts.AsSpan().Fill(Verdict.None);
        Span<int> verdicts = MemoryMarshal.Cast<Verdict, int>(_verdicts.AsSpan());
        _c.Run(_descriptors.AsSpan(burst * BurstFrames, BurstFrames), verdicts, ingress);
        return verdicts;
    }

    /// <summary>True when both have counted the same.</summary>
    public bool CountersAgree() => MemoryMarshal.AsBytes(_counters.Span).SequenceEqual(
        MemoryMarshal.AsBytes(_c.Counters.Span));

    public void Dispose()
    {
        _c.Dispose();
        _umem.Dispose();
        _memory.Dispose();
        _counterMemory.Dispose();
    }
}
