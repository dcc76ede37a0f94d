using LowLatency.Control.Configuring;
using Xunit;

namespace LowLatency.Control.Tests.ConfigurationTexts;

public sealed class TextHashTests
{
    [Theory] // FIPS 180-4's examples, and what sha256sum prints of a file
    [InlineData("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [InlineData("name = \"µ\"\n", "4aff250ffa81bf70d5c1831020dd9b85513af5b65c8473bb5debeeb9c1e92bd3")]
    public void AHashIsTheOneThatSha256SumPrints(string text, string hash) =>
        Assert.Equal(hash, TextHash.Of(text));
}
