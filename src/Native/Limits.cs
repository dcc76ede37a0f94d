namespace LowLatency.Native;

/// <summary>Every bound of the product, born here and nowhere else. Read by both programs at any
/// time.</summary>
public static class Limits
{
    /// <summary>Descriptors handled together: one NAPI budget, so a turn never outlives one kernel
    /// poll.</summary>
    public const int BurstMax = 64;

    /// <summary>(port, queue) pairs of one plan.</summary>
    public const int PortsMax = 64;

    /// <summary>Ports of one lane: what one thread can poll before an idle turn costs a
    /// microsecond.</summary>
    public const int PortsPerLaneMax = 16;

    /// <summary>Lanes of one plan; one core each on a real host.</summary>
    public const int LanesMax = 64;

    /// <summary>Stages of one plan, all lanes together.</summary>
    public const int StagesMax = 256;

    /// <summary>Stages of one lane: its drops are counted by stage and reason.</summary>
    public const int StagesPerLaneMax = 16;

    /// <summary>Filter and acl rules of one plan.</summary>
    public const int RulesMax = 65536;

    /// <summary>Rules of one filter stage: it reads them one after the other; an acl stage does
    /// not.</summary>
    public const int FilterRulesMax = 4096;

    /// <summary>Tables of one plan.</summary>
    public const int TablesMax = 1024;

    /// <summary>Bytes of one table: offsets within it fit 31 bits.</summary>
    public const long TableBytesMax = 1L << 31;

    /// <summary>Copies that the replicating stages of a lane can make of one burst; what goes beyond is not
    /// copied, and counted.</summary>
    public const int ReplicasMax = 512;

    /// <summary>Frames on their way from a lane to the kernel's stack; power of two.</summary>
    public const int PuntSlots = 256;

    /// <summary>Paths that one load run can compare (through the device under test, direct).</summary>
    public const int PathsMax = 2;

    /// <summary>Flows of one load run: what a receiver keeps an order for, four bytes each and
    /// path.</summary>
    public const int FlowsMax = 1 << 20;

    /// <summary>Frames of a capture that a load sends: 16 bytes each beside their own.</summary>
    public const int ReplayFramesMax = 1 << 24;

    /// <summary>VLAN tags of a load's frames: what the XDP program looks behind.</summary>
    public const int LoadTagsMax = 2;

    /// <summary>Rates that the steps of one schedule can name.</summary>
    public const int RatesMax = 16;

    /// <summary>Frames of one burst of a schedule: a quarter of a second at a million a second.</summary>
    public const int BurstFramesMax = 1 << 18;

    /// <summary>Frames a second of one schedule: one a nanosecond, the clock's own step.</summary>
    public const double RatePpsMax = 1e9;

    /// <summary>Longest time a plan can name, ns (11 years): sums and multiples of a few stay inside 64
    /// bits.</summary>
    public const long SpanNsMax = 1L << 58;

    /// <summary>NUMA nodes that a memory policy's mask of one word can name (mbind(2)).</summary>
    public const int NumaNodesMax = 64;

    /// <summary>Smallest ring (slots): less than a burst would make every turn partial.</summary>
    public const int RingSlotsMin = 64;

    /// <summary>Largest ring (slots); the kernel accepts more, caches do not.</summary>
    public const int RingSlotsMax = 32768;

    /// <summary>UMEM chunk sizes the kernel accepts in aligned mode on a 4 KiB-page machine
    /// (net/xdp/xdp_umem.c: XDP_UMEM_MIN_CHUNK_SIZE 2048, at most PAGE_SIZE).</summary>
    public const int ChunkBytesMin = 2048;

    /// <inheritdoc cref="ChunkBytesMin"/>
    public const int ChunkBytesMax = 4096;

    /// <summary>Bytes the kernel keeps free before each frame (linux/bpf.h XDP_PACKET_HEADROOM).</summary>
    public const int XdpHeadroomBytes = 256;

    /// <summary>Smallest Ethernet frame without FCS (IEEE 802.3: 64 with FCS).</summary>
    public const int FrameBytesMin = 60;

    /// <summary>Ethernet header and one VLAN tag, which the MTU does not count.</summary>
    public const int EthernetOverheadBytes = 18;

    /// <summary>Packets that one copy-mode send moves by default (net/xdp/xsk.c TX_BATCH_SIZE 32).</summary>
    public const int KernelTxBudget = 32;

    /// <summary>Send calls of one port in one turn: a burst needs two; the rest is for what stood
    /// before.</summary>
    public const int WakesPerTurnMax = 8;

    /// <summary>Events (gaps) that a lane's event ring holds; power of two, Control drains it every
    /// sample.</summary>
    public const int EventRingSlots = 4096;

    /// <summary>CPUs a mask can name.</summary>
    public const int CpusMax = 1024;

    // Static asserts: a false condition yields -1, which no byte can hold, so it does not compile.
    internal const byte BurstFitsRing = BurstMax <= RingSlotsMin ? 0 : -1;
    internal const byte EventsArePow2 = (EventRingSlots & (EventRingSlots - 1)) == 0 ? 0 : -1;
    internal const byte WakesCoverBurst = WakesPerTurnMax * KernelTxBudget >= 2 * BurstMax ? 0 : -1;
}
