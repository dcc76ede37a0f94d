using LowLatency.Native.Tracing;
using Xunit;

namespace LowLatency.Native.Tests.Tracing;

/// <summary>Format files, as Linux 6.18 writes them.</summary>
public sealed class EventFormatTests
{
    private const string IrqHandlerEntry =
        "name: irq_handler_entry\nID: 225\nformat:\n"
        + "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
        + "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
        + "\tfield:int irq;\toffset:8;\tsize:4;\tsigned:1;\n"
        + "\tfield:__data_loc char[] name;\toffset:12;\tsize:4;\tsigned:0;\n\n"
        + "print fmt: \"irq=%d name=%s\", REC->irq, __get_str(name)\n";

    [Fact]
    public void FieldsAreFoundByName()
    {
        EventFormat format = EventFormat.Parse(IrqHandlerEntry);
        Assert.Equal(("irq_handler_entry", 225), (format.Name, format.Id));
        Assert.Equal(new EventField(8, 4, true, false), format["irq"]);
        Assert.Equal(new EventField(12, 4, false, true), format["name"]);
        Assert.Null(format["action"]);
    }

    [Fact]
    public void ArraysAndPointersAreNamedWithoutTheirSigns()
    {
        EventFormat format = EventFormat.Parse("name: x\nID: 1\n"
            + "\tfield:char next_comm[16];\toffset:40;\tsize:16;\tsigned:0;\n"
            + "\tfield:void * function;\toffset:16;\tsize:8;\tsigned:0;\n");
        Assert.Equal(16, format["next_comm"]!.Value.Bytes);
        Assert.Equal(8, format["function"]!.Value.Bytes);
    }

    [Fact]
    public void ValuesAreReadFromARecordAndAShortOneGivesNone()
    {
        EventFormat format = EventFormat.Parse(IrqHandlerEntry);
        byte[] record = [225, 0, 0, 0, 9, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF, 16, 0, 5, 0, .. "eth0\0"u8];
        Assert.Equal(-2, format["irq"]!.Value.Number(record));
        Assert.Equal("eth0", format["name"]!.Value.Text(record));
        Assert.Equal("", format["name"]!.Value.Text(record.AsSpan(0, 18)));
        Assert.Equal(0, format["irq"]!.Value.Number(record.AsSpan(0, 10)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("name: x\n")]
    [InlineData("name: x\nID: 1\n\tfield:int irq;\tsize:4;\tsigned:1;\n")]
    public void WhatIsNoFormatIsRefused(string text) =>
        Assert.Throws<FormatException>(() => EventFormat.Parse(text));
}
