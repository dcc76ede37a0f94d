using LowLatency.Control.Configuring;
using Xunit;

namespace LowLatency.Control.Tests.ConfigurationTexts;

/// <summary>Units and lists, good and bad.</summary>
public sealed class QuantitiesTests
{
    [Theory]
    [InlineData("20us", 20_000L)]
    [InlineData("1.5ms", 1_500_000L)]
    [InlineData("10s", 10_000_000_000L)]
    [InlineData("2min", 120_000_000_000L)]
    [InlineData("7ns", 7L)]
    [InlineData("0s", 0L)]
    [InlineData("0.5ns", null)]
    [InlineData("10", null)]
    [InlineData("-1s", null)]
    [InlineData("1e3s", null)]
    [InlineData("1 s", null)]
    [InlineData("s", null)]
    [InlineData("", null)]
    [InlineData("99999999999999999999s", null)]
    public void Durations_are_whole_nanoseconds(string text, long? ns) =>
        Assert.Equal(ns, Quantities.Duration(text));

    [Theory]
    [InlineData("100k", 100e3)]
    [InlineData("1.5M", 1.5e6)]
    [InlineData("2500", 2500.0)]
    [InlineData("1K", null)]
    [InlineData("k", null)]
    [InlineData("-1k", null)]
    public void Rates_have_suffixes(string text, double? rate) => Assert.Equal(rate, Quantities.Rate(text));

    [Theory]
    [InlineData("0", "0")]
    [InlineData("0,2-3", "0,2,3")]
    [InlineData("0-15:2/4", "0,1,4,5,8,9,12,13")]
    [InlineData("all", "all")]
    [InlineData("2-N", "2-N")]
    [InlineData("0-N:1/2", "0-N:1/2")]
    [InlineData("3-1", null)]
    [InlineData("1024", null)]
    [InlineData("0-7:3/2", null)]
    [InlineData("0-7:0/2", null)]
    [InlineData("0:1/2", null)]
    [InlineData("1,,2", null)]
    [InlineData("1, 2", null)]
    [InlineData("N-4", null)]
    [InlineData("", null)]
    public void Lists_of_CPUs_are_the_kernel_s(string text, string? cpus) =>
        Assert.Equal(cpus, Quantities.Cpus(text)?.ToString());

    [Theory]
    [InlineData("64KiB", 65_536L)]
    [InlineData("512MiB", 512L << 20)]
    [InlineData("10GiB", 10L << 30)]
    [InlineData("2TiB", 2L << 40)]
    [InlineData("0KiB", 0L)]
    [InlineData("1048576TiB", 1L << 60)]
    [InlineData("1048577TiB", null)]
    [InlineData("10", null)]
    [InlineData("10GB", null)]
    [InlineData("10gib", null)]
    [InlineData("1.5GiB", null)]
    [InlineData("-1GiB", null)]
    [InlineData("1 GiB", null)]
    [InlineData("GiB", null)]
    [InlineData("", null)]
    public void Sizes_have_binary_units(string text, long? bytes) =>
        Assert.Equal(bytes, Quantities.Bytes(text));

    [Theory]
    [InlineData("25G", 25_000L)]
    [InlineData("2.5G", 2_500L)]
    [InlineData("400G", 400_000L)]
    [InlineData("100M", 100L)]
    [InlineData("0.0001G", null)]
    [InlineData("0G", null)]
    [InlineData("0M", null)]
    [InlineData("1.5M", null)]
    [InlineData("25000", null)]
    [InlineData("25g", null)]
    [InlineData("-1G", null)]
    [InlineData("20000G", null)]
    [InlineData("G", null)]
    public void Speeds_are_whole_Mbit_a_second(string text, long? mbit) =>
        Assert.Equal(mbit, Quantities.Speed(text));

    [Theory]
    [InlineData("2027-01-31", 31)]
    [InlineData("2028-02-29", 29)]
    [InlineData("2027-02-29", null)]
    [InlineData("2027-13-01", null)]
    [InlineData("2027-1-31", null)]
    [InlineData("2027-01-31T00:00:00", null)]
    [InlineData(" 2027-01-31", null)]
    [InlineData("31.1.2027", null)]
    [InlineData("", null)]
    public void Dates_are_year_month_and_day(string text, int? day) =>
        Assert.Equal(day, Quantities.Date(text)?.Day);

    [Theory]
    [InlineData("02:00:00:00:00:01", 0x0100_0000_0002UL)]
    [InlineData("02:00:00:00:00", null)]
    [InlineData("02:00:00:00:00:0g", null)]
    [InlineData("2:0:0:0:0:1", null)]
    public void MACs_have_their_first_byte_lowest(string text, ulong? mac) =>
        Assert.Equal(mac, Quantities.Mac(text));

    [Theory]
    [InlineData("10.0.0.0/8", 8)]
    [InlineData("10.1.2.3", 32)]
    [InlineData("0.0.0.0/0", 0)]
    [InlineData("2001:db8::/32", 32)]
    [InlineData("::1", 128)]
    [InlineData("10.0.0.0/33", null)]
    [InlineData("10.0.0.1/24", null)]
    [InlineData("10.1", null)]
    [InlineData("fe80::1%eth0", null)]
    [InlineData("[::1]:80", null)]
    public void Prefixes_have_no_bits_behind_them(string text, int? bits) =>
        Assert.Equal(bits, Quantities.AddressPrefix(text)?.Bits);

    [Theory]
    [InlineData("4000", 4000, 4000)]
    [InlineData("1-2", 1, 2)]
    [InlineData("0-65535", 0, 65535)]
    [InlineData("2-1", -1, -1)]
    [InlineData("65536", -1, -1)]
    [InlineData("1-", -1, -1)]
    public void Port_ranges_have_both_ends(string text, int low, int high) =>
        Assert.Equal(low < 0 ? null : new PortRange((ushort)low, (ushort)high), Quantities.Ports(text));

    [Fact]
    public void An_IMIX_has_one_to_eight_sizes()
    {
        Assert.Equal([new SizeShare(60, 60, 7), new SizeShare(594, 594, 4), new SizeShare(1514, 1514, 1)],
            Quantities.Imix("60:7,594:4,1514:1"));
        Assert.Equal(8, Quantities.Imix("1,2,3,4,5,6,7,8")?.Count);
        Assert.Null(Quantities.Imix("1,2,3,4,5,6,7,8,9"));
        Assert.Null(Quantities.Imix("60:0"));
        Assert.Null(Quantities.Imix(""));
    }
}
