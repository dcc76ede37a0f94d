using LowLatency.Control.Running;
using Xunit;

namespace LowLatency.Control.Tests.Running;

/// <summary>What a reload shows before it happens.</summary>
public sealed class NextGenerationTests
{
    [Theory]
    [InlineData("a b c", "a b c", "")]
    [InlineData("a b c", "a c", "-b")]
    [InlineData("a c", "a b c", "+b")]
    [InlineData("a b c d", "a x c y d", "-b +x +y")]
    [InlineData("", "a", "+a")]
    [InlineData("a a a", "a a", "-a")]
    public void Only_what_goes_and_comes_is_shown(string before, string after, string shown)
    {
        string[] Split(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(shown, string.Join(' ',
            LineDifference.Of(Split(before), Split(after)).Select(line => $"{line.Mark}{line.Line}")));
    }
}
