using System.CommandLine;
using System.Globalization;
using System.Text;
using LowLatency.Control.Reporting;

namespace LowLatency.Control.Commands;

/// <summary><c>lowlat ports</c>.</summary>
internal static class PortsCommand
{
    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        Option<string?> netns = new("--netns")
        {
            Description = "Network namespace, a name or a path [default: the present one]",
            HelpName = "NETNS",
        };
        Option<bool> json = Options.Json();
        Command command = new("ports", "Show every interface and what it can do for AF_XDP") { netns, json };
        command.SetAction(parsed => Show(io, parsed.GetValue(netns) ?? "", parsed.GetValue(json)));
        return command;
    }

    private static int Show(CommandIo io, string netns, bool isJson)
    {
        string path = netns.Length == 0 || netns.Contains('/') ? netns : "/run/netns/" + netns;
        if (path.Length > 0)
        {
            CommandLine.RequireRoot("ports --netns");
            if (!File.Exists(path))
            {
                throw CommandFailure.Input($"--netns {netns}: there is no such network namespace; "
                    + "'ip netns list' shows the named ones");
            }
        }

        using PortsReader reader = new(path);
        PortsDocument document = reader.Read();
        io.Out.Write(isJson ? CommandJson.Write(document) : Render(document));
        return ExitCode.Ok;
    }

    /// <summary>The document, for eyes.</summary>
    internal static string Render(PortsDocument document)
    {
        StringBuilder text = new();
        TextTable table = new(
            "interface", "<driver", "<link", "<MAC", "MTU", "<queues rx/tx", "<XDP", "NUMA");
        foreach (InterfaceRow row in document.Interfaces)
        {
            table.Add(row.Name, row.Driver ?? (row.Kind.Length > 0 ? row.Kind : "-"), row.Link, row.Mac,
                row.MtuBytes.ToString(CultureInfo.InvariantCulture), Queues(row.Queues), Xdp(row.Xdp),
                row.NumaNode?.ToString(CultureInfo.InvariantCulture) ?? "-");
        }

        table.WriteTo(text);
        foreach (InterfaceRow row in document.Interfaces)
        {
            AddDetails(text, row);
        }

        return text.ToString();
    }

    private static void AddDetails(StringBuilder text, InterfaceRow row)
    {
        if (row.Sriov is SriovRow sriov)
        {
            text.Append($"  {row.Name}: {Sriov(sriov)}\n");
        }

        if (row.Timestamps is { HardwareRx: true } stamps)
        {
            text.Append($"  {row.Name}: hardware time stamps of what it receives"
                + $"{(stamps.HardwareTx ? " and sends" : "")}, clock /dev/ptp{stamps.Clock}\n");
        }

        AddIrqs(text, row);
        if (row.Program is AttachedProgram program)
        {
            text.Append($"  {row.Name}: XDP program '{program.Name}' (id {program.Id}, {program.Mode}), "
                + $"held by {program.Owner}\n");
        }
    }

    private static string Sriov(SriovRow sriov)
    {
        static string Named(string? name, string device) => name is null ? device : $"{name} ({device})";
        string number = sriov.Number is int own ? $" {own}" : "";
        return sriov.Function == "virtual"
            ? $"virtual function{number} of {Named(sriov.PhysicalInterface, sriov.PhysicalFunction!)}"
            : $"physical function, {sriov.VirtualFunctions} of {sriov.VirtualFunctionsMax} virtual functions in use"
                + string.Concat(sriov.Functions.Select(function =>
                    $"{(function == sriov.Functions[0] ? ": " : ", ")}{function.Number} is "
                    + Named(function.Interface, function.Device)));
    }

    private static void AddIrqs(StringBuilder text, InterfaceRow row)
    {
        static string Name(IrqRow irq) => irq.Queue is int queue ? $"{irq.Number} (queue {queue})" : $"{irq.Number}";
        IrqRow[] asked = [.. row.Irqs.Where(irq => irq.Cpus is not null)];
        if (asked.Length > 0)
        {
            IEnumerable<string> irqs = asked.Select(irq => $"{Name(irq)} -> "
                + (irq.EffectiveCpus ?? $"not yet raised, may be on {irq.Cpus}"));
            text.Append($"  {row.Name}: interrupts -> CPUs: {string.Join(", ", irqs)}\n");
        }

        if (row.Irqs.Count > asked.Length)
        {
            text.Append($"  {row.Name}: interrupts not yet asked for by the driver"
                + $"{(row.Link == "down" ? " (the interface is down)" : "")}: "
                + $"{string.Join(", ", row.Irqs.Where(irq => irq.Cpus is null).Select(Name))}\n");
        }
    }

    private static string Queues(QueueCounts queues) => queues.RxMax is null
        ? $"{queues.Rx}/{queues.Tx}" : $"{queues.Rx}/{queues.Tx} of {queues.RxMax}/{queues.TxMax}";

    private static string Xdp(XdpSupport? xdp)
    {
        if (xdp is null)
        {
            return "unknown";
        }

        string[] words =
        [
            .. new[] { (xdp.Native, "native"), (xdp.ZeroCopy, "zero-copy"), (xdp.ScatterGather, "sg") }
                .Where(pair => pair.Item1).Select(pair => pair.Item2),
        ];
        return words.Length == 0 ? "generic only" : string.Join(' ', words);
    }
}
