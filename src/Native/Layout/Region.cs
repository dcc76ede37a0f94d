using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowLatency.Native.Layout;

/// <summary>How far a data plane has come.</summary>
public enum RegionState : uint
{
    /// <summary>Provisioning; <see cref="RegionHeader.Step"/> names the step.</summary>
    Booting = 0,
    /// <summary>Lanes run.</summary>
    Armed = 1,
    /// <summary>Asked to stop: lanes empty their rings.</summary>
    Draining = 2,
    /// <summary>Stopped cleanly.</summary>
    Stopped = 3,
    /// <summary>Boot failed; <see cref="RegionHeader.Failure"/> says why.</summary>
    Failed = 4,
}

/// <summary>How far a lane has come.</summary>
public enum LaneState : uint
{
    /// <summary>Its thread has not armed.</summary>
    Cold = 0,
    /// <summary>Turning.</summary>
    Armed = 1,
    /// <summary>Generator: the schedule has ended and all frames were handed over.</summary>
    Done = 2,
    /// <summary>Stopped.</summary>
    Stopped = 3,
}

/// <summary>What the kernel says of the link under a port.</summary>
public enum LinkState : uint
{
    /// <summary>Not read yet.</summary>
    Unknown = 0,
    /// <summary>Up and running.</summary>
    Up = 1,
    /// <summary>Down, or without carrier.</summary>
    Down = 2,
    /// <summary>The interface is gone.</summary>
    Gone = 3,
}

/// <summary>First page of the shared region. lowlatd's main thread writes; Control reads, and writes the last
/// group.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct RegionHeader
{
    /// <summary>"LLREGION", little-endian; stored last, so a reader that sees it sees the rest.</summary>
    public const ulong MagicValue = 0x4E4F_4947_4552_4C4C;

    /// <summary>Grows with every change of any struct of the region.</summary>
    public const uint VersionValue = 5;

    /// <summary><see cref="MagicValue"/>.</summary>
    public ulong Magic;
    /// <summary><see cref="VersionValue"/>.</summary>
    public uint Version;
    /// <summary>Process id of lowlatd.</summary>
    public int Pid;
    /// <summary>Size of the region, bytes.</summary>
    public long TotalBytes;
    /// <summary>State.</summary>
    public RegionState State;
    /// <summary>Checksum of the plan that runs.</summary>
    public uint PlanChecksum;
    /// <summary>Bytes of the plan that follows the header in the region.</summary>
    public uint PlanBytes;
    /// <summary>lowlatd's descriptor of the table memory: /proc/PID/fd/N is its path; -1: none.</summary>
    public int TablesFd;
    /// <summary>CLOCK_MONOTONIC when the plan was mapped, ns.</summary>
    public long BootNs;
    /// <summary>CLOCK_MONOTONIC when every lane was armed, ns; 0 before.</summary>
    public long ArmedNs;
    /// <summary>CLOCK_MONOTONIC of the main thread's last round, ns.</summary>
    public long HeartbeatNs;
    /// <summary>UMEM of all lanes, bytes.</summary>
    public long UmemBytes;
    /// <summary>VmRSS without UMEM, bytes, read after arming.</summary>
    public long ResidentBytes;
    /// <summary>Collections of the process since arming.</summary>
    public long Collections;
    /// <summary>kernel.sched_rt_runtime_us as found when arming; -1: throttling is off.</summary>
    public long RtRuntimeUs;
    /// <summary>Name of the instance.</summary>
    public Text32 Name;
    /// <summary>Name of the boot step under way, or the last one.</summary>
    public Text32 Step;
    /// <summary>Why boot failed.</summary>
    public Text512 Failure;
    /// <summary>Control: CLOCK_MONOTONIC at which the generators start, ns; 0: wait.</summary>
    public long StartAtNs;
    /// <summary>Control: non-zero ends the generators' schedule early.</summary>
    public long StopLoad;
    /// <summary>Control: where in the table memory the plan of the wanted generation stands, bytes.</summary>
    public long WantedPlanOffset;
    /// <summary>Control: size of that plan, bytes.</summary>
    public uint WantedPlanBytes;
    /// <summary>Control, last: generation it wants to run; lowlatd looks ten times a second.</summary>
    public uint WantedGeneration;
    /// <summary>Control: raised after a change of a table whose old parts are to be reused.</summary>
    public ulong TableEpoch;
    /// <summary>Generation that every lane runs.</summary>
    public uint Generation;
    /// <summary>Last wanted generation that lowlatd has answered: <see cref="Generation"/> when it was taken,
    /// else refused, see <see cref="ReloadFailure"/>.</summary>
    public uint AnsweredGeneration;
    /// <summary>Where in the table memory the plan of <see cref="Generation"/> stands; 0: in the
    /// region.</summary>
    public long PlanOffset;
    /// <summary>Size of that plan, bytes.</summary>
    public long PlanLength;
    /// <summary>Why the last reload was refused.</summary>
    public Text512 ReloadFailure;
    /// <summary>Not 0: XDP programs read route tables, too.</summary>
    public ulong PathsRoute;
    /// <summary>Last <see cref="TableEpoch"/> after which all programs that ran have ended: none holds
    /// anything of a table from before.</summary>
    public ulong PathEpochSeen;
}

