using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

[assembly: DisableRuntimeMarshalling]
[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.AssemblyDirectory)]

namespace LowLatency.Bench.Twin;

/// <summary>pipeline.h <c>struct rule</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CRule
{
    public ulong SourceHigh, SourceLow, SourceMaskHigh, SourceMaskLow;
    public ulong DestinationHigh, DestinationLow, DestinationMaskHigh, DestinationMaskLow;
    public uint Family, Protocol;
    public int Port;
    public ushort SourcePortLow, SourcePortSpan, DestinationPortLow, DestinationPortSpan;
    public uint NeedsPorts, IsDrop;

    public CRule(in PlanRule plan)
    {
        Family = plan.Family;
        Protocol = plan.Protocol;
        Port = plan.Port;
        IsDrop = plan.Action == RuleAction.Drop ? 1u : 0;
        (SourceHigh, SourceLow, SourceMaskHigh, SourceMaskLow) = Prefix(plan.Source, plan.SourceBits, plan.Family);
        (DestinationHigh, DestinationLow, DestinationMaskHigh, DestinationMaskLow) =
            Prefix(plan.Destination, plan.DestinationBits, plan.Family);
        SourcePortLow = plan.SourcePortLow;
        SourcePortSpan = (ushort)(plan.SourcePortHigh - plan.SourcePortLow);
        DestinationPortLow = plan.DestinationPortLow;
        DestinationPortSpan = (ushort)(plan.DestinationPortHigh - plan.DestinationPortLow);
        NeedsPorts = SourcePortSpan == 65535 && DestinationPortSpan == 65535 ? 0u : 1;
    }

    private static (ulong High, ulong Low, ulong MaskHigh, ulong MaskLow) Prefix(
        Address16 address, uint bits, uint family)
    {
        ReadOnlySpan<byte> bytes = address;
        UInt128 mask = family == 4
            ? (bits == 0 ? 0 : uint.MaxValue << (int)(32 - bits))
            : (bits == 0 ? 0 : UInt128.MaxValue << (int)(128 - bits));
        UInt128 value = family == 4
            ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt128BigEndian(bytes);
        return ((ulong)(value >> 64), (ulong)value, (ulong)(mask >> 64), (ulong)mask);
    }
}

/// <summary>The C twin over the same UMEM. Its memory is mapped, so it does not move.</summary>
internal sealed unsafe partial class CPipeline : IDisposable
{
    private readonly MappedMemory _memory = MappedMemory.Anonymous(64 * 1024, HugePages.Never);
    private readonly int _ruleCount;

    public CPipeline(MappedMemory umem, ReadOnlySpan<PlanRule> rules, RuleAction defaultAction, in PlanStage rewrite)
    {
        _ruleCount = rules.Length;
        NativeSpan<CRule> compiled = _memory.Slice<CRule>(4096, rules.Length);
        for (int i = 0; i < rules.Length; i++)
        {
            compiled[i] = new CRule(rules[i]);
        }

        Layout layout = new()
        {
            Umem = (byte*)Address(umem.Slice<byte>(0, (int)umem.LengthBytes)),
            UmemBytes = (ulong)umem.LengthBytes,
            Rules = (CRule*)Address(compiled),
            Counters = (RuleCounter*)Address(Counters),
            RuleCount = (ulong)rules.Length,
            DefaultDrops = defaultAction == RuleAction.Drop ? 1u : 0,
            PortA = 0,
            PortB = 1,
            RewritePort = rewrite.PortA,
            Destination = rewrite.DestinationMac,
            Source = rewrite.SourceMac,
        };
        _memory.At<Layout>(0).Value = layout;
    }

    /// <summary>Counters of its rules.</summary>
    public NativeSpan<RuleCounter> Counters => _memory.Slice<RuleCounter>(32 * 1024, _ruleCount);

    /// <summary>Runs a burst.</summary>
    public void Run(ReadOnlySpan<XdpDesc> descriptors, Span<int> verdicts, int ingress)
    {
        fixed (XdpDesc* d = descriptors)
        fixed (int* v = verdicts)
        fixed (Layout* layout = &_memory.At<Layout>(0).Value)
        {
            PipelineRun(layout, d, v, (uint)descriptors.Length, ingress);
        }
    }

    public void Dispose() => _memory.Dispose();

    // A leaf of less than a microsecond: without the transition, as close to a call inside C as it gets.
    [LibraryImport("liblowlat_twin", EntryPoint = "pipeline_run")]
    [SuppressGCTransition]
    private static partial void PipelineRun(
        Layout* pipeline, XdpDesc* descriptors, int* verdicts, uint count, int ingress);

    private static void* Address<T>(NativeSpan<T> span)
        where T : unmanaged => Unsafe.AsPointer(ref span[0]);

    /// <summary>pipeline.h <c>struct pipeline</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Layout
    {
        public byte* Umem;
        public ulong UmemBytes;
        public CRule* Rules;
        public RuleCounter* Counters;
        public ulong RuleCount;
        public uint DefaultDrops;
        public int PortA, PortB;
        public int RewritePort;
        public ulong Destination, Source;
    }
}
