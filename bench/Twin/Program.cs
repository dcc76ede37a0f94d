using System.Diagnostics;
using System.Globalization;
using LowLatency.Bench.Twin;
using LowLatency.Native.Layout;
using LowLatency.Native.Threads;

// lowlat-twin [--rounds N] [--bursts N] [--json FILE]: the fused C# pipeline against the same in C.
int rounds = 101;
int bursts = 40_000; // ~20 ms a block: long against a timer tick, short against the host's moods
string? json = null;
for (int i = 0; i + 1 < args.Length; i += 2)
{
    switch (args[i])
    {
        case "--rounds": rounds = int.Parse(args[i + 1], CultureInfo.InvariantCulture); break;
        case "--bursts": bursts = int.Parse(args[i + 1], CultureInfo.InvariantCulture); break;
        case "--json": json = args[i + 1]; break;
        default: Console.Error.WriteLine($"no option {args[i]}: --rounds, --bursts, --json"); return 1;
    }
}

ThreadControl.Pin(Environment.ProcessorCount - 1);
int compared = Agreement.Check(Samples.Rules);
Console.WriteLine($"{compared} frames: verdicts, bytes and counters are the same");
using Pair pair = new(Samples.Rules, RuleAction.Drop);
for (int slot = 0; slot < Pair.FrameCount; slot++)
{
    pair.Put(slot, Samples.Udp(slot));
}

double[] managed = new double[rounds];
double[] native = new double[rounds];
Block(pair, bursts / 4, isManaged: true);
Block(pair, bursts / 4, isManaged: false);
for (int round = 0; round < rounds; round++)
{
    bool managedFirst = round % 2 == 0;
    double first = Block(pair, bursts, managedFirst);
    double second = Block(pair, bursts, !managedFirst);
    (managed[round], native[round]) = managedFirst ? (first, second) : (second, first);
}

double[] ratios = [.. managed.Zip(native, (a, b) => a / b).Order()];
double ratio = ratios[rounds / 2];
Console.WriteLine($"C#  {Median(managed):F2} ns/packet (min {managed.Min():F2})");
Console.WriteLine($"C   {Median(native):F2} ns/packet (min {native.Min():F2})");
Console.WriteLine($"C#/C pairs: {ratios[0]:F3} / {ratio:F3} / {ratios[^1]:F3} (n={rounds})");
if (json != null)
{
    FormattableString text = $$"""
        { "schema": "lowlat.bench/1", "bench": "twin", "values": { "pipeline.vs.c": {{ratio:F4}},
          "pipeline.ns.csharp": {{Median(managed):F3}}, "pipeline.ns.c": {{Median(native):F3}} } }

        """;
    Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(json))!);
    File.WriteAllText(json, text.ToString(CultureInfo.InvariantCulture));
}

return 0;

static double Block(Pair pair, int bursts, bool isManaged)
{
    long start = Stopwatch.GetTimestamp();
    for (int i = 0; i < bursts; i++)
    {
        int burst = i % (Pair.FrameCount / Pair.BurstFrames);
        _ = isManaged ? pair.RunManaged(burst) : pair.RunC(burst);
    }

    return Stopwatch.GetElapsedTime(start).TotalNanoseconds / ((double)bursts * Pair.BurstFrames);
}

static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);
