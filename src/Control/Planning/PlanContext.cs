using System.Numerics;
using LowLatency.Control.Configuration;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>Memory of a lane as wanted.</summary>
/// <param name="Frames">Chunks; 0: what the rings need.</param>
/// <param name="ChunkBytes">Bytes of a chunk.</param>
/// <param name="HeadroomBytes">Extra headroom, bytes.</param>
/// <param name="HugePages">Huge pages.</param>
internal readonly record struct LaneMemory(uint Frames, uint ChunkBytes, uint HeadroomBytes, HugePages HugePages);

/// <summary>One planning: configuration, facts, and what has been found so far. One thread.</summary>
internal sealed class PlanContext(Configuration.Configuration configuration, HostFacts facts)
{
    /// <summary>What the user wrote.</summary>
    public Configuration.Configuration Configuration { get; } = configuration;

    /// <summary>What the host is.</summary>
    public HostFacts Facts { get; } = facts;

    /// <summary>Errors.</summary>
    public List<ConfigurationError> Errors { get; } = [];

    /// <summary>Warnings.</summary>
    public List<ConfigurationError> Warnings { get; } = [];

    /// <summary>Notes.</summary>
    public List<string> Notes { get; } = [];

    /// <summary>Ports of the plan.</summary>
    public List<PlanPort> Ports { get; } = [];

    /// <summary>Adds an error with its place.</summary>
    public void Fail(Section source, string key, string rule, string fix) => Errors.Add(source.Error(key, rule, fix));

    /// <summary>A port by name; null, with an error at the key, when there is none.</summary>
    public PortConfiguration? FindPort(Section source, string key, string name)
    {
        PortConfiguration? port = Configuration.Ports.FirstOrDefault(one => one.Name == name);
        if (port == null)
        {
            string names = string.Join(", ", Configuration.Ports.Select(one => one.Name));
            Fail(source, key, $"there is no [[port]] named \"{name}\"", names.Length == 0 ? "Add one." : $"There are {names}.");
        }

        return port;
    }

    /// <summary>The interface of a port; null, with an error, when it is not there.</summary>
    public InterfaceFacts? FindInterface(PortConfiguration port)
    {
        string space = port.NetworkNamespace;
        if (!Facts.Interfaces.TryGetValue(space, out IReadOnlyList<InterfaceFacts>? there))
        {
            Fail(port.Source, "netns", $"there is no network namespace at {space}",
                "`lowlat lab up` makes those of the lab; `ip netns list` shows what there is.");
            return null;
        }

        InterfaceFacts? found = there.FirstOrDefault(one => one.Name == port.Interface);
        if (found == null)
        {
            string names = string.Join(", ", there.Where(one => one.Name != "lo").Select(one => one.Name));
            Fail(port.Source, "interface", "there is no such interface " + (space.Length == 0 ? "here" : $"in {space}"),
                names.Length == 0 ? "There is none but lo." : $"There are {names}.");
        }

        return found;
    }

    /// <summary>Adds a port to the plan: its number there, or -1 with an error.</summary>
    public int AddPort(PortConfiguration port, Claim claim, LaneMemory memory)
    {
        InterfaceFacts? link = FindInterface(port);
        if (link == null)
        {
            return -1;
        }

        CheckInterface(port, link, claim, memory);
        PlanPort plan = new()
        {
            InterfaceIndex = link.Index,
            Queue = port.Queue,
            Mode = port.Mode,
            Claim = claim,
            ClaimPortLow = port.ClaimPortLow,
            ClaimPortHigh = port.ClaimPortHigh,
            Wake = port.Wake,
            BusyPollUs = port.BusyPollUs,
            BusyPollBudget = port.BusyPollBudget,
            Stamps = port.Stamps,
            RxSlots = port.RxRing,
            TxSlots = port.TxRing,
            FillSlots = port.FillRing,
            CompletionSlots = port.CompletionRing,
            FillLevel = port.FillLevel,
            MtuBytes = link.MtuBytes,
            NumaNode = link.NumaNode,
            Mac = link.Mac,
        };
        plan.Name.Set(port.Name);
        plan.Interface.Set(port.Interface);
        plan.NetworkNamespace.Set(port.NetworkNamespace);
        Ports.Add(plan);
        return Ports.Count - 1;
    }

    /// <summary>Fills in the memory of a lane and checks that it holds its rings.</summary>
    public void FillMemory(ref PlanLane lane, LaneMemory memory, Section source, IReadOnlyList<PortConfiguration> ports)
    {
        long needed = ports.Sum(port => (long)port.FillLevel + port.TxRing + port.RxRing);
        long posted = ports.Sum(port => (long)port.FillLevel);
        lane.Frames = memory.Frames != 0 ? memory.Frames : (uint)BitOperations.RoundUpToPowerOf2((ulong)needed);
        lane.ChunkBytes = memory.ChunkBytes;
        lane.HeadroomBytes = memory.HeadroomBytes;
        lane.HugePages = memory.HugePages;
        if (lane.Frames <= posted)
        {
            Fail(source, "frames", $"more than the {posted} frames that its ports keep posted",
                $"{needed} let every ring be full at once; leave frames out to have that.");
        }

        long bytes = (long)lane.Frames * lane.ChunkBytes;
        if (bytes > Facts.MemoryAvailableBytes)
        {
            Fail(source, "frames", $"{bytes >> 20} MiB of frames, the host has {Facts.MemoryAvailableBytes >> 20} MiB free",
                "Lower frames or the rings.");
        }
    }

    /// <summary>Checks that a CPU is there.</summary>
    public void CheckCpu(Section source, string key, int cpu)
    {
        if (!Facts.OnlineCpus.Contains(cpu))
        {
            Fail(source, key, $"CPU {cpu} is not online", $"Online are {Facts.OnlineCpus}.");
        }
    }

    /// <summary>Ends a planning.</summary>
    public PlanResult Finish(Func<PlanImage> build, bool needsRtThrottlingOff) => new()
    {
        Plan = Errors.Count == 0 ? build() : null,
        Errors = Errors,
        Warnings = Warnings,
        Notes = Notes,
        NeedsRtThrottlingOff = needsRtThrottlingOff,
    };

    private void CheckInterface(PortConfiguration port, InterfaceFacts link, Claim claim, LaneMemory memory)
    {
        if (port.Queue >= link.Queues)
        {
            Fail(port.Source, "queue", $"{port.Interface} runs {link.Queues} queue(s), numbered from 0",
                $"Choose one of them, or raise it: ethtool -L {port.Interface} combined N.");
        }

        long room = memory.ChunkBytes - Limits.XdpHeadroomBytes - memory.HeadroomBytes - Limits.EthernetOverheadBytes;
        if (claim != Claim.None && link.MtuBytes > room)
        {
            long roomOfLargest = room + Limits.ChunkBytesMax - memory.ChunkBytes;
            string other = link.MtuBytes <= roomOfLargest ? "set chunk = 4096 in its lane" : "use another interface";
            Fail(port.Source, "interface",
                $"its MTU of {link.MtuBytes} does not fit into chunks of {memory.ChunkBytes} bytes, at most {room} does",
                $"ip link set {port.Interface} mtu {room}, or {other}.");
        }
    }
}
