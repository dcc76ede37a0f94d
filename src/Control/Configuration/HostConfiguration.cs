namespace LowLatency.Control.Configuring;

/// <summary>What kind of host it is: which severities its readiness checks have.</summary>
internal enum HostProfile
{
    /// <summary>A machine of our own.</summary>
    BareMetal,

    /// <summary>A guest with virtual functions or other passed-through devices.</summary>
    Sriov,

    /// <summary>Namespaces and veth.</summary>
    Lab,
}

/// <summary>[host].</summary>
internal sealed record HostConfiguration
{
    /// <summary>The places.</summary>
    public required Section Section { get; init; }

    /// <summary>CPUs as written; null: by default.</summary>
    public CpuList? Housekeeping => Section.GetOr<CpuList?>("housekeeping", null);

    /// <summary>mlockall.</summary>
    public bool LockMemory => Section.Get<bool>("lock_memory");

    /// <summary>lowlat may set kernel.sched_rt_runtime_us = -1 while it runs.</summary>
    public bool RtThrottlingOff => Section.Get<string>("rt_throttling") == "off";

    /// <summary>Declared profile; null: to be guessed.</summary>
    public HostProfile? Profile => Section.GetOr("profile", "") switch
    {
        "bare-metal" => HostProfile.BareMetal,
        "sriov" => HostProfile.Sriov,
        "lab" => HostProfile.Lab,
        _ => null,
    };

    /// <summary>Cgroup that lowlatd enters, below the mount; empty: that of lowlat.</summary>
    public string Slice => Section.Get<string>("slice");

    /// <summary>What measured values are held against.</summary>
    public required ObjectiveConfiguration Objective { get; init; }

    /// <summary>Failures that somebody took upon himself.</summary>
    public required IReadOnlyList<WaiverConfiguration> Waivers { get; init; }
}

/// <summary>[host.objective].</summary>
/// <param name="ExitLatencyNs">Longest exit latency of an idle state that a lane's CPU may enter, ns.</param>
/// <param name="GapNs">Longest gap of a lane's CPU that nothing explains, ns.</param>
/// <param name="ClockErrorNs">Largest estimated error of CLOCK_REALTIME, ns.</param>
/// <param name="CaptureFreeBytes">Least free space of a file system that captures go to, bytes.</param>
internal sealed record ObjectiveConfiguration(
    long ExitLatencyNs, long GapNs, long ClockErrorNs, long CaptureFreeBytes)
{
    /// <summary>Where nothing is declared.</summary>
    public static ObjectiveConfiguration Default { get; } = new(2_000, 5_000, 1_000_000, 10L << 30);

    /// <summary>From its table; null: none.</summary>
    public static ObjectiveConfiguration From(Section? section) => section is null ? Default : new(
        section.Get<long>("exit_latency"), section.Get<long>("gap"), section.Get<long>("clock_error"),
        section.Get<long>("capture_free"));
}

/// <summary>[[host.waiver]].</summary>
internal sealed record WaiverConfiguration(Section Section)
{
    /// <summary>Id of the check.</summary>
    public string Check => Section.Get<string>("check");

    /// <summary>What of it; empty: all.</summary>
    public string Subject => Section.Get<string>("subject");

    /// <summary>Who answers for it.</summary>
    public string Owner => Section.Get<string>("owner");

    /// <summary>Why.</summary>
    public string Reason => Section.Get<string>("reason");

    /// <summary>Last day on which it counts.</summary>
    public DateOnly Expires => Section.Get<DateOnly>("expires");

    /// <summary>Where it stands.</summary>
    public Place Place => Section.At("check");
}

/// <summary>How a disk is read and written.</summary>
internal enum DiskMode
{
    /// <summary>The first that the kernel grants.</summary>
    Auto,

    /// <summary>Completion interrupts.</summary>
    Interrupt,

    /// <summary>IORING_SETUP_IOPOLL: the device is polled.</summary>
    Iopoll,

