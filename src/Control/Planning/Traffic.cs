using System.Net;
using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>What the frames of a load are: the file, then the command line over it. Pure.</summary>
internal sealed record Traffic
{
    private const int TagBytes = 4;

    /// <summary>4 or 6.</summary>
    public required int Family { get; init; }

    /// <summary>Frame sizes.</summary>
    public required IReadOnlyList<SizeShare> Sizes { get; init; }

    /// <summary>Where the sizes are said.</summary>
    public required Place SizesAt { get; init; }

    /// <summary>VLAN tags, outer first.</summary>
    public required IReadOnlyList<int> Vlans { get; init; }

    /// <summary>Flows.</summary>
    public required int Flows { get; init; }

    /// <summary>Source addresses.</summary>
    public required AddressRange Source { get; init; }

    /// <summary>Destination addresses.</summary>
    public required AddressRange Destination { get; init; }

    /// <summary>Source ports, as many as the flows need where the file says one.</summary>
    public required PortRange SourcePorts { get; init; }

    /// <summary>Destination ports.</summary>
    public required PortRange DestinationPorts { get; init; }

    /// <summary>Reads both; what contradicts itself is named by key or option.</summary>
    public static Traffic From(Section section, LoadOverrides options, Findings findings)
    {
        List<ConfigurationError> errors = findings.Errors;
        int before = errors.Count;
        int family = (int)LoadOverrides.Read(LoadSchema.Family, "--family",
            options.Family is { } given ? $"{given}" : null, section.Get<long>("family"), errors);
        int[] vlans = LoadOverrides.Read(
            LoadSchema.Vlans, "--vlan", options.Vlan, section.GetOr("vlan", Array.Empty<int>()), errors);
        int least = (family == 4 ? 60 : 80) + (vlans.Length * TagBytes);
        (IReadOnlyList<SizeShare> sizes, Place sizesAt) = ReadSizes(section, options, family, least,
            findings);
        Traffic traffic = new()
        {
            Family = family,
            Vlans = vlans,
            Sizes = sizes,
            SizesAt = sizesAt,
            Flows = (int)LoadOverrides.Read(LoadSchema.Flows, "--flows",
                options.Flows is { } n ? $"{n}" : null, section.Get<long>("flows"), errors),
            Source = LoadOverrides.Read(LoadSchema.Addresses, "--source", options.Source,
                section.GetOr("source", new AddressRange(DefaultSource(family), 1)), errors),
            Destination = LoadOverrides.Read(LoadSchema.Addresses, "--destination", options.Destination,
                section.GetOr("destination", new AddressRange(DefaultDestination(family), 1)), errors),
            SourcePorts = LoadOverrides.Read(LoadSchema.SourcePorts, "--source-port", options.SourcePort,
                section.Get<PortRange>("source_port"), errors),
            DestinationPorts = section.Get<PortRange>("destination_port"),
        };
        string[] keys = ["family", "vlan", "flows", "source", "destination", "source_port",
            "destination_port"];
        if (errors.Count > before || !keys.All(section.IsGood))
        {
            return traffic; // what was said already is not said twice
        }

        CheckFamily(section, options, traffic.Source, family, "source", options.Source, findings);
        CheckFamily(section, options, traffic.Destination, family, "destination", options.Destination,
            findings);
        return errors.Count > before ? traffic : WithPorts(section, options, traffic, findings);
    }

    /// <summary>Puts it into a plan.</summary>
    public void Set(ref PlanLoad plan)
    {
        plan.Family = (uint)Family;
        plan.Flows = (uint)Flows;
        Source.First.TryWriteBytes(plan.Source, out _);
        Destination.First.TryWriteBytes(plan.Destination, out _);
        plan.SourceCount = Source.Count;
        plan.DestinationCount = Destination.Count;
        plan.SourcePort = SourcePorts.Low;
        plan.SourcePortCount = (uint)SourcePorts.Count;
        plan.DestinationPort = DestinationPorts.Low;
        plan.DestinationPortCount = (uint)DestinationPorts.Count;
        plan.VlanCount = (uint)Vlans.Count;
        plan.OuterVlan = (ushort)Vlans.ElementAtOrDefault(0);
        plan.InnerVlan = (ushort)Vlans.ElementAtOrDefault(1);
        for (int i = 0; i < Sizes.Count; i++)
        {
            plan.Sizes[i] = new PlanSize
            {
                FrameBytes = (uint)Sizes[i].FrameBytes,
                FrameBytesMax = (uint)Sizes[i].FrameBytesMax,
                Weight = (uint)Sizes[i].Weight,
            };
        }
    }

