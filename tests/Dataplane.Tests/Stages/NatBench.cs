using System.Buffers.Binary;
using LowLatency.Dataplane.Boot;
using LowLatency.Dataplane.Packets;
using LowLatency.Dataplane.Stages;
using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Xdp;
using Xunit;

namespace LowLatency.Dataplane.Tests.Stages;

/// <summary>One packet, written whole with checksums of its own: what a translation must give.</summary>
internal sealed record NatFrame(byte Protocol, uint Source, int SourcePort, uint Destination,
    int DestinationPort)
{
    public byte Flags { get; init; } = 16;

    /// <summary>Of ICMP: its type; ports are ids.</summary>
    public byte Type { get; init; } = 8;

    public int Payload { get; init; } = 9;

    public int Seed { get; init; }

    public int Fragment { get; init; }

    public bool HasNoChecksum { get; init; }

    /// <summary>Of an ICMP error: what it quotes, and how many bytes of it.</summary>
    public (NatFrame Frame, int Bytes)? Quoted { get; init; }

    public NatFrame Reply => this with
    {
        Source = Destination,
        SourcePort = DestinationPort,
        Destination = Source,
        DestinationPort = SourcePort,
        Type = 0,
    };

    public byte[] Bytes()
    {
        byte[] transport = Transport();
        byte[] frame = new byte[34 + transport.Length];
        new Random(1).NextBytes(frame.AsSpan(0, 12));
        Span<byte> ip = frame.AsSpan(14);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x0800);
        (ip[0], ip[8], ip[9]) = (0x45, 64, Protocol);
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)Seed);
        BinaryPrimitives.WriteUInt16BigEndian(ip[6..], (ushort)Fragment);
        BinaryPrimitives.WriteUInt32BigEndian(ip[12..], Source);
        BinaryPrimitives.WriteUInt32BigEndian(ip[16..], Destination);
        BinaryPrimitives.WriteUInt16LittleEndian(ip[10..], (ushort)~InternetChecksum.Fold(
            InternetChecksum.Add(0, ip[..20])));
        transport.CopyTo(ip[20..]);
        return frame;
    }

    private byte[] Transport()
    {
        if ((Fragment & 0x1FFF) != 0)
        {
            byte[] rest = new byte[8 + Payload];
            new Random(Seed).NextBytes(rest);
            return rest;
        }

        int header = Protocol == 6 ? 20 : 8;
        byte[] quoted = Quoted is { } quote ? quote.Frame.Bytes()[14..(14 + quote.Bytes)] : new byte[Payload];
        byte[] bytes = new byte[header + quoted.Length];
        new Random(Seed).NextBytes(bytes);
        if (Quoted != null)
        {
            quoted.CopyTo(bytes.AsSpan(header));
        }

        if (Protocol == 1)
        {
            (bytes[0], bytes[1]) = (Type, 0);
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(4), (ushort)(SourcePort | DestinationPort));
            Checksum(bytes, 2, 0);
            return bytes;
        }

        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), (ushort)DestinationPort);
        byte[] pseudo = new byte[12];
        BinaryPrimitives.WriteUInt32BigEndian(pseudo, Source);
        BinaryPrimitives.WriteUInt32BigEndian(pseudo.AsSpan(4), Destination);
        pseudo[9] = Protocol;
        BinaryPrimitives.WriteUInt16BigEndian(pseudo.AsSpan(10), (ushort)bytes.Length);
        if (Protocol == 6)
        {
            (bytes[12], bytes[13]) = (0x50, Flags);
            Checksum(bytes, 16, InternetChecksum.Add(0, pseudo));
        }
        else if (Protocol == 17)
        {
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(4), (ushort)bytes.Length);
            Checksum(bytes, 6, InternetChecksum.Add(0, pseudo));
            if (bytes[6] == 0 && bytes[7] == 0)
            {
                (bytes[6], bytes[7]) = (0xFF, 0xFF);
            }

            if (HasNoChecksum)
            {
                (bytes[6], bytes[7]) = (0, 0);
            }
        }

        return bytes;
    }

    private static void Checksum(byte[] bytes, int at, ulong sum)
    {
        (bytes[at], bytes[at + 1]) = (0, 0);
        BinaryPrimitives.WriteUInt16LittleEndian(
            bytes.AsSpan(at), (ushort)~InternetChecksum.Fold(InternetChecksum.Add(sum, bytes)));
    }
}

