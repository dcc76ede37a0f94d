using System.Buffers.Binary;
using LowLatency.Dataplane.Boot;
using LowLatency.Dataplane.Packets;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using Xunit;

namespace LowLatency.Dataplane.Tests.Stages;

/// <summary>vlan and switch stages in a real lane of four ports.</summary>
public sealed class SwitchTests
{
    private const int Ports = 4;
    private const ulong Broadcast = 0xFFFF_FFFF_FFFF;

    [Fact]
    public void RandomFramesGoWhereANaiveBridgeSendsThem()
    {
        using SwitchBench bench = new(stations: 256);
        Dictionary<ulong, int> naive = [];
        Random random = new(3);
        for (int i = 0; i < 20_000; i++)
        {
            int ingress = random.Next(Ports);
            ulong source = Mac(random.Next(40));
            ulong destination = random.Next(10) == 0 ? Broadcast : Mac(random.Next(44));
            naive[source] = ingress;
            int[] wanted = destination != Broadcast && naive.TryGetValue(destination, out int port)
                ? port == ingress ? [] : [port]
                : [.. Enumerable.Range(0, Ports).Where(other => other != ingress)];
            Assert.Equal(wanted, bench.Send(ingress, Frame(destination, source)));
        }

        Assert.Equal(40UL, bench.Switch.Learned);
        Assert.Equal(0UL, bench.Counters.ReplicasMissed);
        ref LaneCounters counters = ref bench.Counters;
        ulong drops = 0;
        foreach (ulong count in counters.Drops)
        {
            drops += count;
        }

        Assert.Equal(counters.RxFrames + counters.Replicas, counters.TxFrames + drops);
    }

    [Fact]
    public void ATableThatIsTooSmallForgetsTheOldestAndNeverMisleads()
    {
        using SwitchBench bench = new(stations: 64);
        for (int i = 0; i < 1000; i++)
        {
            bench.Send(i % Ports, Frame(Broadcast, Mac(i)));
        }

        Assert.Equal(1000UL, bench.Switch.Learned);
        Assert.True(bench.Switch.Evicted > 900);
        for (int i = 0; i < 1000; i++)
        {
            int[] to = bench.Send((i + 1) % Ports, Frame(Mac(i), Mac(5000)));
            Assert.True(to.Length == Ports - 1 || to is [int port] && port == i % Ports);
        }
    }

    [Fact]
    public void AnAddressIsForgottenAfterItsTime()
    {
        using SwitchBench bench = new(stations: 64, ageSeconds: 1);
        bench.Send(1, Frame(Broadcast, Mac(1)));
        Assert.Equal([1], bench.Send(0, Frame(Mac(1), Mac(2))));
        bench.MakeOlder(seconds: 2);
        Assert.Equal([1, 2, 3], bench.Send(0, Frame(Mac(1), Mac(2))));
    }

    [Fact]
    public void AStaticStationStaysAndNobodyElseMayHaveItsAddress()
    {
        using SwitchBench bench = new(stations: 64);
        bench.PutStatic(Mac(1), 2);
        Assert.Equal([2], bench.Send(0, Frame(Mac(1), Mac(9))));
        Assert.Empty(bench.Send(3, Frame(Mac(9), Mac(1))));
        Assert.Equal(1UL, bench.Counters.Drops[(int)DropReason.SwitchBadSource]);
        Assert.Equal([0], bench.Send(2, Frame(Mac(9), Mac(1))));
    }

    [Fact]
    public void APauseFrameTeachesNothingAndOtherLinkFramesDo()
    {
        using SwitchBench bench = new(stations: 64);
        bench.Send(1, Frame(Mac(9), Mac(1)));
        Assert.Empty(bench.Send(2, Frame(0x0100_00C2_8001, Mac(1)))); // 01-80-C2-00-00-01
        Assert.Equal([1], bench.Send(0, Frame(Mac(1), Mac(2))));
        Assert.Empty(bench.Send(2, Frame(0x0E00_00C2_8001, Mac(1)))); // LLDP
        Assert.Equal([2], bench.Send(0, Frame(Mac(1), Mac(2))));
    }

