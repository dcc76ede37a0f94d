using System.Globalization;
using System.Text;
using LowLatency.Control.Reporting;

namespace LowLatency.Control.Readiness.Reporting;

/// <summary>The machine as a drawing: NUMA nodes, L3 domains, CPUs, declared ports and disks, and an arrow from each
/// device to the CPU that takes its interrupt. What checks found wrong is drawn on the things they found it on.
/// </summary>
internal sealed class TopologyMap
{
    private const int CpuWidth = 64, CpuHeight = 46, Gap = 8, PerRow = 12, DeviceWidth = 176, DeviceHeight = 44,
        Inner = 14, HeadHeight = 26, ArrowSpace = 74, Width = 1000;

    private readonly ReadinessReport _report;
    private readonly Dictionary<int, (double X, double Y)> _cpuAt = [];
    private readonly StringBuilder _svg = new();
    private readonly List<string> _arrows = [];

    private TopologyMap(ReadinessReport report) => _report = report;

    /// <summary>Draws it; XHTML.</summary>
    public static string Render(ReadinessReport report) => new TopologyMap(report).Draw();

    private string Draw()
    {
        double y = 4;
        foreach ((string name, CpuMask cpus) in Nodes())
        {
            y = DrawNode(name, cpus, y) + 14;
        }

        return string.Create(CultureInfo.InvariantCulture, $"""
            <figure><svg viewBox="0 0 {Width} {y:0}" role="img" aria-label="Topology of the host">
            <defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"
            orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="context-stroke"/></marker></defs>
            {_svg}{string.Concat(_arrows)}</svg></figure>

            """);
    }

    private double DrawNode(string name, CpuMask cpus, double top)
    {
        List<(string Name, string Detail, string Pci, bool IsBad)> devices = Devices(name);
        double y = top + HeadHeight;
        foreach ((string domain, CpuMask members) in Domains(cpus))
        {
            y = DrawDomain(domain, members, y) + Gap;
        }

        double deviceTop = y + (devices.Count > 0 ? ArrowSpace - 20 : 0);
        int perRow = Math.Max(1, (Width - (2 * Inner)) / (DeviceWidth + Gap));
        for (int i = 0; i < devices.Count; i++)
        {
            DrawDevice(devices[i], 2 + Inner + (i % perRow * (DeviceWidth + Gap)),
                deviceTop + (i / perRow * (DeviceHeight + Gap)));
        }

        int rows = (devices.Count + perRow - 1) / perRow;
        double bottom = devices.Count > 0 ? deviceTop + (rows * (DeviceHeight + Gap)) : y;
        Append($"""<rect class="node" x="2" y="{At(top)}" width="{Width - 4}" height="{At(bottom - top + 4)}" rx="8"/>""");
        Append($"""<text x="{2 + Inner}" y="{At(top + 18)}">{HtmlText.Escape(name)}</text>""");
        return bottom + 4;
    }

    private double DrawDomain(string name, CpuMask cpus, double top)
    {
        int rows = (cpus.Count + PerRow - 1) / PerRow;
        int columns = Math.Min(cpus.Count, PerRow);
        double height = 18 + (rows * (CpuHeight + Gap)) + 4;
        double width = (columns * (CpuWidth + Gap)) + Gap;
        Append($"""<rect class="domain" x="{2 + Inner}" y="{At(top)}" width="{At(Math.Max(width, 90))}" height="{At(height)}" rx="5"/>""");
        Append($"""<text class="tiny" x="{2 + Inner + Gap}" y="{At(top + 13)}">{HtmlText.Escape(name)}</text>""");
        for (int i = 0; i < cpus.Count; i++)
        {
            DrawCpu(cpus.Cpus[i], 2 + Inner + Gap + (i % PerRow * (CpuWidth + Gap)),
                top + 18 + (i / PerRow * (CpuHeight + Gap)));
        }

        return top + height;
    }

