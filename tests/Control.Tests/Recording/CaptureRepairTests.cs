using LowLatency.Control.Commands;
using LowLatency.Control.Recording;
using LowLatency.Control.Tests.Commands;
using Xunit;

namespace LowLatency.Control.Tests.Recording;

public sealed class CaptureRepairTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lowlat-repair-").FullName;

    private string Name => Path.Combine(_folder, "a.pcapng");

    [Fact]
    public void Whatever_a_crash_leaves_every_packet_before_it_is_saved()
    {
        SampleCapture sample = new(packets: 120, seed: 1);
        for (int seed = 0; seed < 1000; seed++)
        {
            Random random = new(seed);
            int border = sample.Ends[random.Next(sample.Ends.Count)];
            // Near the border of a packet as often as anywhere, but behind the section's header.
            int cut = seed % 2 == 0 ? random.Next(64, sample.Image.Length)
                : Math.Clamp(border + random.Next(-13, 14), 64, sample.Image.Length);
            byte[] tail = new byte[random.Next(0, 5000)];
            if (seed % 3 == 1)
            {
                random.NextBytes(tail); // what the disk held before
            }

            byte[] left = [.. sample.Image.AsSpan(0, cut), .. seed % 3 == 0 ? [] : tail];
            File.WriteAllBytes(Name + ".part", left);
            CaptureRepairResult result = CaptureRepair.Run(Name + ".part");
            // What follows the cut may be what was there: zeros are.
            int same = left.AsSpan().CommonPrefixLength(sample.Image);
            int whole = sample.Ends.Count(end => end <= same);
            Assert.True(result.Packets == whole, $"seed {seed}: {result.Packets} of {whole} packets");
            Assert.Equal(left.Length, result.KeptBytes + result.CutBytes);
            Assert.Equal(sample.Image[..(int)result.KeptBytes], File.ReadAllBytes(Name));
            CaptureSummary saved = CaptureSummary.Of(Name);
            Assert.Equal((result.Packets, null), (saved.Packets, saved.Torn));
            if (seed % 100 == 0)
            {
                Assert.Equal(whole, Shark.Read(Name).Count);
            }

            File.Delete(Name);
        }
    }

    [Fact]
    public void What_is_repaired_gets_its_name_and_the_hidden_one_is_gone()
    {
        SampleCapture sample = new(packets: 20, seed: 2);
        File.WriteAllBytes(Name + ".part", [.. sample.Image.AsSpan(0, sample.Ends[9]), .. new byte[4096]]);
        CommandRun run = CommandRun.Of("record", "repair", Name + ".part");
        Assert.Equal((0, $"{Name}: 10 packets, 4096 bytes cut (zeros follow)\n", ""),
            (run.Code, run.Out, run.Error));
        Assert.Equal([Name], Directory.GetFiles(_folder));
    }

    [Fact]
    public void A_file_that_was_made_ready_and_never_written_is_removed()
    {
        File.WriteAllBytes(Name + ".part", new byte[3 << 20]);
        CaptureRepairResult result = CaptureRepair.Run(Name + ".part");
        Assert.Equal((0L, 3L << 20), (result.Packets, result.CutBytes));
        Assert.False(File.Exists(Name + ".part"));
        Assert.False(File.Exists(Name));
    }

    [Fact]
    public void A_file_that_is_still_written_is_left_alone()
    {
        using CaptureOutput output = new(Name);
        output.Add(new CaptureInterface(1, 0, "x"));
        Assert.Equal(ExitCode.Host, CommandRun.Of("record", "repair", Name + ".part").Code);
        output.Publish();
        Assert.Equal([Name], Directory.GetFiles(_folder));
    }

    [Theory]
    [InlineData("a.pcapng", "only what a crash left, named *.part, is repaired")]
    [InlineData("none.part", "no such file")]
    [InlineData("text.part", "not a capture")]
    [InlineData("head.part", "nothing in it is whole")]
    [InlineData("taken.part", "is there already")]
    public void What_cannot_be_repaired_is_named_and_left_as_it_was(string name, string part)
    {
        File.WriteAllText(Path.Combine(_folder, "text.part"), "hello, world");
        File.WriteAllBytes(Path.Combine(_folder, "head.part"), new SampleCapture(1, 1).Image[..20]);
        File.WriteAllBytes(Path.Combine(_folder, "taken.part"), new SampleCapture(1, 1).Image);
        File.WriteAllText(Path.Combine(_folder, "taken"), "");
        CommandRun run = CommandRun.Of("record", "repair", Path.Combine(_folder, name));
        Assert.Equal((1, ""), (run.Code, run.Out));
        Assert.Contains(part, run.Error, StringComparison.Ordinal);
        Assert.Equal(4, Directory.GetFiles(_folder).Length);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
