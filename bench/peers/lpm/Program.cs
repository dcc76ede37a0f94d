using System.Globalization;
using System.Text.Json;
using LowLatency.Bench.Lpm;
using LowLatency.Native.Threads;

// lowlat-lpm [--rounds N] [--keys N] [--scale N] [--huge 0|1] [--json FILE]: the route tables against DPDK's.
int rounds = 31;
int keys = 1 << 18; // of 16 MiB of first loads: more than L2, within a large L3
int scale = 1;
int huge = 0;
string? json = null;
for (int i = 0; i + 1 < args.Length; i += 2)
{
    switch (args[i])
    {
        case "--rounds": rounds = int.Parse(args[i + 1], CultureInfo.InvariantCulture); break;
        case "--keys": keys = int.Parse(args[i + 1], CultureInfo.InvariantCulture); break;
        case "--scale": scale = int.Parse(args[i + 1], CultureInfo.InvariantCulture); break;
        case "--huge": huge = int.Parse(args[i + 1], CultureInfo.InvariantCulture); break;
        case "--json": json = args[i + 1]; break;
        default:
            Console.Error.WriteLine($"no option {args[i]}: --rounds, --keys, --scale, --huge, --json");
            return 1;
    }
}

if (Peer.Init(huge) < 0)
{
    Console.Error.WriteLine("DPDK's environment did not start"
        + (huge == 0 ? "" : ": 768 free huge pages are needed"));
    return 2;
}

ThreadControl.Pin(Environment.ProcessorCount - 1);
Console.WriteLine($"rte_lpm and rte_fib in {(huge == 0 ? "4 KiB" : "2 MiB")} pages, "
    + "ours in a file in memory, 4 KiB pages");
List<(string Name, double Ratio)> ratios =
[
    .. Ipv4.Run("internet4", Routes.Internet4(1_000_000 / scale, new Random(1)), keys, rounds),
    .. Ipv4.Run("hosts4", Routes.Hosts4(200_000 / scale, new Random(2)), keys, rounds),
    .. Ipv6.Run("internet6", Routes.Internet6(200_000 / scale, new Random(3)), keys, rounds),
];
if (json != null)
{
    Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(json))!);
    using FileStream stream = File.Create(json);
    using Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true });
    writer.WriteStartObject();
    writer.WriteString("schema", "lowlat.bench/1");
    writer.WriteString("bench", "lpm");
    writer.WriteStartObject("values");
    foreach ((string name, double ratio) in ratios)
    {
        writer.WriteNumber($"lpm.{name}", Math.Round(ratio, 4));
    }

    writer.WriteEndObject();
    writer.WriteEndObject();
}

return 0;
