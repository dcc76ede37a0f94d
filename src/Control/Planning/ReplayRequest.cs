using LowLatency.Control.Commands;
using LowLatency.Control.Configuring;
using LowLatency.Control.Recording;
using LowLatency.Native.Capture;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>A capture to be sent from its file.</summary>
internal sealed record ReplayRequest
{
    private const long GapThresholdNs = 20_000;

    private ReplayRequest(string path, ReplaySettings settings)
    {
        Path = path;
        Settings = settings;
    }

    /// <summary>The capture.</summary>
    public string Path { get; }

    /// <summary>How it is laid out, and when its packets are sent.</summary>
    public ReplaySettings Settings { get; }

    /// <summary>Name of the port in the configuration.</summary>
    public required string Port { get; init; }

    /// <summary>CPU of the lane; null: that of the load, or of the lane that has the port.</summary>
    public int? Cpu { get; init; }

    /// <summary>Looks at a capture's beginning.</summary>
    /// <param name="path">The file.</param>
    /// <param name="speed">How many times as fast as captured.</param>
    /// <param name="ratePps">Frames a second instead; 0: as captured.</param>
    /// <param name="port">See <see cref="Port"/>.</param>
    /// <exception cref="CommandFailure">It cannot be sent: exit code 1.</exception>
    public static ReplayRequest Of(string path, double speed, double ratePps, string port)
    {
        using CaptureReader reader = CaptureReader.Open(path);
        if (!reader.TryRead(out _))
        {
            throw CommandFailure.Input($"{path}: holds no packet{(reader.Torn is { } torn ? $": {torn}" : "")}");
        }

        if (reader.Interfaces.FirstOrDefault(one => one.LinkType != Pcapng.Ethernet) is { } other)
        {
            throw CommandFailure.Input($"{path}: has link type {other.LinkType}; only Ethernet (1) is sent");
        }

        return reader.IsBigEndian || reader.UnitsPerSecond is not long units
            ? throw CommandFailure.Input($"{path}: its numbers are big-endian, or its interfaces have clocks "
                + "of their own; renew it with 'lowlat record extract'")
            : new ReplayRequest(System.IO.Path.GetFullPath(path), new ReplaySettings(
                reader.IsPcapng ? CaptureForm.Pcapng : CaptureForm.Pcap, units, new FileInfo(path).Length,
                speed, ratePps)) { Port = port };
    }

    /// <summary>Its lane.</summary>
    /// <exception cref="CommandFailure">There is no such port, or no CPU is said: exit code 1.</exception>
    public LaneShape ShapeIn(Configuration configuration)
    {
        PortConfiguration port = configuration.FindPort(Port) ?? throw CommandFailure.Input(
            $"--port {Port}: {configuration.FileName} has no port of this name: it has "
            + string.Join(", ", configuration.Ports.Select(one => one.Name)));
        LaneConfiguration? lane = configuration.Lanes.FirstOrDefault(one => one.Ports.Contains(Port));
        int cpu = Cpu ?? lane?.Cpu ?? configuration.Load?.GeneratorCpu ?? throw CommandFailure.Input(
            $"--cpu: no lane of {configuration.FileName} has port {Port}, and there is no [load]: say which CPU");
        PortConfiguration[] ports = [port with { Claim = Claim.None }];
        return new LaneShape
        {
            Name = "replay",
            Kind = LaneKind.Replay,
            Seat = new ThreadSeat("replay", cpu, port.Section.Head),
            SharedThread = null,
            Thread = lane?.Thread ?? new ThreadPolicy(LanePolicy.Other, 0),
            YieldEveryNs = lane?.YieldEveryNs ?? 0,
            YieldForNs = lane?.YieldForNs ?? 0,
            Ports = ports,
            Frames = LaneShape.DefaultFrames(ports),
            ChunkBytes = lane?.Section.Int("chunk") ?? Native.Limits.ChunkBytesMin,
            Burst = Native.Limits.BurstMax,
            GapThresholdNs = GapThresholdNs,
            Section = port.Section,
            OwnStage = StageIn,
        };
    }

    private PlanStage StageIn(TableBuilder tables)
    {
        PlanStage stage = new()
        {
            Kind = StageKind.Replay,
            PortA = -1,
            PortB = -1,
            FirstTable = (uint)tables.Count,
            TableCount = 1,
        };
        Settings.Write(ref stage);
        byte[] path = new byte[ReplayHeader.PathBytes];
        FixedText.Write(path, Path);
        tables.Add("replay", TableKind.Entries, 1, ReplayHeader.SizeBytes, TextHash.Of64(path),
            (memory, table) => path.CopyTo(memory.Slice<byte>(table).Span));
        return stage;
    }
}
