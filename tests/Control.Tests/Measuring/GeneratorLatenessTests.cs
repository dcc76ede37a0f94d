using LowLatency.Control.Measuring;
using Xunit;

namespace LowLatency.Control.Tests.Measuring;

public sealed class GeneratorLatenessTests
{
    private static LatencySummary At(long? p999) =>
        LatencySummary.Empty with { Count = 20_000, P50Ns = 100, P999Ns = p999, MaxNs = 1_000_000 };

    private static string Why(
        long? late, long? endToEnd, bool isShort = false, long unsent = 0) => string.Join('|',
            GeneratorLateness.Of(At(late), endToEnd == 0 ? null : At(endToEnd), 1e6, 4e5, isShort, unsent));

    [Fact]
    public void A_generator_is_on_time_up_to_both_limits() => Assert.Equal("", Why(5_000, 50_000));

    [Fact]
    public void Over_five_microseconds_is_late_however_slow_the_device() =>
        Assert.Equal("its lateness at p99.9 is 5.00 us, limit 5.00 us", Why(5_001, 900_000));

    [Fact]
    public void Over_a_tenth_of_the_tail_is_late_however_fast_the_generator() =>
        Assert.Equal("its lateness at p99.9 is over a tenth of the end-to-end 9.00 us", Why(901, 9_000));

    [Fact]
    public void A_rate_that_was_not_reached_and_frames_given_up_are_named() =>
        Assert.Equal("it sent 400 000 of 1 000 000 pps: the rate is above what this generator, or its "
            + "port, can "
            + "send|12 frames were given up, too late to send", Why(100, 50_000, isShort: true, unsent: 12));

    [Theory]
    [InlineData(null, 50_000L)]
    [InlineData(4_000L, null)]
    [InlineData(4_000L, 0L)]
    public void A_percentile_that_the_samples_do_not_carry_is_held_against_no_one(
        long? late, long? endToEnd) =>
        Assert.Equal("", Why(late, endToEnd));
}
