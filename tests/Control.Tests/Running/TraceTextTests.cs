using LowLatency.Control.Running;
using Xunit;

namespace LowLatency.Control.Tests.Running;

/// <summary>A followed frame, for eyes.</summary>
public sealed class TraceTextTests
{
    [Fact]
    public void Each_stage_has_a_line_and_each_change_too() => Assert.Equal("""
        fwd #3: in by a, 60 bytes, in a burst of 2
          01020304 0506
           0 filter        +    0.75 us  goes on
           1 route         +    1.50 us  out by b
               22: 40 > 3f
             end           +    1.75 us  out by b

        """, TraceText.Render(new TracedFrame("fwd", 3, "a", 5, 2, 60, "010203040506",
        [
            new TracedStep(0, "filter", "goes on", 750, []),
            new TracedStep(1, "route", "out by b", 1500, ["22: 40 > 3f"]),
        ], "out by b", 1750)));
}
