using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using LowLatency.Bench.Acl;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Tables;
using LowLatency.Native.Tests.Tables;

// The compiled access list against DPDK's rte_acl: same rules, same keys, bursts of 64, rounds in turn.
const int KeyCount = 16384;
const int Burst = 64;
int rounds = 31;
int seed = 42;
string? json = null;
string? only = null;
for (int i = 0; i + 1 < args.Length; i += 2)
{
    switch (args[i])
    {
        case "--rounds": rounds = int.Parse(args[i + 1], CultureInfo.InvariantCulture); break;
        case "--seed": seed = int.Parse(args[i + 1], CultureInfo.InvariantCulture); break;
        case "--json": json = args[i + 1]; break;
        case "--kind": only = args[i + 1]; break;
        default: Console.Error.WriteLine($"'{args[i]}' is not understood"); return 1;
    }
}

if (!Peer.TryStart())
{
    Console.Error.WriteLine("DPDK's environment did not start");
    return 2;
}

List<(string Name, double Value)> ratios = [];
foreach (RuleSetKind kind in Enum.GetValues<RuleSetKind>())
{
    foreach (int count in (int[])[10, 100, 1000, 10000])
    {
        if (only == null || only.Equals(kind.ToString(), StringComparison.OrdinalIgnoreCase))
        {
            ratios.Add(($"{kind}.{count}", Compare(kind, count)));
        }
    }
}

if (json != null)
{
    Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(json))!);
    using FileStream stream = File.Create(json);
    using Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true });
    writer.WriteStartObject();
    writer.WriteString("schema", "lowlat.bench/1");
    writer.WriteString("bench", "acl");
    writer.WriteStartObject("values");
    foreach ((string name, double value) in ratios)
    {
        writer.WriteNumber($"acl.vs.rte.{name.ToLowerInvariant()}", Math.Round(value, 3));
    }

    writer.WriteEndObject();
    writer.WriteEndObject();
}

return 0;

double Compare(RuleSetKind kind, int count)
{
    AclRule[] rules = AclRuleSets.Make(kind, count, seed);
    Random random = new(seed + 7);
    AclSample[] samples = new AclSample[KeyCount];
    for (int i = 0; i < KeyCount; i++)
    {
        AclSample sample = AclRuleSets.Near(rules[random.Next(count)], random, 4);
        bool hasPorts = sample.Parts.Protocol is 6 or 17;
        AclKey.Parts parts = new(sample.Parts.Protocol,
            hasPorts ? sample.Parts.Ports : 0, hasPorts, true, hasPorts ? 0 : -1, 0, 0);
        samples[i] = sample with { Parts = parts };
    }

    long start = Stopwatch.GetTimestamp();
    if (!AclBuilder.TryBuild(rules, out byte[]? image, out string? problem))
    {
        throw new InvalidOperationException(problem);
    }

    double buildMs = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    using MappedMemory memory = MappedMemory.Anonymous(image!.Length, HugePages.Never);
    NativeSpan<byte> bytes = memory.Slice<byte>(0, image.Length);
    image.CopyTo(bytes.Span);
    AclTable ours = new(bytes);
    start = Stopwatch.GetTimestamp();
    Peer peer = new($"{kind}{count}", rules);
    double peerBuildMs = Stopwatch.GetElapsedTime(start).TotalMilliseconds;

    AclKey[] keys = Array.ConvertAll(samples, sample => sample.Key);
    PeerKey[] peerKeys = Array.ConvertAll(samples, sample => new PeerKey(sample));
    int[] found = new int[KeyCount];
    uint[] peerFound = new uint[KeyCount];
    string algorithm = Best(peer, peerKeys, peerFound);
    double[] mine = new double[rounds];
    double[] theirs = new double[rounds];
    for (int round = -2; round < rounds; round++)
    {
        start = Stopwatch.GetTimestamp();
        for (int at = 0; at < KeyCount; at += Burst)
        {
            ours.Match(keys.AsSpan(at, Burst), found.AsSpan(at, Burst));
        }

        double first = Stopwatch.GetElapsedTime(start).TotalNanoseconds / KeyCount;
        start = Stopwatch.GetTimestamp();
        peer.Classify(peerKeys, peerFound, Burst);
        double second = Stopwatch.GetElapsedTime(start).TotalNanoseconds / KeyCount;
        if (round >= 0)
        {
            (mine[round], theirs[round]) = (first, second);
        }
    }

    AssertSame(samples, found, peerFound);
    double here = Median(mine);
    double there = Median(theirs);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{kind,-9} {count,6} rules: {here,6:F1} ns, rte_acl {algorithm} {there,6:F1} ns, "
        + $"ratio {here / there:F2} (least {mine[0]:F1}, {theirs[0]:F1}, {mine[0] / theirs[0]:F2}); "
        + $"{ours.TreeCount(4)} trees, {image.Length / 1024} KiB, "
        + $"built in {buildMs:F0} ms ({peerBuildMs:F0} ms)"));
    return here / there;
}

string Best(Peer peer, PeerKey[] keys, uint[] results)
{
    (uint Number, string Name) best = (0, "default");
    double least = double.MaxValue;
    foreach ((uint number, string name) in Peer.Algorithms)
    {
        if (!peer.Choose(number))
        {
            continue;
        }

        for (int i = 0; i < 5; i++)
        {
            long start = Stopwatch.GetTimestamp();
            peer.Classify(keys, results, Burst);
            double took = Stopwatch.GetElapsedTime(start).TotalNanoseconds;
            if (took < least)
            {
                (best, least) = ((number, name), took);
            }
        }
    }

    _ = peer.Choose(best.Number);
    return best.Name;
}

static void AssertSame(AclSample[] samples, int[] found, uint[] peerFound)
{
    for (int i = 0; i < samples.Length; i++)
    {
        if (found[i] + 1 != (int)peerFound[i])
        {
            throw new InvalidOperationException(
                $"key {i} {samples[i]}: rule {found[i]} here, {(int)peerFound[i] - 1} there");
        }
    }
}

static double Median(double[] values)
{
    Array.Sort(values);
    return values[values.Length / 2];
}
