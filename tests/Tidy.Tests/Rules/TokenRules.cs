using System.Text.RegularExpressions;
using LowLatency.Tidy.Tests.Text;

namespace LowLatency.Tidy.Tests.Rules;

/// <summary>A word that does not belong in a room, and what belongs there instead.</summary>
/// <param name="Rule">The rule's id.</param>
/// <param name="Pattern">What is looked for, in code alone.</param>
/// <param name="AppliesTo">The room: which files.</param>
/// <param name="Fix">What to write instead.</param>
internal sealed record Ban(string Rule, Regex Pattern, Func<SourceFile, bool> AppliesTo, string Fix)
{
    /// <summary>Every place where the file's code has the word.</summary>
    public IEnumerable<Finding> Check(SourceFile file) =>
        !file.IsCSharp || !AppliesTo(file)
            ? []
            : from line in file.CodeLines.Index()
              from match in Pattern.Matches(line.Item)
              select new Finding(file.Path, line.Index + 1, Rule, $"'{match.Value.Trim()}': {Fix}");
}

/// <summary>The words of each room. Only code counts: comments and texts may name what they like.</summary>
internal static class TokenRules
{
    /// <summary>Every ban, the ones for all rooms last.</summary>
    public static readonly Ban[] All =
    [
        new("unsafe-room", new(@"\bunsafe\b|\bfixed\s*\("), MustBeSafe,
            "pointers live in src/Native; use NativeRef, NativeSpan, UmemView or a span"),
        new("unsafe-room", new(@"\b(?:Marshal|MemoryMarshal|Unsafe)\."), MustBeSafe,
            "memory tricks live in src/Native; use NativeRef, BinaryPrimitives, or add a verb to Native"),
        new("unsafe-room", new(@"\b(?:DllImport|LibraryImport)\b"), MustBeSafe,
            "declarations live in src/Native/Interop; call a verb of Native"),

        new("lane-waits", new(@"\basync\s|\bawait\s|\b(?:Value)?Task\s*[.<]"), InDataplane,
            "a lane is one thread that never yields to a scheduler; do it at boot, or in Control"),
        new("lane-waits", new(@"\block\s*\("), InDataplane,
            "one writer per field needs no lock; publish it in the lane's page"),
        new("lane-shares", new(@"\bInterlocked\."), InDataplane,
            "one writer per field: a plain store, or Volatile.Write where order matters"),
        new("lane-shares", new(@"\bvolatile\s"), InDataplane,
            "Volatile.Read and Volatile.Write at the place where order matters"),
        new("lane-clock", new(@"\bDateTime(?:Offset)?\b"), InDataplane,
            "CLOCK_MONOTONIC nanoseconds, read once per turn; Control knows what day it is"),
        new("lane-allocates", new(@"\bSystem\.Linq\b|\.(?:Select|Where|ToList|OrderBy)\("), InDataplane,
            "a for loop over a span: LINQ allocates"),
        new("lane-speaks", new(@"\bConsole\."),
            file => InDataplane(file) && file.Path != "src/Dataplane/Program.cs",
            "count it, or emit an event; only Program.cs speaks, and only at boot"),
        new("lane-throws", new(@"\bthrow\b"), OnLane,
            "count it and go on, or Invariant.Require; only boot may throw"),

        new("no-sleep", new(@"\bThread\.Sleep\b"), _ => true,
            "wait for the thing itself with a limit: a handle, poll, Process.WaitForExit(ms), Waiter"),
    ];

    /// <summary>Mutable ring structs behind <c>readonly</c> or <c>in</c>: calls would go to a copy.</summary>
    /// <param name="file">The file.</param>
    /// <param name="rings">Names of the ring types that are mutable structs.</param>
    public static IEnumerable<Finding> ReadOnlyRings(SourceFile file, IReadOnlyCollection<string> rings)
    {
        if (!file.IsCSharp || rings.Count == 0)
        {
            return [];
        }

        var pattern = new Regex($@"\b(?:readonly|in)\s+(?:\w+\.)*({string.Join('|', rings)})\s+\w+\s*[;,)=]");
        return from line in file.CodeLines.Index()
               where pattern.IsMatch(line.Item)
               select new Finding(file.Path, line.Index + 1, "readonly-ring",
                   "drop readonly: a ring is a mutable struct, and its indices would move in a copy only");
    }

    /// <summary>The mutable ring structs that a file of Native/Xdp defines.</summary>
    public static IEnumerable<string> MutableRings(SourceFile file) =>
        file.IsCSharp && file.IsIn("src/Native/Xdp")
            ? MutableRing.Matches(file.Code).Select(match => match.Groups[1].Value)
            : [];

    private static readonly Regex MutableRing = new(@"(?<!\breadonly\s+(?:\w+\s+)*)\bstruct\s+(\w*Ring)\b");

    private static bool MustBeSafe(SourceFile file) =>
        !file.IsIn("src/Native") && !file.IsIn("tests/Native.Tests") && !file.IsIn("tests/Netns.Tests")
        && !file.IsIn("bench/Twin") && !file.IsIn("bench/peers");

    private static bool InDataplane(SourceFile file) => file.IsIn("src/Dataplane");

    private static bool OnLane(SourceFile file) =>
        (file.IsIn("src/Dataplane/Lanes") || file.IsIn("src/Dataplane/Stages")
            || file.IsIn("src/Dataplane/Load") || file.IsIn("src/Dataplane/Packets"))
        && file.Path != "src/Dataplane/Stages/PipelineBuilder.cs";   // builds at boot, from the plan
}
