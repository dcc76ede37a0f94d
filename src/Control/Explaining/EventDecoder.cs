using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using LowLatency.Native.Tracing;

namespace LowLatency.Control.Explaining;

/// <summary>Makes events of the kernel's records, by the layouts that the running kernel tells. One
/// thread.</summary>
/// <param name="symbols">Names of functions.</param>
internal sealed class EventDecoder(KernelSymbols symbols)
{
    // enum of include/linux/interrupt.h
    private static readonly string[] Softirqs =
        ["HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"];

    private readonly Dictionary<int, Reader> _readers = [];
    private readonly Dictionary<ulong, string> _texts = [];

    private delegate void Reader(in Record record, List<CpuEvent> into);

    /// <summary>All events that can be read, with their groups; those that tell of a measured CPU.</summary>
    public static IReadOnlyList<string> OfMeasured { get; } =
    [
        "sched/sched_switch", "irq/irq_handler_entry", "irq/irq_handler_exit",
        "nmi/nmi_handler", "exceptions/page_fault_user", "exceptions/page_fault_kernel",
        "workqueue/workqueue_execute_start", "workqueue/workqueue_execute_end",
        "timer/hrtimer_expire_entry", "timer/timer_expire_entry",
        .. Vectors.SelectMany(vector => new[] { $"irq_vectors/{vector}_entry",
            $"irq_vectors/{vector}_exit" }),
    ];

    /// <summary>Those that tell who interrupts others.</summary>
    public static IReadOnlyList<string> OfSenders { get; } =
        ["ipi/ipi_send_cpu", "ipi/ipi_send_cpumask", "csd/csd_queue_cpu"];

    /// <summary>Those of softirqs, with or without <see cref="NoNetwork"/>.</summary>
    public static IReadOnlyList<string> OfSoftirqs { get; } = ["irq/softirq_entry", "irq/softirq_exit"];

    /// <summary>Those of system calls; the caller filters them to the lane's thread.</summary>
    public static IReadOnlyList<string> OfCalls { get; } = ["raw_syscalls/sys_enter",
        "raw_syscalls/sys_exit"];

    /// <summary>Filter of softirqs: all but NET_TX and NET_RX.</summary>
    public const string NoNetwork = "vec != 2 && vec != 3";

    // Those without a device: arch/x86/include/asm/trace/irq_vectors.h.
    private static string[] Vectors =>
    [
        "local_timer", "reschedule", "call_function", "call_function_single", "irq_work", "thermal_apic",
        "threshold_apic", "deferred_error_apic", "error_apic", "spurious_apic", "x86_platform_ipi",
    ];

    /// <summary>Takes in an event's layout.</summary>
    public void Add(EventFormat format)
    {
        Reader? reader = format.Name switch
        {
            "sched_switch" => Switch(format),
            "irq_handler_entry" => Irq(format),
            "irq_handler_exit" => Plain(EventKind.IrqExit),
            "softirq_entry" => Softirq(format),
            "softirq_exit" => Plain(EventKind.SoftirqExit),
            "nmi_handler" => Nmi(format),
            "page_fault_user" or "page_fault_kernel" => Number(format, EventKind.Fault, "address"),
            "workqueue_execute_start" => Function(format, EventKind.WorkStart, "function"),
            "workqueue_execute_end" => Plain(EventKind.WorkEnd),
            "hrtimer_expire_entry" or "timer_expire_entry" =>
                Function(format, EventKind.TimerCallback, "function"),
            "ipi_send_cpu" => Sent(format, "callback"),
            "csd_queue_cpu" => Sent(format, "func"),
            "ipi_send_cpumask" => SentToMany(format),
            "sys_enter" => Call(format),
            "sys_exit" => Plain(EventKind.CallExit),
            _ => Vector(format.Name),
        };
        if (reader is not null)
        {
            _readers[format.Id] = reader;
        }
    }

    /// <summary>Reads a page.</summary>
    /// <param name="cpu">Whose it is.</param>
    /// <param name="page">As read.</param>
    /// <param name="into">Gets its events, in order.</param>
    /// <returns>Records that were lost before it.</returns>
    public long Read(int cpu, ReadOnlySpan<byte> page, List<CpuEvent> into)
    {
        RingPage records = new(page);
        while (records.TryNext(out ulong timeNs, out ReadOnlySpan<byte> data))
        {
            // struct trace_entry: u16 type, u8 flags, u8 preempt count, int pid
            if (data.Length >= 8
                && _readers.TryGetValue(BinaryPrimitives.ReadUInt16LittleEndian(data), out Reader? reader))
            {
                int pid = BinaryPrimitives.ReadInt32LittleEndian(data[4..]);
                reader(new Record((long)timeNs, cpu, pid, data), into);
            }
        }

        return records.Missed;
    }

    private static Reader Plain(EventKind kind) => (in Record record, List<CpuEvent> into) =>
        into.Add(new CpuEvent(record.AtNs, record.Cpu, kind, record.Pid, 0, 0, ""));

    private static Reader? Vector(string name)
    {
        string? vector = Vectors.FirstOrDefault(vector => name == vector + "_entry" || name == vector
            + "_exit");
        if (vector is null)
        {
            return null;
        }

        if (name.EndsWith("_exit", StringComparison.Ordinal))
        {
            return Plain(EventKind.VectorExit);
        }

        (Bucket bucket, string words) = vector switch
        {
            "local_timer" => (Bucket.Irq, "local timer"),
            "reschedule" => (Bucket.Ipi, "reschedule"),
            "call_function" or "call_function_single" => (Bucket.Ipi, "call function"),
            "irq_work" => (Bucket.Ipi, "irq work"),
            "thermal_apic" => (Bucket.Thermal, "thermal interrupt"),
            "threshold_apic" or "deferred_error_apic" => (Bucket.Irq, "machine check threshold"),
            _ => (Bucket.Irq, vector.Replace('_', ' ')),
        };
        return (in Record record, List<CpuEvent> into) => into.Add(new CpuEvent(
            record.AtNs, record.Cpu, EventKind.VectorEntry, record.Pid, 0, (long)bucket, words));
    }

