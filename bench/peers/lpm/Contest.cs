using System.Globalization;

namespace LowLatency.Bench.Lpm;

/// <summary>One way to look all keys up, and the values it found.</summary>
/// <param name="Name">What is printed.</param>
/// <param name="Against">The one that it is compared with; empty: it is a yardstick.</param>
/// <param name="Run">Looks up all keys.</param>
/// <param name="Mask">Bits of a value that count: rte_lpm's bulk lookup leaves a flag above them.</param>
internal sealed record Contestant(string Name, string Against, Action<uint[]> Run, uint Mask = uint.MaxValue);

/// <summary>Contestants over the same keys in turn, round after round.</summary>
internal static class Contest
{
    private const int WarmRuns = 3;

    /// <summary>Runs them, prints a line each, and returns ratio by name; ends the process's work when one
    /// of them finds other values than the first.</summary>
    public static List<(string Name, double Ratio)> Hold(
        string title, int keys, int rounds, Contestant[] contestants)
    {
        double[][] ns = [.. contestants.Select(_ => new double[rounds])];
        uint[] values = new uint[keys];
        uint[] wanted = [];
        for (int round = -1; round < rounds; round++)
        {
            for (int turn = 0; turn < contestants.Length; turn++)
            {
                int at = round % 2 == 0 ? turn : contestants.Length - 1 - turn; // odd rounds backwards
                for (int i = 0; i < WarmRuns; i++)
                {
                    contestants[at].Run(values); // each finds the cache as it left it itself
                }

                ulong start = Peer.ThreadNs();
                contestants[at].Run(values);
                double took = (Peer.ThreadNs() - start) / (double)keys; // of this thread: others may run, too
                if (round >= 0)
                {
                    ns[at][round] = took;
                    continue;
                }

                wanted = wanted.Length == 0 ? Masked(values, contestants[at].Mask) : wanted;
                Compare(title, contestants[at], wanted, values);
            }
        }

        List<(string Name, double Ratio)> ratios = [];
        for (int i = 0; i < contestants.Length; i++)
        {
            int against = Array.FindIndex(contestants, c => c.Name == contestants[i].Against);
            string ratio = "";
            if (against >= 0)
            {
                double[] pairs = [.. ns[i].Zip(ns[against], (a, b) => a / b).Order()];
                ratios.Add(($"{title}.{contestants[i].Name}", pairs[rounds / 2]));
                ratio = string.Create(CultureInfo.InvariantCulture,
                    $"  {pairs[rounds / 2]:F2} of {contestants[against].Name} "
                    + $"({pairs[0]:F2} to {pairs[^1]:F2}), least {ns[i].Min() / ns[against].Min():F2}");
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  {contestants[i].Name,-20} {ns[i].Order().ElementAt(rounds / 2),7:F2} ns "
                + $"(least {ns[i].Min():F2}){ratio}"));
        }

        return ratios;
    }

    private static uint[] Masked(uint[] values, uint mask) => Array.ConvertAll(values, value => value & mask);

    private static void Compare(string title, Contestant contestant, uint[] wanted, uint[] values)
    {
        for (int i = 0; i < wanted.Length; i++)
        {
            if ((values[i] & contestant.Mask) != wanted[i])
            {
                throw new InvalidOperationException(
                    $"{title}: {contestant.Name} finds {values[i] & contestant.Mask} for key {i}, not "
                    + $"{wanted[i]}");
            }
        }
    }
}
