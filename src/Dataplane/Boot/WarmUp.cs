using System.Buffers.Binary;
using LowLatency.Dataplane.Lanes;
using LowLatency.Dataplane.Load;
using LowLatency.Dataplane.Stages;
using LowLatency.Dataplane.Storage;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Boot;

/// <summary>Runs a twin of a lane over rings without a kernel, so that the first real frame finds code,
/// constants and page tables warm. The twin's region lies in memory of its own; nothing of it reaches the
/// real lane.</summary>
internal static class WarmUp
{
    // Every branch a thousand times: enough for the predictors, 1 ms in all.
    private const int Turns = 2_000;
    private const uint Slots = 256;
    private const uint FramesPerPort = 512;

    /// <summary>Warms up one lane of a plan.</summary>
    public static void Run(PlanImage plan, int lane)
    {
        PlanLane entry = plan.Lane(lane);
        uint frames = FramesPerPort * Math.Max(entry.PortCount, 1); // a meter has no port
        using SharedRegion region = SharedRegion.CreatePrivate(plan);
        using TableMemory tables = TableMemory.CreatePrivate(plan);
        using MappedMemory memory = MappedMemory.Anonymous((long)frames * entry.ChunkBytes, HugePages.Never);
        using Umem umem = Umem.OfMemory(memory, frames, entry.ChunkBytes);
        RingMemory[] rings = new RingMemory[entry.PortCount];
        try
        {
            LanePort[] ports = new LanePort[entry.PortCount];
            for (int i = 0; i < ports.Length; i++)
            {
                rings[i] = new RingMemory(Slots);
                PlanPort port = plan.Port(entry.Ports[i]);
                port.FillLevel = Slots / 2;
                LanePortSetup setup = new() { Plan = port, Wakeup = new Taker(rings[i]), IsZeroCopy = false };
                ports[i] = new LanePort(setup, rings[i].Rx, rings[i].Tx, rings[i].Fill, rings[i].Completion);
            }

            LaneCore core = new(region, lane, umem.View, new FramePool(frames, entry.ChunkBytes), ports);
            ILane twin = LaneFactory.Make(region, tables, lane, core);
            core.Resume(ThreadControl.NowNs);
            region.Header.StartAtNs = ThreadControl.NowNs;
            Turn(Sample(plan, entry.Kind), twin, umem.View, rings);
        }
        finally
        {
            foreach (RingMemory? ring in rings)
            {
                ring?.Dispose();
            }
        }
    }

    private static void Turn(byte[] sample, ILane twin, UmemView umem, RingMemory[] rings)
    {
        for (int turn = 0; turn < Turns; turn++)
        {
            foreach (RingMemory ring in rings)
            {
                for (int i = 0; i < (turn % 4) && ring.TryTakeFill(out ulong address); i++)
                {
                    ulong frameAt = address + Limits.XdpHeadroomBytes;
                    sample.CopyTo(umem.Frame(frameAt, (uint)sample.Length));
                    ring.TryReceive(frameAt, (uint)sample.Length);
                }
            }

            twin.Turn();
        }
    }

    // A load frame only where the load was checked: the plan of forward lanes alone may hold anything there.
    private static byte[] Sample(PlanImage plan, LaneKind kind)
    {
        if (kind is LaneKind.Generator or LaneKind.Receiver)
        {
            LoadFrames frames = new(plan.Header.Load);
            byte[] load = new byte[plan.Header.Load.Sizes[0].FrameBytes];
            frames.Write(load, new FrameStamp { IntendedNs = ThreadControl.NowNs });
            return load;
        }

        byte[] udp = new byte[Limits.FrameBytesMin];
        BinaryPrimitives.WriteUInt16BigEndian(udp.AsSpan(12), 0x0800);
        udp[14] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(udp.AsSpan(16), 46);
        udp[23] = 17;
        return udp;
    }

    /// <summary>The kernel's send side: takes everything and completes it.</summary>
    private sealed class Taker(RingMemory rings) : IWakeup
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

/// <summary>Makes the lane that a plan names, over a core that is ready.</summary>
internal static class LaneFactory
{
    /// <summary>A forward, generator, receiver, meter or storage lane.</summary>
    public static ILane Make(SharedRegion region, TableMemory tables, int lane, LaneCore core)
    {
        ref readonly PlanLane plan = ref region.Plan.Lane(lane);
        int burst = (int)plan.Burst;
        switch (plan.Kind)
        {
            case LaneKind.Generator:
                return new GeneratorLane(core, region, tables, plan);
            case LaneKind.Receiver:
                return new ReceiverLane(core, region, burst);
            case LaneKind.Meter:
                return new MeterLane(core, isShaped: false);
            case LaneKind.ShapedMeter:
                return new MeterLane(core, isShaped: true);
            case LaneKind.Replay:
                return new ReplayLane(core, region, TableMemory.Map(tables.Fd, tables.Plan), lane);
            case LaneKind.Storage:
                return new StorageLane(core, TableMemory.Map(tables.Fd, tables.Plan), lane);
            default:
                Pipeline pipeline = PipelineBuilder.Build(tables.Plan, lane, tables);
                return new ForwardLane(core, pipeline, region.StageCounters(lane),
                    new Tracer(region.Trace(lane)), new StageTimer(region.StageTimesOf(lane)), burst);
        }
    }
}
