using Xunit;

namespace LowLatency.Appliance.Tests.Harness;

/// <summary>The harness itself: every kernel boots, answers and ends in order.</summary>
[Trait("scenario", "boot")]
public sealed class GuestTests
{
    [Theory]
    [InlineData("rt")]
    [InlineData("stock")]
    [InlineData("zero-copy")]
    public void AGuestBootsAnswersAndPowersOff(string name)
    {
        Kernel kernel = new(name);
        using Guest guest = Guest.Boot(new GuestSetup("boot-" + name, kernel));
        Assert.Equal(kernel.Release + "\n", guest.Do("uname -r"));
        Assert.Equal(new GuestAnswer(3, "out\n", "err\n"), guest.Run("echo out; echo err >&2; exit 3"));
        Assert.Contains("LowLatency", guest.Do("lowlat --help"), StringComparison.Ordinal);
        Assert.Equal(0, guest.Run("lowlatd --version").Code);
        guest.PowerOff();
    }
}
