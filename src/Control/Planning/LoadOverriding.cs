using System.Globalization;
using LowLatency.Control.Configuration;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>Applies the command line's load options to [load]; mistakes name the option. Pure.</summary>
internal static class LoadOverriding
{
    private const int HeadersV4 = 14 + 20 + 8;
    private const int HeadersV6 = 14 + 40 + 8;

    /// <summary>The section with the options applied.</summary>
    public static LoadConfiguration Apply(LoadConfiguration load, LoadOverrides with, List<ConfigurationError> errors)
    {
        load = load with
        {
            RatePps = Take<double>(with.Rate, "--rate", load.RatePps, LoadReader.TryLoadRate,
                "more than 0 and at most 50M frames a second", "--rate 100k", errors),
            Schedule = Take(with.Schedule, "--schedule", load.Schedule,
                (string text, out Schedule value) => (int)(value = Names.ScheduleOf(text)) >= 0,
                "constant or poisson", "--schedule poisson", errors),
            DurationNs = Take<long>(with.Duration, "--duration", load.DurationNs, TryPositive,
                "a duration with its unit", "--duration 10s", errors),
            WarmupNs = Take<long>(with.Warmup, "--warmup", load.WarmupNs, Quantity.TryDuration,
                "a duration with its unit", "--warmup 1s", errors),
            Flows = Take(with.Flows?.ToString(CultureInfo.InvariantCulture), "--flows", load.Flows,
                (string text, out uint value) => uint.TryParse(text, out value) && value is > 0 and <= Limits.FlowsMax
                    && load.SourcePort + value - 1 <= ushort.MaxValue,
                $"1 to {Limits.FlowsMax}, and source_port + flows below 65536", "--flows 64", errors),
            Sizes = Take(with.Size, "--size", load.Sizes, TrySize, "a frame length in bytes, without FCS", "--size 60", errors),
        };
        if (with.Size != null && with.Imix != null)
        {
            errors.Add(new ConfigurationError("--imix", with.Imix, "--size and --imix exclude each other", "Remove one."));
        }

        load = load with
        {
            Sizes = Take<PlanSizes>(with.Imix, "--imix", load.Sizes, Quantity.TryImix, "up to 8 pairs of size:weight",
                "--imix 60:7,594:4,1514:1", errors),
        };
        CheckSizes(load, with, errors);
        return load;
    }

    private static void CheckSizes(LoadConfiguration load, LoadOverrides with, List<ConfigurationError> errors)
    {
        int least = (load.Family == 4 ? HeadersV4 : HeadersV6) + FrameStamp.SizeBytes;
        PlanSizes sizes = load.Sizes;
        foreach (PlanSize size in (ReadOnlySpan<PlanSize>)sizes)
        {
            if (size.Weight > 0 && size.FrameBytes < least)
            {
                string rule = $"at least {least} bytes: headers of IPv{load.Family} and UDP, and {FrameStamp.SizeBytes} of mark";
                errors.Add(with.Size != null || with.Imix != null
                    ? new ConfigurationError(with.Size != null ? "--size" : "--imix", $"{size.FrameBytes}", rule, "Enlarge it.")
                    : load.Source.Error(load.Source.Has("imix") ? "imix" : "size", rule, "Enlarge it."));
            }
        }
    }

    private static T Take<T>(
        string? text, string option, T fallback, TryParser<T> parser, string rule, string example,
        List<ConfigurationError> errors)
    {
        if (text == null || parser(text, out T value))
        {
            return text == null ? fallback : Parsed(text, parser);
        }

        errors.Add(new ConfigurationError(option, text, rule, $"Write for example {example}."));
        return fallback;
    }

    private static T Parsed<T>(string text, TryParser<T> parser)
    {
        _ = parser(text, out T value);
        return value;
    }

    private static bool TryPositive(string text, out long ns) => Quantity.TryDuration(text, out ns) && ns > 0;

    private static bool TrySize(string text, out PlanSizes sizes)
    {
        sizes = default;
        bool isNumber = uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint bytes) && bytes <= 9600;
        sizes[0] = new PlanSize { FrameBytes = bytes, Weight = 1 };
        return isNumber;
    }
}