/// <summary>The nat stage alone, port 0 inside and port 1 outside, with times of the test's own.</summary>
internal sealed class NatBench : IDisposable
{
    public const uint Outside = 0xC6336401; // 198.51.100.1
    public const uint Host = 0x0A000005;    // 10.0.0.5
    public const uint Remote = 0xCB007107;  // 203.0.113.7
    public const long Second = 1_000_000_000;
    private readonly MappedMemory _memory = MappedMemory.Anonymous(2048, HugePages.Never);
    private readonly Umem _umem;
    private readonly IStage _stage;
    private readonly XdpDesc[] _descriptors = new XdpDesc[1];
    private readonly Verdict[] _verdicts = new Verdict[1];

    public NatBench(int flows = 1024, long low = 1024, long high = 65_535, NatEntry[]? entries = null)
    {
        Settings = new NatSettings(1, 2, low, high, 100 * Second, 1000 * Second, 50 * Second, 20 * Second);
        entries ??= [new NatEntry { Kind = NatEntryKind.Source, Outside = Outside }];
        PlanStage stage = TestPlans.Stage(StageKind.Nat) with { TableCount = 2 };
        Settings.Write(ref stage);
        PlanImage plan = TestPlans.Forward([stage], tables:
        [
            new PlanTable { Kind = TableKind.Flows, Bytes = NatHeader.BytesFor(flows) },
            new PlanTable { Kind = TableKind.Entries, Bytes = entries.Length * (long)NatEntry.SizeBytes },
        ]);
        PlanRecheck.Check(plan);
        Tables = TableMemory.CreatePrivate(plan);
        entries.CopyTo(Tables.Slice<NatEntry>(1).Span);
        _umem = Umem.OfMemory(_memory, 1, 2048);
        _stage = PipelineBuilder.Build(plan, 0, Tables).Stages[0];
    }

    public TableMemory Tables { get; }

    public NatSettings Settings { get; }

    public long NowNs { get; set; } = 1000 * Second;

    public NatHeader Header => Tables.Slice<NatHeader>(0)[0];

    public Verdict Verdict => _verdicts[0];

    public Span<NatFlow> Flows
    {
        get
        {
            NativeSpan<byte> bytes = Tables.Slice<byte>(0);
            return bytes.Slice(NatHeader.SizeBytes, (int)NatHeader.FlowsOf(bytes.Length) * NatFlow.SizeBytes)
                .Cast<NatFlow>().Span;
        }
    }

    /// <summary>The frame after the stage, if it lives; null with <see cref="Verdict"/> if not.</summary>
    public byte[]? Send(int ingress, byte[] frame, Verdict? before = null)
    {
        Span<byte> bytes = Run(ingress, frame, before);
        return _verdicts[0].IsEnded ? null : bytes.ToArray();
    }

    /// <summary>The same without making anything.</summary>
    public Span<byte> Run(int ingress, byte[] frame, Verdict? before = null)
    {
        _descriptors[0] = new XdpDesc { Address = 256, Length = (uint)frame.Length };
        Span<byte> bytes = _umem.View.Frame(256, (uint)frame.Length);
        frame.CopyTo(bytes);
        _verdicts[0] = before ?? Verdict.None;
        Burst burst = new(_descriptors, _verdicts, 1) { Umem = _umem.View, Ingress = ingress, NowNs = NowNs };
        _stage.Run(ref burst);
        return bytes;
    }

    public byte[]? Send(int ingress, NatFrame frame) => Send(ingress, frame.Bytes());

    public void Translates(int ingress, NatFrame frame, NatFrame wanted) =>
        Assert.Equal(wanted.Bytes(), Send(ingress, frame));

    public void Ends(int ingress, NatFrame frame, DropReason reason)
    {
        Assert.Null(Send(ingress, frame));
        Assert.Equal(reason, Verdict.Reason);
    }

    /// <summary>The outside port of a frame from inside that must live and be whole.</summary>
    public int PortOf(NatFrame frame)
    {
        byte[]? sent = Send(0, frame);
        Assert.NotNull(sent);
        int port = BinaryPrimitives.ReadUInt16BigEndian(sent.AsSpan(frame.Protocol == 1 ? 38 : 34));
        uint source = BinaryPrimitives.ReadUInt32BigEndian(sent.AsSpan(26));
        Assert.Equal((frame with { Source = source, SourcePort = port }).Bytes(), sent);
        return port;
    }

    public void Dispose()
    {
        _umem.Dispose();
        _memory.Dispose();
        Tables.Dispose();
    }
}