    private static Reader? Softirq(EventFormat format)
    {
        if (format["vec"] is not { } vector)
        {
            return null;
        }

        return (in Record record, List<CpuEvent> into) =>
        {
            long number = vector.Number(record.Data);
            string name = (ulong)number < (ulong)Softirqs.Length ? Softirqs[number] : $"softirq {number}";
            into.Add(new CpuEvent(record.AtNs, record.Cpu, EventKind.SoftirqEntry, record.Pid, 0, number,
                name));
        };
    }

    private static Reader? Number(EventFormat format, EventKind kind, string field) =>
        format[field] is not { } where ? null : (in Record record, List<CpuEvent> into) => into.Add(
            new CpuEvent(record.AtNs, record.Cpu, kind, record.Pid, 0, where.Number(record.Data), ""));

    private static Reader? Call(EventFormat format) =>
        format["id"] is not { } id ? null : (in Record record, List<CpuEvent> into) =>
        {
            long number = id.Number(record.Data);
            into.Add(new CpuEvent(record.AtNs, record.Cpu, EventKind.CallEntry, record.Pid, 0, number,
                string.Create(CultureInfo.InvariantCulture, $"system call {number}")));
        };

    private Reader? Switch(EventFormat format)
    {
        if (format["prev_pid"] is not { } from || format["next_pid"] is not { } to
            || format["next_comm"] is not { } name || format["prev_state"] is not { } state)
        {
            return null;
        }

        return (in Record record, List<CpuEvent> into) => into.Add(new CpuEvent(
            record.AtNs, record.Cpu, EventKind.Switch, (int)from.Number(record.Data),
            (int)to.Number(record.Data), state.Number(record.Data), Text(name.Data(record.Data))));
    }

    private Reader? Irq(EventFormat format)
    {
        if (format["irq"] is not { } irq || format["name"] is not { } name)
        {
            return null;
        }

        return (in Record record, List<CpuEvent> into) =>
        {
            long number = irq.Number(record.Data);
            into.Add(new CpuEvent(record.AtNs, record.Cpu, EventKind.IrqEntry, record.Pid, 0, number,
                $"{Text(name.Data(record.Data))} (irq {number})"));
        };
    }

    private Reader? Nmi(EventFormat format)
    {
        if (format["handler"] is not { } handler || format["delta_ns"] is not { } took)
        {
            return null;
        }

        return (in Record record, List<CpuEvent> into) => into.Add(new CpuEvent(
            record.AtNs, record.Cpu, EventKind.Nmi, record.Pid, 0, took.Number(record.Data),
            symbols.NameOf((ulong)handler.Number(record.Data))));
    }

    private Reader? Function(EventFormat format, EventKind kind, string field) =>
        format[field] is not { } where ? null : (in Record record, List<CpuEvent> into) =>
            into.Add(new CpuEvent(
            record.AtNs, record.Cpu, kind, record.Pid, 0, 0,
                symbols.NameOf((ulong)where.Number(record.Data))));

    private Reader? Sent(EventFormat format, string field)
    {
        if (format["cpu"] is not { } target || format[field] is not { } function)
        {
            return null;
        }

        return (in Record record, List<CpuEvent> into) => into.Add(new CpuEvent(
            record.AtNs, record.Cpu, EventKind.IpiSent, record.Pid, (int)target.Number(record.Data), 0,
            NameOrNone(function.Number(record.Data))));
    }

    private Reader? SentToMany(EventFormat format)
    {
        if (format["cpumask"] is not { } mask || format["callback"] is not { } function)
        {
            return null;
        }

        return (in Record record, List<CpuEvent> into) =>
        {
            ReadOnlySpan<byte> bits = mask.Data(record.Data);
            for (int cpu = 0; cpu < bits.Length * 8; cpu++)
            {
                if ((bits[cpu / 8] & (1 << (cpu % 8))) != 0)
                {
                    into.Add(new CpuEvent(record.AtNs, record.Cpu, EventKind.IpiSent, record.Pid, cpu, 0,
                        NameOrNone(function.Number(record.Data))));
                }
            }
        };
    }

    private string NameOrNone(long address) => address == 0 ? "" : symbols.NameOf((ulong)address);

    // The same few names come again and again: one string for each.
    private string Text(ReadOnlySpan<byte> data)
    {
        int end = data.IndexOf((byte)0);
        data = end < 0 ? data : data[..end];
        ulong key = 14695981039346656037; // FNV-1a: a key of our own cache, nothing hangs on its strength
        foreach (byte value in data)
        {
            key = (key ^ value) * 1099511628211;
        }

        if (!_texts.TryGetValue(key, out string? text))
        {
            text = _texts[key] = Encoding.UTF8.GetString(data);
        }

        return text;
    }

    private readonly ref struct Record(long atNs, int cpu, int pid, ReadOnlySpan<byte> data)
    {
        public long AtNs { get; } = atNs;

        public int Cpu { get; } = cpu;

        public int Pid { get; } = pid;

        public ReadOnlySpan<byte> Data { get; } = data;
    }
}
