using System.Globalization;
using LowLatency.Control.Configuring;

namespace LowLatency.Control.Planning;

/// <summary>Options of the command line that stand in for keys of [load], as typed; null: not
/// given.</summary>
internal sealed record LoadOverrides
{
    /// <summary>No option given.</summary>
    public static readonly LoadOverrides None = new();

    /// <summary>--rate.</summary>
    public string? Rate { get; init; }

    /// <summary>--size.</summary>
    public string? Size { get; init; }

    /// <summary>--imix.</summary>
    public string? Imix { get; init; }

    /// <summary>--schedule.</summary>
    public string? Schedule { get; init; }

    /// <summary>--burst: frames and gap.</summary>
    public string? Burst { get; init; }

    /// <summary>--ramp-to.</summary>
    public string? RampTo { get; init; }

    /// <summary>--steps.</summary>
    public string? Steps { get; init; }

    /// <summary>--duration.</summary>
    public string? Duration { get; init; }

    /// <summary>--warmup.</summary>
    public string? Warmup { get; init; }

    /// <summary>--vlan.</summary>
    public string? Vlan { get; init; }

    /// <summary>--family.</summary>
    public int? Family { get; init; }

    /// <summary>--source.</summary>
    public string? Source { get; init; }

    /// <summary>--destination.</summary>
    public string? Destination { get; init; }

    /// <summary>--source-port.</summary>
    public string? SourcePort { get; init; }

    /// <summary>--pcap.</summary>
    public string? Pcap { get; init; }

    /// <summary>--pcap-timing.</summary>
    public string? PcapTiming { get; init; }

    /// <summary>--flows.</summary>
    public int? Flows { get; init; }

    /// <summary>--no-direct: the path through the device under test only.</summary>
    public bool NoDirect { get; init; }

    /// <summary>--slo, each as <c>p99.99=50us</c> or <c>max_loss=0.001</c>.</summary>
    public IReadOnlyList<string> Slo { get; init; } = [];

    /// <summary>The place of an option, for errors.</summary>
    public static Place Option(string name, string value) => new("", 0, 0, name, value);

    /// <summary>The value of an option, by the type of its key.</summary>
    /// <param name="type">Type of the key.</param>
    /// <param name="name">The option, for errors.</param>
    /// <param name="text">As typed; null: not given.</param>
    /// <param name="otherwise">What holds when it was not given.</param>
    /// <param name="errors">Takes what is wrong.</param>
    public static T Read<T>(
        OptionType type, string name, string? text, T otherwise, List<ConfigurationError> errors)
    {
        if (text == null)
        {
            return otherwise;
        }

        // An integer type takes no string: what is typed as a number is one.
        bool isNumber = long.TryParse(
            text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)
            && type.Takes.Contains("an integer");
        return (T)type.Read(new TomlValue(Option(name, text), isNumber ? number : text), errors);
    }
}