/// <summary>Counters that a lane keeps in memory of its own and copies to its page every
/// millisecond.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct LaneCounters
{
    /// <summary>CLOCK_MONOTONIC of this copy, ns.</summary>
    public long PublishedNs;
    /// <summary>Turns.</summary>
    public ulong Turns;
    /// <summary>Frames taken from rx rings.</summary>
    public ulong RxFrames;
    /// <summary>Of these, before the lane took the generation that it runs: stage counters start
    /// there.</summary>
    public ulong RxFramesBefore;
    /// <summary>Bytes taken from rx rings.</summary>
    public ulong RxBytes;
    /// <summary>Frames put into tx rings.</summary>
    public ulong TxFrames;
    /// <summary>Bytes put into tx rings.</summary>
    public ulong TxBytes;
    /// <summary>Frames that came back by completion rings.</summary>
    public ulong CompletedFrames;
    /// <summary>Send wake-ups.</summary>
    public ulong TxWakes;
    /// <summary>Receive wake-ups.</summary>
    public ulong RxWakes;
    /// <summary>Wake-ups answered with "later".</summary>
    public ulong WakesLater;
    /// <summary>Wake-ups answered with an error.</summary>
    public ulong WakeErrors;
    /// <summary>The last such error (<see cref="Errno"/>).</summary>
    public ulong LastWakeErrno;
    /// <summary>Turns that ended with an empty frame pool.</summary>
    public ulong PoolEmpty;
    /// <summary>Frames of the lane in all.</summary>
    public long FramesTotal;
    /// <summary>Frames in the pool.</summary>
    public long FramesPool;
    /// <summary>Frames on the fill side: fill ring, kernel, rx ring.</summary>
    public long FramesFillSide;
    /// <summary>Frames on the tx side: tx ring, kernel, completion ring.</summary>
    public long FramesTxSide;
    /// <summary>Of these, still in the tx ring: the kernel has not taken them.</summary>
    public long FramesTxRing;
    /// <summary>Entries of tx rings that name a frame which another entry names too: a frame shared by n
    /// ports counts n - 1.</summary>
    public long FramesShared;
    /// <summary>Frames that replicating stages made: each ends for itself.</summary>
    public ulong Replicas;
    /// <summary>Replicas that found no frame or no room in the burst: not made.</summary>
    public ulong ReplicasMissed;
    /// <summary>Frames given to the kernel's stack, by reason.</summary>
    public PuntCounters Punts;
    /// <summary>Of these, frames that the kernel refused.</summary>
    public ulong PuntsRefused;
    /// <summary>Housekeeping rounds in which pool + fill side + tx side - shared was not the total. Must be
    /// 0.</summary>
    public ulong ConservationBreaks;
    /// <summary>Managed bytes the lane's thread has allocated since arming. Must be 0.</summary>
    public long AllocatedBytes;
    /// <summary>Collections of the process since arming. Must be 0.</summary>
    public long Collections;
    /// <summary>Minor page faults of the thread since arming. Must be 0.</summary>
    public long MinorFaults;
    /// <summary>Major page faults of the thread since arming. Must be 0.</summary>
    public long MajorFaults;
    /// <summary>Voluntary context switches of the thread since arming (planned pauses).</summary>
    public long VoluntarySwitches;
    /// <summary>Involuntary context switches of the thread since arming.</summary>
    public long InvoluntarySwitches;
    /// <summary>Planned pauses taken.</summary>
    public ulong Yields;
    /// <summary>Time spent in them, ns.</summary>
    public long YieldNs;
    /// <summary>Gaps over the threshold.</summary>
    public ulong Gaps;
    /// <summary>Longest gap, ns.</summary>
    public long GapMaxNs;
    /// <summary>Gap events that found the event ring full.</summary>
    public ulong EventsLost;
    /// <summary>Time by regime, ns.</summary>
    public RegimeCounters RegimeNs;
    /// <summary>Frames ended by the lane, by reason.</summary>
    public DropCounters Drops;
    /// <summary>Generator: frames handed to the kernel, by path.</summary>
    public PathCounters Sent;
    /// <summary>Generator: frames the schedule wanted that found no frame or no tx slot in time, by
    /// path.</summary>
    public PathCounters Unsent;
    /// <summary>Generator: frames intended in measured time, by path.</summary>
    public PathCounters SentMeasured;
    /// <summary>Receiver: distinct intact frames received, by path.</summary>
    public PathCounters Received;
    /// <summary>Receiver: of these, intended in measured time.</summary>
    public PathCounters ReceivedMeasured;
    /// <summary>Receiver: frames that overtook an earlier one of their flow... seen as: came after a later
    /// one.</summary>
    public PathCounters Reordered;
    /// <summary>Receiver: frames seen before, by path.</summary>
    public PathCounters Duplicated;
    /// <summary>Receiver: frames whose bytes or length were not what was sent, by path; not in
    /// <see cref="Received"/>.
    /// </summary>
    public PathCounters Corrupt;
}