    /// <summary>IORING_SETUP_SQPOLL: a kernel thread submits.</summary>
    Sqpoll,
}

/// <summary>[[disk]].</summary>
internal sealed record DiskConfiguration(Section Section)
{
    /// <summary>Name.</summary>
    public string Name => Section.Get<string>("name");

    /// <summary>Block device, or a directory of the file system that captures go to.</summary>
    public string Path => Section.Get<string>("path");

    /// <summary>Requested mode.</summary>
    public DiskMode Mode => Section.Get<string>("mode") switch
    {
        "interrupt" => DiskMode.Interrupt,
        "iopoll" => DiskMode.Iopoll,
        "sqpoll" => DiskMode.Sqpoll,
        _ => DiskMode.Auto,
    };

    /// <summary>CPU of the thread that submits; null: a housekeeping CPU.</summary>
    public int? Cpu => Section.Has("cpu") ? Section.Int("cpu") : null;

    /// <summary>What is written survives a loss of power without a flush; null: not declared.</summary>
    public bool? IsDurable => Section.Has("durable") ? Section.Get<bool>("durable") : null;
}

/// <summary>[[recorder]].</summary>
internal sealed record RecorderConfiguration(Section Section)
{
    /// <summary>Name.</summary>
    public string Name => Section.Get<string>("name");

    /// <summary>Folder of its captures.</summary>
    public string Path => Section.Get<string>("path");

    /// <summary>CPU of its own; null: a housekeeping CPU.</summary>
    public int? Cpu => Section.Has("cpu") ? Section.Int("cpu") : null;

    /// <summary>Bytes of memory of each lane that it records.</summary>
    public long BufferBytes => Section.Get<long>("buffer");
}

/// <summary>[port.expect]: what a port must look like; null: not judged.</summary>
internal sealed record PortExpectation(Section? Section)
{
    /// <summary>Mbit/s.</summary>
    public long? SpeedMbit => Number("speed");

    /// <summary>"off", "rs", "baser" or "auto".</summary>
    public string? Fec => Section?.GetOr<string?>("fec", null);

    /// <summary>MTU, bytes.</summary>
    public int? MtuBytes => (int?)Number("mtu");

    /// <summary>Driver.</summary>
    public string? Driver => Section?.GetOr<string?>("driver", null);

    /// <summary>How the versions of qualified firmware begin.</summary>
    public IReadOnlyList<string>? Firmware => Section?.GetOr<string[]?>("firmware", null);

    /// <summary>Rx queues in use.</summary>
    public int? Queues => (int?)Number("queues");

    /// <summary>Slots of the driver's rx rings.</summary>
    public int? RxSlots => (int?)Number("rx_slots");

    /// <summary>Slots of the driver's tx rings.</summary>
    public int? TxSlots => (int?)Number("tx_slots");

    /// <summary>Rx interrupt coalescing, µs.</summary>
    public int? RxUsecs => (int?)Number("rx_usecs");

    /// <summary>Adaptive coalescing.</summary>
    public bool? Adaptive => Flag("adaptive");

    /// <summary>Flow control.</summary>
    public bool? Pause => Flag("pause");

    /// <summary>"DMA", "DMA-FQ" or "identity".</summary>
    public string? Iommu => Section?.GetOr<string?>("iommu", null);

    /// <summary>VLAN that the PF puts the VF's frames into; 0: none.</summary>
    public int? VfVlan => (int?)Number("vf_vlan");

    /// <summary>Trust of the VF, as the PF says.</summary>
    public bool? VfTrust => Flag("vf_trust");

    /// <summary>Spoof check of the VF, as the PF says.</summary>
    public bool? VfSpoofCheck => Flag("vf_spoofcheck");

    private long? Number(string key) => Section?.Has(key) == true ? Section.Get<long>(key) : null;

    private bool? Flag(string key) => Section?.Has(key) == true ? Section.Get<bool>(key) : null;
}
