using System.Buffers.Binary;
using LowLatency.Native.Tracing;
using Xunit;

namespace LowLatency.Native.Tests.Tracing;

/// <summary>Pages as events/header_page and header_event describe them.</summary>
public sealed class RingPageTests
{
    private const int PageBytes = 4096;
    private const int HeaderBytes = 16;

    [Fact]
    public void RecordsComeInOrderWithTheirTimes()
    {
        byte[] page = Page(1000, Data(5, 1), Data(7, 2, words: 3), Data(0, 3));
        Assert.Equal([(1005UL, (byte)1, 4), (1012, 2, 12), (1012, 3, 4)], Read(page));
    }

    [Fact]
    public void ALongRecordHasItsLengthInTheWordBehind()
    {
        byte[] page = Page(0, LongData(9, 4, 200), Data(1, 5));
        Assert.Equal([(9UL, (byte)4, 200), (10, 5, 4)], Read(page));
    }

    [Fact]
    public void TimesBeyondARecordsOwnBitsAreExtended()
    {
        byte[] page = Page(100, Words(Word(30, 7), 3), Data(2, 1));
        Assert.Equal([((3UL << 27) + 109, (byte)1, 4)], Read(page));
    }

    [Fact]
    public void AnAbsoluteStampReplacesTheTimeAndKeepsItsTopBits()
    {
        byte[] page = Page((5UL << 59) + 77, Words(Word(31, 11), 2), Data(1, 1));
        Assert.Equal([((5UL << 59) + (2UL << 27) + 12, (byte)1, 4)], Read(page));
    }

    [Fact]
    public void PaddingIsPassedOverAndEndsThePageWhenItIsEmpty()
    {
        byte[] page = Page(0, Words(Word(29, 3), 8, 0), Data(1, 1), Words(Word(29, 0)), Data(1, 9));
        Assert.Equal([(4UL, (byte)1, 4)], Read(page));
    }

    [Fact]
    public void LostRecordsAreCountedWhereTheKernelSaysHowMany()
    {
        byte[] one = Page(0, Data(1, 1));
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(one.AsSpan(8));
        Assert.Equal(0, new RingPage(one).Missed);
        BinaryPrimitives.WriteUInt32LittleEndian(one.AsSpan(8), length | (1U << 31));
        Assert.Equal(1, new RingPage(one).Missed);
        BinaryPrimitives.WriteUInt32LittleEndian(one.AsSpan(8), length | (3U << 30));
        BinaryPrimitives.WriteInt64LittleEndian(one.AsSpan(HeaderBytes + (int)length), 4711);
        Assert.Equal(4711, new RingPage(one).Missed);
        Assert.Equal([(1UL, (byte)1, 4)], Read(one));
    }

    [Fact]
    public void WhateverIsInAPageReadingItEnds()
    {
        Random random = new(7);
        byte[] page = new byte[PageBytes];
        for (int i = 0; i < 20_000; i++)
        {
            random.NextBytes(page.AsSpan(0, 64));
            BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(8), (uint)random.Next(0, 1 << 20));
            Assert.InRange(Read(page.AsSpan(0, random.Next(PageBytes))).Count, 0, PageBytes / 4);
        }
    }

    private static List<(ulong Time, byte First, int Bytes)> Read(ReadOnlySpan<byte> page)
    {
        List<(ulong, byte, int)> records = [];
        RingPage ring = new(page);
        while (ring.TryNext(out ulong time, out ReadOnlySpan<byte> record))
        {
            records.Add((time, record.Length > 0 ? record[0] : (byte)0, record.Length));
        }

        return records;
    }

    private static uint Word(uint type, uint delta) => type | (delta << 5);

    private static uint[] Words(params uint[] words) => words;

    private static uint[] Data(uint delta, uint first, uint words = 1)
    {
        uint[] record = new uint[1 + words];
        (record[0], record[1]) = (Word(words, delta), first);
        return record;
    }

    private static uint[] LongData(uint delta, uint first, uint bytes)
    {
        uint[] record = new uint[2 + (bytes / 4)];
        (record[0], record[1], record[2]) = (Word(0, delta), bytes + 4, first);
        return record;
    }

    private static byte[] Page(ulong time, params uint[][] records)
    {
        byte[] page = new byte[PageBytes];
        uint[] words = [.. records.SelectMany(record => record)];
        BinaryPrimitives.WriteUInt64LittleEndian(page, time);
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(8), (uint)(words.Length * 4));
        for (int i = 0; i < words.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(HeaderBytes + (i * 4)), words[i]);
        }

        return page;
    }
}