/// <summary>One lane's page. Groups are 128 bytes apart so that writers of different groups do not
/// meet.</summary>
[StructLayout(LayoutKind.Explicit, Size = SizeBytes)]
public struct LanePage
{
    /// <summary>Bytes of a page.</summary>
    public const int SizeBytes = 4096;

    /// <summary>Lane, once: its name.</summary>
    [FieldOffset(0)] public Text16 Name;
    /// <summary>Lane, once: kind.</summary>
    [FieldOffset(16)] public LaneKind Kind;
    /// <summary>Lane: state.</summary>
    [FieldOffset(20)] public LaneState State;
    /// <summary>Lane, once: CPU as sched_getcpu(3) answered after pinning.</summary>
    [FieldOffset(24)] public int Cpu;
    /// <summary>Lane, once: policy as sched_getscheduler(2) answered.</summary>
    [FieldOffset(28)] public LanePolicy Policy;
    /// <summary>Lane, once: FIFO priority or nice value, read back.</summary>
    [FieldOffset(32)] public int Priority;
    /// <summary>Lane, once: thread id.</summary>
    [FieldOffset(36)] public int ThreadId;
    /// <summary>Lane, once: the UMEM lies on huge pages.</summary>
    [FieldOffset(40)] public uint UmemIsHuge;
    /// <summary>Lane, once: one fused stage serves the whole pipeline.</summary>
    [FieldOffset(44)] public uint IsFused;
    /// <summary>Lane, once: bytes of the UMEM.</summary>
    [FieldOffset(48)] public long UmemBytes;
    /// <summary>Generator, once: CLOCK_MONOTONIC at which measuring starts, ns; 0 before.</summary>
    [FieldOffset(56)] public long MeasureFromNs;
    /// <summary>Lane: bank of histograms it writes, 0 or 1.</summary>
    [FieldOffset(128)] public uint BankActive;
    /// <summary>Lane: generation it runs.</summary>
    [FieldOffset(132)] public uint Generation;
    /// <summary>Lane: last <see cref="RegionHeader.TableEpoch"/> it saw between two turns: it holds nothing
    /// of a table from before.</summary>
    [FieldOffset(136)] public ulong TableEpochSeen;
    /// <summary>Control: bank it wants the lane to write.</summary>
    [FieldOffset(256)] public uint BankWanted;
    /// <summary>Seqlock: odd while the lane copies <see cref="Counters"/>.</summary>
    [FieldOffset(384)] public uint Epoch;
    /// <summary>The lane's counters, as of the last copy.</summary>
    [FieldOffset(512)] public LaneCounters Counters;

    /// <summary>Lane: a new state, after everything that was written before it.</summary>
    public static void SetState(ref LanePage page, LaneState state) =>
        Volatile.Write(ref Unsafe.As<LaneState, uint>(ref page.State),
            (uint)state); // release: readers poll the state
}

