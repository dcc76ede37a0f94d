using System.Diagnostics;
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

    // One block that ends in a throw, and no NoInlining: so the compiler sees that it does not return, moves
    // the call out of the way, and keeps the caller's values in registers across it.
    [DoesNotReturn]
    private static void Break(string what)
    {
        End(what);
        throw new UnreachableException();
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // cold: keeps Break a single block
    private static void End(string what) => Environment.FailFast($"invariant broken: {what}");
}
