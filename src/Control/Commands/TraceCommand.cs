using System.CommandLine;
using System.Globalization;
using System.Net;
using LowLatency.Control.Configuring;
using LowLatency.Control.Running;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Commands;

/// <summary><c>lowlat trace</c>: what each stage makes of chosen frames, live.</summary>
internal static class TraceCommand
{
    private const int PollMs = 10;
    private const uint AnyProtocol = 256;
    private const int CountMax = 10_000;

    /// <summary>Makes the verb.</summary>
    public static Command Make(CommandIo io)
    {
        Option<string?> name = Options.Name("Name of the data plane [default: the only one]");
        Option<string?> source = Text("--source", "PREFIX", "Source address or prefix");
        Option<string?> destination = Text("--destination", "PREFIX", "Destination address or prefix");
        Option<string?> protocol = Text("--protocol", "P", "udp, tcp, icmp, icmpv6 or a number");
        Option<string?> sourcePorts = Text("--source-ports", "PORTS", "L4 port or range, such as 4000-4999");
        Option<string?> destinationPorts = Text("--destination-ports", "PORTS", "L4 port or range");
        Option<string?> port = Text("--port", "PORT", "Ingress port of the configuration");
        Option<string?> bytes = Text("--bytes", "AT:HEX[/MASK]",
            "Bytes of the frame, such as 12:0806 or 0:01/01");
        Option<bool> drops = new("--drops") { Description = "Only frames that a stage drops, and only "
            + "their end" };
        Option<int> count = new("--count")
        {
            Description = $"Frames to follow, of each lane, at most {CountMax}", HelpName = "N",
            DefaultValueFactory = _ => 10,
        };
        Option<string?> time = Text("--timeout", "TIME", "End after this time [default: 10s]");
        Option<bool> json = Options.Json();
        Command command = new("trace", "Follow frames through the stages of a running data plane")
        {
            name, source, destination, protocol, sourcePorts, destinationPorts, port, bytes, drops, count,
                time, json,
        };
        command.SetAction(parsed =>
        {
            CommandLine.RequireRoot("trace");
            TraceRequest request = new() { OnlyDrops = parsed.GetValue(drops) ? 1u : 0u };
            request.Count = parsed.GetValue(count) is int n and > 0 and <= CountMax ? (uint)n
                : throw CommandFailure.Input($"--count {parsed.GetValue(count)}: must be a number from 1 "
                    + $"to {CountMax}");
            SetRule(ref request, parsed.GetValue(source), parsed.GetValue(destination),
                parsed.GetValue(protocol),
                parsed.GetValue(sourcePorts), parsed.GetValue(destinationPorts));
            SetBytes(ref request, parsed.GetValue(bytes));
            long timeNs = Read("--timeout", parsed.GetValue(time) ?? "10s", text => Quantities.Duration(text),
                "a time with its unit, such as 10s") ?? 0;
            return Trace(io, parsed.GetValue(name), request, parsed.GetValue(port) ?? "", timeNs,
                parsed.GetValue(json));
        });
        return command;
    }

    private static int Trace(
        CommandIo io, string? name, TraceRequest request, string port, long timeNs, bool isJson)
    {
        string found = name ?? (Instance.Names().Where(Instance.IsAlive).ToArray() is [string only] ? only
            : throw CommandFailure.Input("say which data plane: --name NAME ('lowlat status' shows them)"));
        using SharedRegion? region = Instance.Open(found);
        if (region is not { IsOwnerAlive: true } || region.Header.State != RegionState.Armed)
        {
            throw CommandFailure.Input($"no data plane named '{found}' runs");
        }

        bool hasPort = port.Length == 0 || Enumerable.Range(0, region.Plan.PortCount)
            .Any(i => region.Plan.Port(i).Name.ToString() == port);
        if (!hasPort)
        {
            throw CommandFailure.Input($"--port {port}: '{found}' has no port of this name");
        }

        using Interrupt interrupt = new();
        long untilNs = ThreadControl.NowNs + timeNs;
        request.UntilNs = untilNs;
        List<TracedFrame> all = [];
        using (TraceSession session = new(region, request, port))
        {
            while (!interrupt.IsAsked && ThreadControl.NowNs < untilNs && all.Count < request.Count
                && region.IsOwnerAlive)
            {
                interrupt.Wait(PollMs);
                foreach (TracedFrame frame in session.Take().Take((int)request.Count - all.Count))
                {
                    all.Add(frame);
                    if (!isJson)
                    {
                        io.Out.Write(TraceText.Render(frame));
                    }
                }
            }
        }

        if (isJson)
        {
            io.Out.Write(CommandJson.Write(new TraceDocument(TraceDocument.SchemaName, found, all)));
        }

        if (all.Count < request.Count)
        {
            io.Say($"{all.Count} of {request.Count} frames came");
        }

        return interrupt.IsAsked ? ExitCode.Interrupted : ExitCode.Ok;
    }

