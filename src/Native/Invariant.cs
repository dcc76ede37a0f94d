using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace LowLatency.Native;

/// <summary>Programmer errors: checked in Release too, never caught, any thread.</summary>
public static class Invariant
{
    /// <summary>Ends the process with the text of <paramref name="holds"/> unless it holds.</summary>
    /// <param name="holds">One fact, stated positively.</param>
    /// <param name="what">The expression's text, filled in by the compiler.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Require(
        [DoesNotReturnIf(false)] bool holds,
        [CallerArgumentExpression(nameof(holds))] string what = "")
    {
        if (!holds)
        {
            Break(what);
        }
    }

    [DoesNotReturn, MethodImpl(MethodImplOptions.NoInlining)] // cold: keeps callers small
    private static void Break(string what) => Environment.FailFast($"invariant broken: {what}");
}