    [Theory]
    [InlineData(0x0000_0000_0001_0203, 0x0100_0000_0003, DropReason.SwitchBadSource)] // source is a group
    [InlineData(0x0000_0000_0001_0202, 0x0000_0000_0000, DropReason.SwitchBadSource)]
    [InlineData(0x0E00_00C2_8001, 0x0100_0000_0002, DropReason.SwitchNoMember)]       // LLDP
    public void WhatNoBridgeForwardsEndsByName(ulong destination, ulong source, DropReason reason)
    {
        using SwitchBench bench = new(stations: 64);
        Assert.Empty(bench.Send(0, Frame(destination, source)));
        Assert.Equal(1UL, bench.Counters.Drops[(int)reason]);
    }

    [Fact]
    public void FloodsOverTheLimitEndAsAStorm()
    {
        using SwitchBench bench = new(stations: 64, floods: 50);
        for (int i = 0; i < 200; i++)
        {
            bench.Send(0, Frame(Broadcast, Mac(1)));
        }

        Assert.InRange(bench.Counters.Drops[(int)DropReason.SwitchStorm], 100UL, 151UL);
        Assert.Equal(3, bench.Send(1, Frame(Broadcast, Mac(2))).Length); // another port has its own
    }

    [Fact]
    public void WithoutFreeFramesCopiesAreMissedAndCounted()
    {
        using SwitchBench bench = new(stations: 64, frames: (Ports * 64)
            + 8, isTagged: true); // all but 8 frames are posted
        for (int i = 0; i < 64; i++)
        {
            Assert.True(bench.Lane.Receive(0, Frame(Broadcast, Mac(1))));
        }

        bench.Lane.Turn();
        ref LaneCounters counters = ref bench.Counters;
        Assert.Equal(64UL * 2, counters.Replicas + counters.ReplicasMissed);
        Assert.True(counters.ReplicasMissed > 0);
    }

    [Theory]
    // untagged into access 10: the trunk tags it, tunnel and access see it
    [InlineData(0, 0, "1:0 2:10 3:20")]   
    [InlineData(2, 10, "0:0 1:0 3:20")]    // tagged 10 on the trunk
    [InlineData(2, 20, "vlan-not-allowed")]
    [InlineData(2, 0, "vlan-not-allowed")] // the trunk has no native VLAN
    [InlineData(0, 10, "vlan-not-allowed")]
    [InlineData(3, 20, "0:0 1:0 2:10")]    // the id on that wire stands for VLAN 10
    public void TagsAreAsEachPortWantsThem(int ingress, int tag, string wanted)
    {
        using SwitchBench bench = new(stations: 64, isTagged: true);
        byte[] frame = Frame(Broadcast, Mac(1), tag);
        int[] ports = bench.Send(ingress, frame);
        string got = string.Join(' ', ports.Select(port => $"{port}:{bench.Tag(port)}"));
        if (ports.Length == 0)
        {
            Assert.Equal(1UL, bench.Counters.Drops[(int)DropReason.VlanNotAllowed]);
            got = "vlan-not-allowed";
        }

        Assert.Equal(wanted, got);
        Assert.All(ports, port => Assert.Equal(frame.AsSpan(tag == 0 ? 14 : 18).ToArray(),
            bench.Last(port).AsSpan(bench.Tag(port) == 0 ? 14 : 18).ToArray()));
    }

    [Fact]
    public void AFrameCutAtAnyByteEndsAsMalformedOrIsForwardedWhole()
    {
        using SwitchBench bench = new(stations: 64, isTagged: true);
        byte[] frame = Frame(Broadcast, Mac(1), 10);
        for (int bytes = 0; bytes < frame.Length; bytes++)
        {
            int[] ports = bench.Send(2, frame[..bytes]);
            Assert.True(bytes < 18 ? ports.Length == 0 : ports.Length == 3, $"{bytes} bytes");
        }
    }

    private static ulong Mac(int station) => 0x02 | ((ulong)(uint)station << 16);

    private static byte[] Frame(ulong destination, ulong source, int tag = 0)
    {
        byte[] frame = TestPlans.Udp(bytes: 64);
        Ethernet.WriteMacs(frame, destination, source);
        if (tag == 0)
        {
            return frame;
        }

        byte[] tagged = new byte[frame.Length + 4];
        frame.AsSpan(0, 12).CopyTo(tagged);
        BinaryPrimitives.WriteUInt16BigEndian(tagged.AsSpan(12), 0x8100);
        BinaryPrimitives.WriteUInt16BigEndian(tagged.AsSpan(14), (ushort)(tag | 0xA000));
        frame.AsSpan(12).CopyTo(tagged.AsSpan(16));
        return tagged;
    }

    private sealed class SwitchBench : IDisposable
    {
        private readonly int _switchTable;

