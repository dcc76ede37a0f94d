using System.IO.Compression;
using System.Text;

namespace LowLatency.Control.Readiness;

/// <summary>How the running kernel was built, from /boot/config-RELEASE, the same beside its modules, or
/// /proc/config.gz. Pure.</summary>
internal sealed class KernelConfig
{
    /// <summary>Reads that rules which ask for it declare.</summary>
    public static IReadOnlyList<Read> Reads { get; } =
        [HostIdentity.Kernel, InBoot + "*", "/lib/modules/*/config",
            new Read(Compressed, Traits: ReadTraits.Raw)];

    private const string InBoot = "/boot/config-";
    private const string Compressed = "/proc/config.gz";
    private const int MostBytes = 4 << 20;

    private readonly Dictionary<string, string> _options = [];

    private KernelConfig(string source, IEnumerable<string> lines)
    {
        foreach (string[] pair in lines.Where(line => line.StartsWith("CONFIG_", StringComparison.Ordinal))
            .Select(line => line.Split('=', 2)))
        {
            _options[pair[0]["CONFIG_".Length..]] = pair.Length == 2 ? pair[1] : "";
        }

        if (_options.Count < 20)
        {
            throw new NotReadException($"{source}: it is no configuration of a kernel");
        }
    }

    /// <summary>Of the running kernel; null when the host shows none.</summary>
    /// <exception cref="NotReadException">It cannot be read, or is none.</exception>
    public static KernelConfig? Of(Facts facts)
    {
        string release = facts.Line(HostIdentity.Kernel);
        string[] files = [InBoot + release, $"/lib/modules/{release}/config"];
        string? file = facts.Match(InBoot + "*").Concat(facts.Match("/lib/modules/*/config"))
            .Select(match => match.Source).FirstOrDefault(files.Contains);
        if (file is not null)
        {
            return new KernelConfig(file, facts.Lines(file));
        }

        return facts.Get(Compressed).State == FactState.Missing ? null
            : new KernelConfig(Compressed, Unpack(facts.Bytes(Compressed)).Split('\n'));
    }

    /// <summary>An option is y or m.</summary>
    public bool Has(string option) => _options.GetValueOrDefault(option) is "y" or "m";

    private static string Unpack(byte[] bytes)
    {
        try
        {
            using GZipStream stream = new(new MemoryStream(bytes), CompressionMode.Decompress);
            using MemoryStream text = new();
            byte[] buffer = new byte[64 << 10];
            for (int count = stream.Read(buffer); count > 0
                && text.Length < MostBytes; count = stream.Read(buffer))
            {
                text.Write(buffer, 0, count);
            }

            return Encoding.UTF8.GetString(text.ToArray());
        }
        catch (InvalidDataException)
        {
            throw new NotReadException($"{Compressed}: it is not compressed text");
        }
    }
}