    private void DrawCpu(int cpu, double x, double y)
    {
        Topology topology = _report.Topology;
        string kind = !topology.Online.Contains(cpu) ? "off" : topology.Data.Contains(cpu) ? "data"
            : topology.Housekeeping.Contains(cpu) ? "house" : "free";
        string role = kind switch
        {
            "data" => topology.Lanes.FirstOrDefault(lane => lane.Cpu == cpu)?.Name ?? "isolated",
            "house" => "house",
            "off" => "offline",
            _ => "",
        };
        List<string> wrong = WrongWith(cpu);
        _cpuAt[cpu] = (x + (CpuWidth / 2.0), y + CpuHeight);
        string title = wrong.Count == 0 ? $"CPU {cpu}" : $"CPU {cpu}\n{string.Join("\n", wrong)}";
        Append($"""<g><title>{HtmlText.Escape(title)}</title>""");
        Append($"""<rect class="cpu {kind}{(wrong.Count > 0 ? " broken" : "")}" x="{At(x)}" y="{At(y)}" width="{CpuWidth}" height="{CpuHeight}" rx="5"/>""");
        Append($"""<text class="key" x="{At(x + 7)}" y="{At(y + 18)}">{cpu}</text>""");
        Append($"""<text class="tiny" x="{At(x + 7)}" y="{At(y + 36)}">{HtmlText.Escape(Short(role, 9))}</text>""");
        if (wrong.Count > 0)
        {
            Append($"""<text class="mark" x="{At(x + CpuWidth - 7)}" y="{At(y + 18)}">{wrong.Count}!</text>""");
        }

        Append("</g>\n");
    }

    private void DrawDevice((string Name, string Detail, string Pci, bool IsBad) device, double x, double y)
    {
        Append($"""<g><rect class="device{(device.IsBad ? " broken" : "")}" x="{At(x)}" y="{At(y)}" width="{DeviceWidth}" height="{DeviceHeight}" rx="5"/>""");
        Append($"""<text class="key" x="{At(x + 8)}" y="{At(y + 18)}">{HtmlText.Escape(Short(device.Name, 24))}</text>""");
        Append($"""<text class="tiny" x="{At(x + 8)}" y="{At(y + 34)}">{HtmlText.Escape(Short(device.Detail, 30))}</text></g>""");
        foreach (IGrouping<int, int> irqs in Interrupts(device.Pci).GroupBy(pair => pair.Cpu, pair => pair.Irq))
        {
            if (_cpuAt.TryGetValue(irqs.Key, out (double X, double Y) cpu))
            {
                bool isWrong = _report.Topology.Data.Contains(irqs.Key);
                string numbers = string.Join(", ", irqs.Order());
                _arrows.Add($"<g><title>IRQ {numbers} to CPU {irqs.Key}</title><line class=\"arrow{(isWrong ? " wrong" : "")}\" "
                    + $"x1=\"{At(x + (DeviceWidth / 2.0))}\" y1=\"{At(y)}\" x2=\"{At(cpu.X)}\" y2=\"{At(cpu.Y + 2)}\" "
                    + "marker-end=\"url(#tip)\"/></g>\n");
            }
        }
    }

    private List<string> WrongWith(int cpu) =>
    [
        .. _report.Results.SelectMany(result => result.Findings
            .Where(finding => finding.Subject.Cpu == cpu && finding.State is CheckState.Fail or CheckState.Warn
                && finding.Subject.Cpu == cpu)
            .Select(finding => $"{result.Check.Id}: {finding.Observed}")),
    ];

    private List<(string Name, CpuMask Cpus)> Nodes()
    {
        List<(string, CpuMask)> nodes =
        [
            .. _report.Evidence.Facts
                .Where(fact => Read.Matches("/sys/devices/system/node/node*/cpulist", fact.Source))
                .Select(fact => (NodeName(fact.Source), List(fact.Source) ?? CpuMask.Empty))
                .Where(node => !node.Item2.IsEmpty),
        ];
        CpuMask rest = nodes.Aggregate(_report.Topology.Possible, (left, node) => left.Without(node.Item2));
        return rest.IsEmpty ? nodes : [.. nodes, (nodes.Count == 0 ? "CPUs" : "no node", rest)];
    }