    private static void SetRule(ref TraceRequest request, string? source, string? destination,
        string? protocol,
        string? sourcePorts, string? destinationPorts)
    {
        if (source is null && destination is null && protocol is null && sourcePorts is null
            && destinationPorts is null)
        {
            return;
        }

        Prefix? from = Read("--source", source, AddressOrPrefix,
            "an address or a prefix, such as 10.0.0.0/8");
        Prefix? to = Read("--destination", destination, AddressOrPrefix,
            "an address or a prefix, such as 10.0.0.0/8");
        if (from is not null && to is not null && from.Family != to.Family)
        {
            throw CommandFailure.Input("--source and --destination must be of one family");
        }

        PortRange any = new(0, ushort.MaxValue);
        PortRange sources = Read("--source-ports", sourcePorts, text =>
            Quantities.Ports(text), "a port or a range") ?? any;
        PortRange destinations =
            Read("--destination-ports", destinationPorts, text => Quantities.Ports(text),
                "a port or a range") ?? any;
        int? number = Read("--protocol", protocol, text => text switch
        {
            "udp" => 17,
            "tcp" => 6,
            "icmp" => 1,
            "icmpv6" => 58,
            _ => Quantities.Whole(text, 255),
        }, "udp, tcp, icmp, icmpv6 or a number from 0 to 255");
        request.HasRule = 1;
        request.Rule = new PlanRule
        {
            Family = (uint)(from?.Family ?? to?.Family ?? 0),
            Protocol = (uint)(number ?? (int)AnyProtocol),
            SourceBits = (uint)(from?.Bits ?? 0),
            DestinationBits = (uint)(to?.Bits ?? 0),
            SourcePortLow = sources.Low,
            SourcePortHigh = sources.High,
            DestinationPortLow = destinations.Low,
            DestinationPortHigh = destinations.High,
            Port = -1,
        };
        from?.Address.TryWriteBytes(request.Rule.Source, out _);
        to?.Address.TryWriteBytes(request.Rule.Destination, out _);
    }

    private static Prefix? AddressOrPrefix(string text) => Quantities.AddressPrefix(text)
        ?? (IPAddress.TryParse(text, out IPAddress? address)
            ? new Prefix(address, address.GetAddressBytes().Length * 8) : null);

    private static void SetBytes(ref TraceRequest request, string? text)
    {
        if (text is null)
        {
            return;
        }

        string[] halves = text.Split(':');
        string[] parts = halves.Length == 2 ? halves[1].Split('/') : [];
        byte[]? bytes = parts.Length is 1 or 2 ? Hex(parts[0]) : null;
        byte[]? mask = parts.Length == 2 ? Hex(parts[1]) : bytes?.Select(_ => byte.MaxValue).ToArray();
        bool isGood = uint.TryParse(halves[0], NumberStyles.None, CultureInfo.InvariantCulture, out uint at)
            && at < 4096
            && bytes is { Length: > 0 and <= TraceRequest.FilterBytesMax } && mask?.Length == bytes.Length;
        if (!isGood)
        {
            throw CommandFailure.Input($"--bytes {text}: must be an offset, a colon and 1 to "
                + $"{TraceRequest.FilterBytesMax} bytes in hexadecimal, a slash and as long a mask: "
                    + $"12:0806 or 0:01/01");
        }

        request.FilterAt = at;
        request.FilterBytes = (uint)bytes!.Length;
        bytes.CopyTo(request.Bytes);
        mask!.CopyTo(request.Mask);
    }

    private static byte[]? Hex(string text)
    {
        try
        {
            return Convert.FromHexString(text);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static T? Read<T>(string option, string? text, Func<string, T?> read, string rule)
        where T : class => text is null ? null
        : read(text) ?? throw CommandFailure.Input($"{option} {text}: must be {rule}");

    private static T? Read<T>(string option, string? text, Func<string, T?> read, string rule)
        where T : struct => text is null ? null
        : read(text) ?? throw CommandFailure.Input($"{option} {text}: must be {rule}");

    private static Option<string?> Text(string name, string help, string description) =>
        new(name) { Description = description, HelpName = help };
}
