using LowLatency.Dataplane.Lanes;
using LowLatency.Dataplane.Boot;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;
using LowLatency.Native.Xdp;

namespace LowLatency.Bench.Micro;

/// <summary>A real forward lane over rings in memory; the bench plays the kernel.</summary>
internal sealed class InlineLane : IDisposable
{
    private readonly MappedMemory _memory;
    private readonly Umem _umem;
    private readonly SharedRegion _region;
    private readonly TableMemory _tables;
    private readonly RingMemory[] _rings;

    public InlineLane(PlanImage plan)
    {
        PlanLane entry = plan.Lane(0);
        _region = SharedRegion.CreatePrivate(plan);
        _tables = TableMemory.CreatePrivate(plan);
        _memory = MappedMemory.Anonymous((long)entry.Frames * entry.ChunkBytes, HugePages.Never);
        _umem = Umem.OfMemory(_memory, entry.Frames, entry.ChunkBytes);
        _rings = new RingMemory[entry.PortCount];
        LanePort[] ports = new LanePort[entry.PortCount];
        for (int i = 0; i < ports.Length; i++)
        {
            PlanPort port = plan.Port(entry.Ports[i]);
            _rings[i] = new RingMemory(port.RxSlots);
            LanePortSetup setup = new() { Plan = port, Wakeup = new KernelTx(_rings[i]), IsZeroCopy = false };
            ports[i] = new LanePort(setup, _rings[i].Rx, _rings[i].Tx, _rings[i].Fill, _rings[i].Completion);
        }

        FramePool pool = new(entry.Frames, entry.ChunkBytes);
        LaneCore core = new(_region, 0, _umem.View, pool, ports);
        foreach (LanePort port in ports)
        {
            port.Refill(pool);
        }

        Lane = LaneFactory.Make(_region, _tables, 0, core);
        core.Resume(ThreadControl.NowNs);
    }

    public ILane Lane { get; }

    /// <summary>The kernel receives one frame; its bytes are copied, as in copy mode.</summary>
    public void Receive(int port, ReadOnlySpan<byte> bytes)
    {
        Invariant.Require(_rings[port].TryTakeFill(out ulong chunk));
        ulong address = chunk + Limits.XdpHeadroomBytes;
        bytes.CopyTo(_umem.View.Frame(address, (uint)bytes.Length));
        Invariant.Require(_rings[port].TryReceive(address, (uint)bytes.Length));
    }

    public void Dispose()
    {
        foreach (RingMemory ring in _rings)
        {
            ring.Dispose();
        }

        _umem.Dispose();
        _memory.Dispose();
        _tables.Dispose();
        _region.Dispose();
    }

    private sealed class KernelTx(RingMemory rings) : IWakeup
    {
        public Errno Tx()
        {
            while (rings.TryTakeTx(out XdpDesc descriptor))
            {
                rings.TryComplete(descriptor.Address);
            }

            return Errno.Ok;
        }

        public Errno KickTx() => Errno.Ok;

        public Errno Rx() => Errno.Ok;
    }
}