/// <summary>One port's page. lowlatd's main thread writes.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PortPage
{
    /// <summary>The port's name in the configuration.</summary>
    public Text16 Name;
    /// <summary>The kernel's interface name.</summary>
    public Text16 Interface;
    /// <summary>Driver, as ethtool says.</summary>
    public Text32 Driver;
    /// <summary>ifindex.</summary>
    public int InterfaceIndex;
    /// <summary>Queue.</summary>
    public uint Queue;
    /// <summary>What the configuration asked for.</summary>
    public BindMode RequestedMode;
    /// <summary>What the kernel granted, from XDP_OPTIONS and the link's attach mode.</summary>
    public BindMode EffectiveMode;
    /// <summary>Id of the XDP program; 0: none attached.</summary>
    public uint ProgramId;
    /// <summary>Link state.</summary>
    public LinkState Link;
    /// <summary>Lane it belongs to, index in the plan.</summary>
    public uint Lane;
    /// <summary>Zero.</summary>
    public uint Reserved;
    /// <summary>Times the link went down (or away) since arming.</summary>
    public ulong LinkDowns;
    /// <summary>Times the link came up since arming.</summary>
    public ulong LinkUps;
    /// <summary>Seqlock: odd while the counters below change.</summary>
    public uint Epoch;
    /// <summary>Zero.</summary>
    public uint Reserved2;
    /// <summary>The socket's six counters.</summary>
    public XdpStatistics Xdp;
    /// <summary>What the XDP program did, all CPUs, all queues of the interface.</summary>
    public OutcomeCounters Outcomes;
    /// <summary>Bytes of the frames that ended in the XDP program, by the same outcomes.</summary>
    public OutcomeCounters OutcomeBytes;
    /// <summary>What the rules of the lane's filter matched in the XDP program, by rule.</summary>
    public PathRuleCounters PathRules;
    /// <summary>Who forwards what comes in, and why; empty: the lane, as it was asked to.</summary>
    public Text128 Offload;
    /// <summary>The interface's own statistics (rtnl_link_stats64).</summary>
    public LinkStatistics Device;
    /// <summary>Why the effective mode is what it is.</summary>
    public Text512 Why;
}

/// <summary>One <see cref="RuleCounter"/> for each rule that a path may have.</summary>
[InlineArray(Xdp.XdpRules.Max)]
public struct PathRuleCounters
{
    private RuleCounter _first;
}

/// <summary>The part of linux/if_link.h <c>rtnl_link_stats64</c> that a ledger needs.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct LinkStatistics
{
    /// <summary>Packets received.</summary>
    public ulong RxPackets;
    /// <summary>Packets sent.</summary>
    public ulong TxPackets;
    /// <summary>Receive errors.</summary>
    public ulong RxErrors;
    /// <summary>Send errors.</summary>
    public ulong TxErrors;
    /// <summary>Received packets dropped.</summary>
    public ulong RxDropped;
    /// <summary>Packets to send dropped.</summary>
    public ulong TxDropped;
    /// <summary>Received packets missed by the device.</summary>
    public ulong RxMissed;
    /// <summary>Received packets for which no one cared.</summary>
    public ulong RxNoHandler;
}

/// <summary>One entry of a lane's event ring: the lane did not turn between these two times.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct GapEvent
{
    /// <summary>Start of the turn before the gap, CLOCK_MONOTONIC ns.</summary>
    public long StartNs;
    /// <summary>Start of the turn after it, ns.</summary>
    public long EndNs;
    /// <summary>Number of the turn that was late.</summary>
    public ulong Turn;
    /// <summary>Regime of the turn that it fell into.</summary>
    public Regime Regime;
    /// <summary>Frames that the late turn moved.</summary>
    public uint Frames;
}

/// <summary>Indices of an event ring: the lane writes one, Control the other; both run free.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
public struct EventRingHeader
{
    /// <summary>Events written so far.</summary>
    [FieldOffset(0)] public ulong Written;
    /// <summary>Events read so far.</summary>
    [FieldOffset(128)] public ulong Read;
}

/// <summary>Hits of one rule. The lane that runs the stage writes with plain stores.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct RuleCounter
{
    /// <summary>Bytes of one.</summary>
    public const int SizeBytes = 16;

    /// <summary>Frames that matched.</summary>
    public ulong Frames;
    /// <summary>Their bytes.</summary>
    public ulong Bytes;
}