    private string NodeName(string source)
    {
        string number = source.Split('/')[^2]["node".Length..];
        int? cpu = List(source)?.Cpus.Select(one => (int?)one).FirstOrDefault();
        string? package = cpu is null ? null
            : Text($"/sys/devices/system/cpu/cpu{cpu}/topology/physical_package_id");
        return package is null ? $"node {number}" : $"node {number}, socket {package}";
    }

    private IEnumerable<(string Name, CpuMask Cpus)> Domains(CpuMask cpus)
    {
        CpuMask rest = cpus;
        int number = 0;
        foreach (int cpu in cpus.Cpus)
        {
            if (rest.Contains(cpu))
            {
                CpuMask? shared = List($"/sys/devices/system/cpu/cpu{cpu}/cache/index3/shared_cpu_list")?.And(rest);
                CpuMask members = shared is { IsEmpty: false } ? shared : rest;
                yield return (shared is null ? "L3 unknown" : $"L3 {number++}", members);
                rest = rest.Without(members);
            }
        }
    }

    // What has no node of its own is drawn with the first.
    private List<(string Name, string Detail, string Pci, bool IsBad)> Devices(string node)
    {
        List<(string, string, string, bool)> devices = [];
        foreach (TopologyPort port in _report.Topology.Ports.Where(port => IsOn(node, port.Pci)))
        {
            devices.Add(($"{port.Name}: {port.Interface}", port.Absence is not null ? "not there"
                : port.Pci.Length > 0 ? port.Pci : port.Netns.Length > 0 ? $"virtual, {Path.GetFileName(port.Netns)}" : "virtual",
                port.Pci, IsWrong(Subject.Of(port))));
        }

        foreach (TopologyDisk disk in _report.Topology.Disks.Where(disk => IsOn(node, disk.Pci)))
        {
            devices.Add(($"{disk.Name}: {(disk.Block.Length > 0 ? disk.Block : disk.Path)}",
                disk.Absence is not null ? "not there" : disk.Pci.Length > 0 ? disk.Pci : "virtual", disk.Pci,
                IsWrong(Subject.Of(disk))));
        }

        return devices;
    }

    private bool IsOn(string node, string pci)
    {
        string first = Nodes() is [var head, ..] ? head.Name : node;
        string? number = pci.Length == 0 ? null : Text($"/sys/bus/pci/devices/{pci}/numa_node");
        string? own = number is null or "-1" ? null
            : Nodes().Select(one => one.Name).FirstOrDefault(name => name == $"node {number}"
                || name.StartsWith($"node {number},", StringComparison.Ordinal));
        return (own ?? first) == node;
    }

    private bool IsWrong(Subject subject) => _report.Results.Any(result => result.Findings.Any(finding =>
        finding.Subject == subject && finding.State == CheckState.Fail));

    private IEnumerable<(int Irq, int Cpu)> Interrupts(string pci)
    {
        foreach (Fact fact in pci.Length == 0 ? [] : _report.Evidence.Facts.Where(fact => fact.Moment == Moment.Start
            && Read.Matches($"/sys/bus/pci/devices/{pci}/msi_irqs/*", fact.Source)))
        {
            string number = fact.Source.Split('/')[^1];
            foreach (int cpu in List($"/proc/irq/{number}/effective_affinity_list")?.Cpus ?? [])
            {
                yield return (int.TryParse(number, CultureInfo.InvariantCulture, out int irq) ? irq : -1, cpu);
            }
        }
    }

    private CpuMask? List(string source) => Text(source) is string text ? CpuMask.ParseList(text) : null;

    private string? Text(string source) => _report.Evidence.Find(source) is { State: FactState.Read } fact
        ? EvidenceJson.TextOf(fact.Bytes)?.Trim() : null;

    private static string Short(string text, int most) => text.Length <= most ? text : text[..(most - 1)] + "…";

    private static string At(double value) => HtmlText.At(value);

    private void Append(FormattableString text) => _svg.Append(text.ToString(CultureInfo.InvariantCulture));

    private void Append(string text) => _svg.Append(text);
}
