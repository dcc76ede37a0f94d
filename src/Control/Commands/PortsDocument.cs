namespace LowLatency.Control.Commands;

/// <summary>What <c>lowlat ports --json</c> says: schema <c>lowlat.ports/1</c>. What the driver or the kernel
/// does not say is null, never a guess.</summary>
internal sealed record PortsDocument(string Schema, string Netns, IReadOnlyList<InterfaceRow> Interfaces)
{
    /// <summary>Name and version of the format.</summary>
    public const string SchemaName = "lowlat.ports/1";
}

/// <summary>One interface.</summary>
internal sealed record InterfaceRow(
    string Name,
    int Index,
    string Kind,
    string? Driver,
    string? Firmware,
    string Mac,
    long MtuBytes,
    string Link,
    bool HasCarrier,
    int? NumaNode,
    string? Device,
    XdpSupport? Xdp,
    QueueCounts Queues,
    RingSizes? Rings,
    Timestamps? Timestamps,
    SriovRow? Sriov,
    IReadOnlyList<IrqRow> Irqs,
    AttachedProgram? Program);

/// <summary>What the driver says of XDP (netdev family); only a bind proves zero-copy.</summary>
internal sealed record XdpSupport(
    bool Native, bool Redirect, bool ZeroCopy, bool ScatterGather, IReadOnlyList<string>? RxMetadata);

/// <summary>Queues in use, and the most there can be; null: the driver has no channels to show.</summary>
internal sealed record QueueCounts(int Rx, int Tx, int? RxMax, int? TxMax);

/// <summary>Descriptor rings, slots.</summary>
internal sealed record RingSizes(int Rx, int Tx, int RxMax, int TxMax);

/// <summary>Hardware time stamps; the clock is N of /dev/ptpN.</summary>
internal sealed record Timestamps(bool HardwareRx, bool HardwareTx, int? Clock);

/// <summary>SR-IOV: a physical function with its virtual ones, or a virtual one with its physical. Interfaces
/// are named where they are in the same network namespace, else null.</summary>
/// <param name="Function">"physical" or "virtual".</param>
/// <param name="VirtualFunctions">Of a physical one: how many there are.</param>
/// <param name="VirtualFunctionsMax">Of a physical one: how many there can be.</param>
/// <param name="PhysicalFunction">Of a virtual one: PCI address of its physical one.</param>
/// <param name="PhysicalInterface">Of a virtual one: interface of its physical one.</param>
/// <param name="Number">Of a virtual one: its number, as in <c>ip link set PF vf NUMBER</c>.</param>
/// <param name="Functions">Of a physical one: its virtual ones.</param>
internal sealed record SriovRow(
    string Function, int? VirtualFunctions, int? VirtualFunctionsMax, string? PhysicalFunction,
    string? PhysicalInterface, int? Number, IReadOnlyList<VirtualFunctionRow> Functions);

/// <summary>A virtual function as its physical one shows it.</summary>
internal sealed record VirtualFunctionRow(int Number, string Device, string? Interface);

/// <summary>An interrupt of the device, the CPUs it may fire on, and those it does fire on; null: its driver has
/// not asked for it yet (many do when the interface goes up), or the kernel has not placed it yet.</summary>
internal sealed record IrqRow(int Number, int? Queue, string? Cpus, string? EffectiveCpus);

/// <summary>The XDP program on the hook.</summary>
internal sealed record AttachedProgram(long Id, string Name, string Mode, string Owner);