    // RFC 2544, RFC 5180: addresses for the benchmark of a network device.
    private static IPAddress DefaultSource(int family) => IPAddress.Parse(family == 4 ? "198.18.0.1"
        : "2001:2::1");

    private static IPAddress DefaultDestination(int family) =>
        IPAddress.Parse(family == 4 ? "198.19.0.1" : "2001:2:0:1::1");

    private static (IReadOnlyList<SizeShare> Sizes, Place At) ReadSizes(
        Section section, LoadOverrides options, int family, int least, Findings findings)
    {
        bool isOption = options.Size != null || options.Imix != null;
        bool isImix = isOption ? options.Imix != null : section.Has("imix");
        Place place = options.Imix != null ? LoadOverrides.Option("--imix", options.Imix)
            : options.Size != null ? LoadOverrides.Option("--size", options.Size)
            : section.At(isImix ? "imix" : "size", least);
        if (isOption ? options.Size != null && options.Imix != null : section.Has("size")
            && section.Has("imix"))
        {
            findings.Error(place, isOption ? "--size says it already" : "size says it already",
                isOption ? "Give one of them." : "Write size or imix, not both.");
        }

        int before = findings.Errors.Count;
        SizeShare smallest = new(least, least, 1);
        IReadOnlyList<SizeShare> sizes = isImix
            ? LoadOverrides.Read(LoadSchema.Imix, "--imix", options.Imix,
                section.GetOr<IReadOnlyList<SizeShare>>("imix", []), findings.Errors)
            : [LoadOverrides.Read(
                LoadSchema.FrameSize, "--size", options.Size, section.GetOr("size", smallest),
                    findings.Errors)];
        bool isGood = isOption || (section.IsGood("size") && section.IsGood("imix"));
        if (findings.Errors.Count == before && isGood)
        {
            CheckSizes(sizes, family, least, place, findings);
        }

        return (sizes, place);
    }

    private static void CheckSizes(
        IReadOnlyList<SizeShare> sizes, int family, int least, Place place, Findings findings)
    {
        int tags = (least - (family == 4 ? 60 : 80)) / TagBytes;
        string tagged = tags == 0 ? "" : tags == 1 ? " and a tag" : $" and {tags} tags";
        foreach (SizeShare size in sizes.Where(size => size.FrameBytes < least))
        {
            findings.Error(place,
                $"frames of {size.FrameBytes} bytes: an IPv{family} frame with the generator's mark{tagged} "
                    + $"has at least {least}",
                $"Write {least}.");
        }
    }

    private static void CheckFamily(Section section, LoadOverrides options, AddressRange addresses,
        int family,
        string key, string? option, Findings findings)
    {
        if (addresses.Family != family)
        {
            Place place = option != null ? LoadOverrides.Option("--" + key, option)
                : section.Has(key) ? section.At(key) : LoadOverrides.Option("--family", $"{options.Family}");
            findings.Error(place, $"must be an IPv{family} address, family is {family}",
                options.Family == null ? $"Write family = {(family == 4 ? 6 : 4)}, or another address."
                    : $"Give --family {(family == 4 ? 6 : 4)}, or another --{key}.");
        }
    }

    // One source port stands for as many as the flows need beside the other ranges.
    private static Traffic WithPorts(Section section, LoadOverrides options, Traffic traffic,
        Findings findings)
    {
        Place flowsAt = options.Flows is { } flows ? LoadOverrides.Option("--flows", $"{flows}")
            : section.At("flows");
        double others = (double)traffic.Source.Count * traffic.Destination.Count * traffic.DestinationPorts.Count;
        if (traffic.SourcePorts.Count > 1)
        {
            double most = others * traffic.SourcePorts.Count;
            if (most < traffic.Flows)
            {
                findings.Error(flowsAt, $"the ranges of addresses and ports make {most:0} flows",
                    "Widen a range, or ask for fewer flows.");
            }

            return traffic;
        }

        int needed = (int)Math.Ceiling(traffic.Flows / others);
        int last = traffic.SourcePorts.Low + needed - 1;
        if (last > ushort.MaxValue)
        {
            findings.Error(flowsAt,
                $"{traffic.Flows} flows need {needed} source ports from {traffic.SourcePorts.Low} on, "
                    + $"65535 is the "
                    + "last",
                "Lower source_port, or give source or destination as a range of addresses.");
            return traffic;
        }

        return traffic with { SourcePorts = new PortRange(traffic.SourcePorts.Low, (ushort)last) };
    }
}
