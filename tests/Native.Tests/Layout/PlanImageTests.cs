using System.Buffers.Binary;
using System.Numerics;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Native.Tests.Layout;

public sealed class PlanImageTests
{
    private static PlanImage Plan => TestPlan.Make([LaneKind.Forward, LaneKind.Generator, LaneKind.Receiver], 2);

    private static string Refusal(byte[] bytes) =>
        Assert.Throws<PlanFormatException>(() => PlanImage.Parse(bytes)).Message;

    [Fact]
    public void WhatIsBuiltIsParsedAndReadBack()
    {
        PlanImage built = Plan;
        PlanImage parsed = PlanImage.Parse(built.Bytes);
        Assert.Equal(built.Bytes, parsed.Bytes);
        Assert.Equal((3, 3, 3u, 2u),
            (parsed.PortCount, parsed.LaneCount, parsed.Header.StageCount, parsed.Header.RuleCount));
        Assert.Equal((uint)built.Bytes.Length, parsed.Header.TotalBytes);
        Assert.Equal("unit", parsed.Header.Name.ToString());
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal((LaneKind)i, parsed.Lane(i).Kind);
            Assert.Equal("p" + i, parsed.Port(i).Name.ToString());
            Assert.Equal((StageKind.Filter, 2u), (parsed.Stage(i).Kind, parsed.Stage(i).RuleCount));
        }
    }

    [Fact]
    public void APlanCutAtAnyLengthOrPaddedIsRefusedAsTruncated()
    {
        byte[] bytes = Plan.Bytes.ToArray();
        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.StartsWith("plan is truncated", Refusal(bytes[..length]), StringComparison.Ordinal);
        }

        Assert.StartsWith("plan is truncated or padded", Refusal([.. bytes, 0]), StringComparison.Ordinal);
    }

    [Fact]
    public void EverySingleFlippedBitIsRefusedByTheRightLine()
    {
        byte[] bytes = Plan.Bytes.ToArray();
        for (int bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            string expected = (bit / 8) switch
            {
                < 8 => "not a plan file",
                < 12 => "plan has version ",
                < 16 => "plan is truncated or padded",
                _ => "plan is damaged",
            };
            string refusal = Refusal(bytes);
            Assert.True(refusal.StartsWith(expected, StringComparison.Ordinal), $"bit {bit}: {refusal}");
            Assert.DoesNotContain('\n', refusal);
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        PlanImage.Parse(bytes); // whole again
    }

    [Fact]
    public void EveryOtherVersionIsRefusedByItsNumber()
    {
        byte[] bytes = Plan.Bytes.ToArray();
        uint[] versions = [.. Enumerable.Range(0, 300).Select(v => (uint)v), uint.MaxValue];
        foreach (uint version in versions.Where(v => v != PlanHeader.VersionValue))
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), version);
            Assert.StartsWith($"plan has version {version}, ", Refusal(bytes), StringComparison.Ordinal);
        }
    }

    /// <summary>Counts at every limit and beyond, with a checksum that fits: 32-bit sums must not come
    /// round.</summary>
    [Fact]
    public void CountsThatDoNotMakeTheFilesSizeAreRefused()
    {
        byte[] good = Plan.Bytes.ToArray();
        foreach (int at in (int[])[24, 28, 32, 36]) // ports, lanes, stages, rules
        {
            uint right = BinaryPrimitives.ReadUInt32LittleEndian(good.AsSpan(at));
            uint[] counts = [0, 1, 2, 4, 64, 65, 256, 257, 4096, 4097, 1 << 24, 1U << 31, uint.MaxValue];
            foreach (uint count in counts.Where(c => c != right))
            {
                byte[] bytes = [.. good];
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), count);
                uint crc = uint.MaxValue;
                foreach (byte b in bytes.AsSpan(20))
                {
                    crc = BitOperations.Crc32C(crc, b);
                }

                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(16), ~crc);
                Assert.StartsWith("plan is inconsistent", Refusal(bytes), StringComparison.Ordinal);
            }
        }
    }
}
