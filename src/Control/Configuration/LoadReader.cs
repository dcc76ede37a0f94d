using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Configuration;

/// <summary>Reads [load] with its paths and objectives.</summary>
internal static class LoadReader
{
    /// <summary>Most frames a second that a schedule is made for; no port here sends more.</summary>
    public const double RateMax = 50e6;

    /// <summary>Percentiles that an objective can name.</summary>
    public static readonly string[] Percentiles = ["p50", "p90", "p99", "p99.9", "p99.99", "p99.999", "max"];

    /// <summary>Reads the section.</summary>
    public static LoadConfiguration Read(Section load)
    {
        uint family = (uint)load.Number("family", 4, 4, 6);
        (int generatorCpu, int receiverCpu) = ReadCpus(load);
        Section? direct = load.Table("direct");
        Section? slo = load.Table("slo");
        LoadConfiguration configuration = new()
        {
            Generator = LaneReader.ReadThread(load, generatorCpu),
            ReceiverCpu = receiverCpu,
            RatePps = load.Parse("rate", 100_000.0, TryLoadRate, "more than 0 and at most 50M frames a second", "\"100k\""),
            Schedule = Names.ScheduleOf(load.Text("schedule", "constant", Names.Schedules)),
            Sizes = ReadSizes(load, family),
            Flows = (uint)load.Number("flows", 64, 1, Limits.FlowsMax),
            Seed = (ulong)load.Number("seed", 1, 0, long.MaxValue),
            DurationNs = load.Duration("duration", "10s"),
            WarmupNs = load.Duration("warmup", "1s"),
            Family = family,
            Address = ReadAddress(load, "source", family, family == 4 ? "198.18.0.1" : "2001:2::1"),
            DestinationAddress = ReadAddress(load, "destination", family, family == 4 ? "198.19.0.1" : "2001:2:0:1::1"),
            SourcePort = (ushort)load.Number("source_port", 10_000, 1, ushort.MaxValue),
            DestinationPort = (ushort)load.Number("destination_port", 4000, 1, ushort.MaxValue),
            QuietEveryNs = load.Duration("quiet_every", "0s"),
            QuietForNs = load.Duration("quiet_for", "1ms"),
            QuietGuardNs = load.Duration("quiet_guard", "200us"),
            DirectShare = load.Fraction("direct_share", 0.2),
            SliceNs = load.Duration("slice", "100ms"),
            Through = ReadPath(load.Table("through"), load),
            Direct = direct == null ? null : ReadPath(direct, load),
            Slo = slo == null ? [] : ReadSlo(slo),
            MaxLoss = slo?.Has("max_loss") == true ? slo.Fraction("max_loss", 0) : null,
            Source = load,
        };
        slo?.Fraction("max_loss", 0);
        slo?.RejectUnknown();
        Check(load, configuration);
        load.RejectUnknown();
        return configuration;
    }

    /// <summary>The rule of a rate, for the file and the command line alike.</summary>
    public static bool TryLoadRate(string text, out double rate) =>
        Quantity.TryRate(text, out rate) && rate is > 0 and <= RateMax;

    private static void Check(Section load, LoadConfiguration c)
    {
        if (c.QuietEveryNs > 0 && c.QuietForNs + c.QuietGuardNs >= c.QuietEveryNs)
        {
            load.Fail("quiet_every", "longer than quiet_for and quiet_guard together", "Lengthen it: 20ms leaves 94 %.");
        }

        if (c.DurationNs <= 0)
        {
            load.Fail("duration", "longer than nothing", "p99.99 with ten samples above it needs rate × duration >= 100k.");
        }

        if (c.SliceNs < 1_000_000)
        {
            load.Fail("slice", "at least 1ms", "100ms interleaves both paths ten times a second.");
        }

        if (c.Direct != null && c.DirectShare is <= 0 or >= 1)
        {
            load.Fail("direct_share", "more than 0 and less than 1", "Remove [load.direct] to measure without it.");
        }

        if (c.SourcePort + c.Flows - 1 > ushort.MaxValue)
        {
            load.Fail("flows", "source_port + flows stays below 65536", "Lower one of them.");
        }

        if (c.Family == 5)
        {
            load.Fail("family", "4 or 6", "Write family = 4 or family = 6.");
        }
    }

    private static (int Generator, int Receiver) ReadCpus(Section load)
    {
        int shared = (int)load.Number("cpu", -1, 0, Limits.CpusMax - 1);
        int generator = (int)load.Number("generator_cpu", shared, 0, Limits.CpusMax - 1);
        int receiver = (int)load.Number("receiver_cpu", shared, 0, Limits.CpusMax - 1);
        bool hasPair = load.Has("generator_cpu") && load.Has("receiver_cpu");
        bool hasOne = load.Has("generator_cpu") || load.Has("receiver_cpu");
        if (load.Has("cpu") ? hasOne : !hasPair)
        {
            load.Fail("", "either cpu, or generator_cpu and receiver_cpu",
                "cpu = N runs both on one shared thread; two CPUs give each its own.");
        }
        else if (hasPair && generator == receiver)
        {
            load.Fail("receiver_cpu", "another CPU than generator_cpu", "cpu = N runs both on one shared thread.");
        }

        return (generator, receiver);
    }

    private static PlanSizes ReadSizes(Section load, uint family)
    {
        PlanSizes sizes = default;
        sizes[0] = new PlanSize { FrameBytes = (uint)load.Number("size", family == 4 ? 60 : 80, 60, 9600), Weight = 1 };
        PlanSizes imix = load.Parse<PlanSizes>("imix", default, Quantity.TryImix,
            "up to 8 pairs of size:weight", "\"60:7,594:4,1514:1\"");
        if (load.Has("imix") && load.Has("size"))
        {
            load.Fail("imix", "size and imix exclude each other", "Remove one of them.");
        }

        return load.Has("imix") ? imix : sizes;
    }

    private static Address16 ReadAddress(Section load, string key, uint family, string fallback)
    {
        string text = load.Text(key, fallback);
        if (!Quantity.TryPrefix(text, out Address16 address, out uint bits, out uint own) || own != family
            || bits != (family == 4 ? 32 : 128))
        {
            load.Fail(key, $"an IPv{family} address", $"Write for example \"{fallback}\".");
        }

        return address;
    }

    private static PathConfiguration ReadPath(Section? path, Section load)
    {
        if (path == null)
        {
            load.Fail("", "[load.through] is missing", "Add [load.through] with tx = \"port\" and rx = \"port\".");
            return new PathConfiguration
            {
                Tx = "", Rx = "", SourceMac = 0, DestinationMac = 0, DestinationMacOf = "", Source = load,
            };
        }

        PathConfiguration configuration = new()
        {
            Tx = path.Required("tx"),
            Rx = path.Required("rx"),
            SourceMac = path.Parse<ulong>("source_mac", 0, Quantity.TryMac, "a MAC address", "\"02:00:00:00:00:01\""),
            DestinationMac = path.Parse<ulong>(
                "destination_mac", 0, Quantity.TryMac, "a MAC address", "\"02:00:00:00:00:01\""),
            DestinationMacOf = path.Text("destination_mac_of", ""),
            Source = path,
        };
        path.RejectUnknown();
        return configuration;
    }

    private static List<SloLimit> ReadSlo(Section slo)
    {
        List<SloLimit> limits = [];
        foreach (string percentile in Percentiles)
        {
            long limitNs = slo.Duration(percentile, "0s");
            if (slo.Has(percentile))
            {
                limits.Add(new SloLimit(percentile, limitNs));
            }
        }

        return limits;
    }
}
