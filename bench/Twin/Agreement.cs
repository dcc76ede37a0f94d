using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Bench.Twin;

/// <summary>Both pipelines over the same odd frames: a twin that does something else measures
/// nothing.</summary>
internal static class Agreement
{
    private const int Passes = 400;

    /// <summary>Ends the process at the first difference; returns how many frames were compared.</summary>
    public static int Check(PlanRule[] rules)
    {
        Random random = new(20_260_117);
        int compared = 0;
        int[] wanted = new int[Pair.BurstFrames];
        byte[][] frames = new byte[Pair.BurstFrames][];
        byte[][] after = new byte[Pair.BurstFrames][];
        HashSet<int> verdictsSeen = [];
        foreach (RuleAction defaultAction in (ReadOnlySpan<RuleAction>)[RuleAction.Pass, RuleAction.Drop])
        {
            using Pair pair = new(rules, defaultAction);
            for (int pass = 0; pass < Passes; pass++)
            {
                for (int i = 0; i < frames.Length; i++)
                {
                    frames[i] = pass == 0 ? Samples.Udp(i) : Samples.Odd(random);
                    pair.Put(i, frames[i]);
                }

                pair.RunManaged(0, pass % 3).CopyTo(wanted); // port 2 has no other side
                for (int i = 0; i < frames.Length; i++)
                {
                    after[i] = pair.Bytes(i).ToArray();
                    pair.Put(i, frames[i]);
                }

                Invariant.Require(pair.RunC(0, pass % 3).SequenceEqual(wanted));
                for (int i = 0; i < frames.Length; i++)
                {
                    Invariant.Require(pair.Bytes(i).SequenceEqual(after[i]));
                }

                compared += frames.Length;
                verdictsSeen.UnionWith(wanted);
            }

            Invariant.Require(pair.CountersAgree());
        }

        // forward 0 and 1, no verdict, and the three drops: every way out was taken.
        Invariant.Require(verdictsSeen.Count == 6);
        return compared;
    }
}