        public SwitchBench(uint stations, long ageSeconds = 300, long floods = 0, uint frames = 1024,
            bool isTagged = false)
        {
            PlanStage stage = TestPlans.Stage(StageKind.Switch);
            stage.TableCount = 1;
            List<PlanTable> tables = [];
            List<PlanStage> stages = [];
            if (isTagged)
            {
                tables.Add(new PlanTable
                {
                    Kind = TableKind.Vlans, Bytes = Limits.PortsPerLaneMax * (long)VlanPort.SizeBytes,
                });
                stages.Add(TestPlans.Stage(StageKind.Vlan) with { TableCount = 1 });
            }

            _switchTable = tables.Count;
            stage.FirstTable = (uint)_switchTable;
            new SwitchSettings(ageSeconds, floods, isTagged ? 0 : -1).Write(ref stage);
            tables.Add(new PlanTable
            {
                Kind = TableKind.Macs, Capacity = stations,
                Bytes = SwitchCounters.SizeBytes + (stations * (long)MacEntry.SizeBytes),
            });
            stages.Add(stage);
            if (isTagged)
            {
                PlanStage leave = TestPlans.Stage(StageKind.Vlan) with { TableCount = 1 };
                new VlanSettings(IsOut: true).Write(ref leave);
                stages.Add(leave);
            }

            PlanImage plan = TestPlans.Forward([.. stages], frames: frames, portCount: Ports,
                tables: [.. tables]);
            PlanRecheck.Check(plan);
            Lane = new LaneBench(plan);
            if (isTagged)
            {
                FillVlans(Lane.Tables.Slice<VlanPort>(0));
            }
        }

        public LaneBench Lane { get; }

        public ref LaneCounters Counters => ref Lane.Counters;

        public ref SwitchCounters Switch => ref Lane.Tables.Slice<SwitchCounters>(_switchTable)[0];

        private NativeSpan<MacEntry> Entries
        {
            get
            {
                NativeSpan<byte> bytes = Lane.Tables.Slice<byte>(_switchTable);
                return bytes.Slice(SwitchCounters.SizeBytes, bytes.Length - SwitchCounters.SizeBytes)
                    .Cast<MacEntry>();
            }
        }

        /// <summary>Ports that the frame left by.</summary>
        public int[] Send(int ingress, byte[] frame)
        {
            for (int port = 0; port < Ports; port++)
            {
                Lane.Port(port).Sent.Clear();
            }

            Assert.True(Lane.Receive(ingress, frame));
            Lane.Turn();
            return [.. Enumerable.Range(0, Ports).Where(port => Lane.Port(port).Sent.Count > 0)];
        }

        public byte[] Last(int port) => Lane.Port(port).Sent[^1];

        public int Tag(int port) => BinaryPrimitives.ReadUInt16BigEndian(Last(port).AsSpan(12)) == 0x8100
            ? BinaryPrimitives.ReadUInt16BigEndian(Last(port).AsSpan(14)) & 0xFFF : 0;

        public void PutStatic(ulong mac, int port)
        {
            ulong key = MacEntry.KeyOf(mac, 0);
            int at = MacEntry.BucketOf(key, Entries.Length / MacEntry.BucketEntries) * MacEntry.BucketEntries;
            Entries[at] = new MacEntry { Key = key, Value = (uint)port | MacEntry.StaticBit };
        }

        public void MakeOlder(uint seconds)
        {
            foreach (ref MacEntry entry in Entries.Span)
            {
                entry.Value -= (ulong)seconds << 32;
            }
        }

        public void Dispose() => Lane.Dispose();

        // 0 and 1: access 10; 2: trunk with 10 and 30; 3: trunk where 20 on the wire is VLAN 10.
        private static void FillVlans(NativeSpan<VlanPort> ports)
        {
            for (int port = 0; port < Ports; port++)
            {
                ref VlanPort entry = ref ports[port];
                ((Span<ushort>)entry.In).Fill(VlanMap.None);
                ((Span<ushort>)entry.Out).Fill(VlanMap.None);
                entry.TagType = 0x8100;
                entry.Mode = port < 2 ? VlanMode.Access : VlanMode.Trunk;
                entry.Untagged = port < 2 ? (ushort)10 : VlanMap.None;
                int wire = port == 3 ? 20 : 10;
                entry.Out[10] = (ushort)wire;
                if (port >= 2)
                {
                    entry.In[wire] = 10;
                }
            }

            ports[2].In[30] = ports[2].Out[30] = 30;
        }
    }
}
