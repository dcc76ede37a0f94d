using LowLatency.Native.Netlink;
using Xunit;

namespace LowLatency.Native.Tests.Netlink;

/// <summary>The decoder of recorded answers: on the kernel's own, and on bytes the kernel would not
/// send.</summary>
public sealed class NetlinkRecordTests
{
    private const int LinkHeader = 16;

    [Fact]
    public void A_number_is_read_by_its_length_and_its_order()
    {
        NetlinkTree tree = Tree([.. Attribute(1, 0xFE), .. Attribute(2, 1, 2), .. Attribute(3, 1, 2, 3, 0xFF),
            .. Attribute(4, 1, 2, 3, 4, 5, 6, 7, 8), .. Attribute(5), .. Attribute(6, 1, 2, 3)]);
        Assert.Equal([0xFEUL, 0x0201UL, 0xFF030201UL, 0x0807060504030201UL],
            Enumerable.Range(1, 4).Select(type => tree.Number(type)!.Value));
        Assert.Equal([-2L, 0x0201L, -16580095L, 0x0807060504030201L],
            Enumerable.Range(1, 4).Select(type => tree.Signed(type)!.Value));
        Assert.Equal(0x010203FFUL, tree.NetworkNumber(3));
        Assert.True(tree.Has(5));
        Assert.Equal((null, null, null), (tree.Number(9), tree.Signed(9), tree.NetworkNumber(9)));
        foreach (int type in (int[])[5, 6])
        {
            Assert.Contains("1, 2, 4 or 8",
                Assert.Throws<NetlinkFormatException>(() => tree.Number(type)).Message,
                StringComparison.Ordinal);
            Assert.Throws<NetlinkFormatException>(() => tree.Signed(type));
            Assert.Throws<NetlinkFormatException>(() => tree.NetworkNumber(type));
        }
    }

    [Fact]
    public void Text_ends_at_its_zero_byte_and_bytes_are_all_of_them()
    {
        NetlinkTree tree = Tree(Attribute(7, (byte)'a', (byte)'b', 0, (byte)'c'));
        Assert.Equal("ab", tree.Text(7));
        Assert.Equal([0x61, 0x62, 0, 0x63], tree.Bytes(7)!);
        Assert.Null(tree.Text(8));
        Assert.Null(tree.Bytes(8));
        Assert.False(tree.Has(8));
    }

    [Fact]
    public void Levels_below_repeat_nest_and_number_themselves_in_order()
    {
        byte[] first = Attribute(1, 11);
        byte[] second = Attribute(1, 22);
        NetlinkTree tree = Tree([.. Attribute(3, first), .. Attribute(4, 1), .. Attribute(0x8003, second),
            .. Attribute(5, [.. Attribute(0, first), .. Attribute(1, second)])]);
        Assert.Equal([3, 4, 3, 5], tree.Types);
        Assert.Equal(11UL, tree.Child(3)!.Number(1)); // with or without NLA_F_NESTED
        Assert.Equal([11UL, 22UL], tree.Children(3).Select(child => child.Number(1)!.Value));
        Assert.Equal([11UL, 22UL], tree.Elements(5).Select(child => child.Number(1)!.Value));
        Assert.Null(tree.Child(9));
        Assert.Empty(tree.Children(9));
        Assert.Empty(tree.Elements(9));
        Assert.Throws<NetlinkFormatException>(() => tree.Child(4));
        Assert.Throws<NetlinkFormatException>(() => tree.Elements(4));
    }

    [Fact]
    public void A_field_of_a_struct_is_read_and_one_the_kernel_does_not_have_is_null()
    {
        NetlinkTree tree = Tree(Attribute(7, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0));
        Assert.Equal((1UL, 2UL, 3UL), (tree.Field(7, 0, 4), tree.Field(7, 4, 4), tree.Field(7, 8, 2)));
        Assert.Equal(0x2_0000_0001UL, tree.Field(7, 0, 8));
        Assert.Null(tree.Field(7, 12, 4));
        Assert.Null(tree.Field(8, 0, 4));
        Assert.Throws<NetlinkFormatException>(() => tree.Field(7, 8, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.Field(7, -1, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.Field(7, 0, 3));
    }

    [Fact]
    public void An_end_closes_a_list_and_an_error_is_a_last_record_with_the_kernels_words()
    {
        byte[] data = Message(20, flags: 2, 1, 0, 0, 0);
        IReadOnlyList<NetlinkRecord> list = NetlinkRecord.Parse(
            [.. data, .. data, .. Message(3, flags: 2, 0, 0, 0, 0), .. data], 4);
        Assert.Equal([20, 20], list.Select(record => (int)record.MessageType));
        Assert.Equal(1UL, list[0].HeaderNumber(0, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => list[0].HeaderNumber(2, 4));

        byte[] words = Attribute(1, "no such thing\0"u8.ToArray());
        byte[] echo = new byte[16];
        echo[0] = 20; // a header and 4 bytes
        byte[] code = [0xED, 0xFF, 0xFF, 0xFF]; // -ENODEV
        Refused(Message(2, 0x300, [.. code, .. echo, .. words]), "no such thing");
        Refused(Message(2, 0x200, [.. code, .. echo, 1, 2, 3, 4, .. words]), "no such thing");
        Refused(Message(3, 0x202, [.. code, .. words]), "no such thing");
        Refused(Message(2, 0, [.. code, .. echo, 1, 2, 3, 4]), "");
        Assert.Empty(NetlinkRecord.Parse(Message(2, 0, [0, 0, 0, 0, .. echo]), 4)); // an acknowledgement
        Assert.Empty(NetlinkRecord.Parse([], 4));
        Assert.Single(NetlinkRecord.Parse([.. data, .. Message(3, flags: 2)], 4)); // an end without a word

        void Refused(byte[] end, string text)
        {
            NetlinkRecord last = NetlinkRecord.Parse([.. data, .. end], 4)[1];
            Assert.Equal((Errno.ENODEV, text), (last.Errno, last.Refusal));
            Assert.Empty(last.Attributes.Types);
        }
    }

    [Theory]
    [InlineData("a list without its end", 24, 0, 0, 0, 20, 0, 2, 0)]
    [InlineData("fewer bytes than it says", 25, 0, 0, 0, 20, 0, 0, 0)]
    [InlineData("less than a header", 15, 0, 0, 0, 20, 0, 0, 0)]
    [InlineData("far too many", 0xFF, 0xFF, 0xFF, 0xFF, 20, 0, 0, 0)]
    [InlineData("an error that is none", 24, 0, 0, 0, 3, 0, 0, 0)]
    [InlineData("an error cut short", 24, 0, 0, 0, 2, 0, 0, 0)]
    public void Bytes_that_cannot_be_an_answer_are_said_so(string what, params int[] start)
    {
        byte[] message = new byte[24];
        start.Select(value => (byte)value).ToArray().CopyTo(message, 0);
        message[16] = 8; // an error of 8; for data, an attribute's header
        NetlinkFormatException refused = Assert.Throws<NetlinkFormatException>(
            () => NetlinkRecord.Parse(message, 0));
        Assert.True(refused.Message.Length > 20, $"{what}: {refused.Message}");
    }

    [Theory]
    [InlineData("route.link", LinkHeader)]
    [InlineData("ethtool.features", 4)]
    public void A_real_answer_cut_anywhere_is_refused_and_one_changed_anywhere_is_read_or_refused(
        string question, int headerBytes)
    {
        using NetlinkQuery query = NetlinkQuery.Open("");
        NetlinkAnswer answer = query.Ask(question, "lo");
        Assert.Equal(Errno.Ok, answer.Errno);
        byte[] whole = answer.Messages;
        Assert.True(Walk(NetlinkRecord.Parse(whole, headerBytes)) > 10);
        for (int length = 1; length < whole.Length; length++)
        {
            Assert.Throws<NetlinkFormatException>(
                () => NetlinkRecord.Parse(whole.AsSpan(0, length), headerBytes));
        }

        Random random = new(20261123); // fixed: a failure can be repeated
        for (int round = 0; round < 2_000; round++)
        {
            byte[] changed = [.. whole];
            changed[random.Next(whole.Length)] = (byte)random.Next(256);
            Try(changed, headerBytes);
        }
    }

    [Fact]
    public void Random_bytes_are_read_or_refused()
    {
        Random random = new(20240607);
        for (int round = 0; round < 2_000; round++)
        {
            byte[] bytes = new byte[random.Next(256)];
            random.NextBytes(bytes);
            if (bytes.Length > 24 && round % 2 == 0)
            {
                // Lengths that fit now and then.
                BitConverter.TryWriteBytes(bytes, random.Next(16, bytes.Length + 2));
                BitConverter.TryWriteBytes(bytes.AsSpan(20), (ushort)random.Next(0, bytes.Length));
            }

            Try(bytes, random.Next(24));
        }
    }

    private static void Try(byte[] bytes, int headerBytes)
    {
        try
        {
            _ = Walk(NetlinkRecord.Parse(bytes, headerBytes));
        }
        catch (NetlinkFormatException refused)
        {
            Assert.NotEmpty(refused.Message);
        }
    }

    private static int Walk(IReadOnlyList<NetlinkRecord> records) =>
        records.Sum(record => 1 + Walk(record.Attributes, depth: 0));

    private static int Walk(NetlinkTree tree, int depth)
    {
        int count = 0;
        foreach (int type in tree.Types.Distinct())
        {
            count += 1 + tree.Bytes(type)!.Length;
            _ = tree.Text(type);
            try
            {
                _ = tree.Number(type);
                _ = tree.Field(type, 4, 8);
            }
            catch (NetlinkFormatException)
            {
                count++;
            }

            try
            {
                count += depth < 8 ? tree.Children(type).Sum(child => Walk(child, depth + 1)) : 0;
            }
            catch (NetlinkFormatException)
            {
                count++; // no level: most are none
            }
        }

        return count;
    }

    private static NetlinkTree Tree(byte[] attributes) =>
        NetlinkRecord.Parse(Message(20, 0, attributes), 0).Single().Attributes;

    private static byte[] Message(ushort type, ushort flags, params byte[] payload) =>
    [
        .. BitConverter.GetBytes(16 + payload.Length), .. BitConverter.GetBytes(type),
        .. BitConverter.GetBytes(flags), .. new byte[8], .. payload,
        .. new byte[Nl.Align(payload.Length) - payload.Length],
    ];

    private static byte[] Attribute(int type, params byte[] value) =>
    [
        .. BitConverter.GetBytes((ushort)(4 + value.Length)), .. BitConverter.GetBytes((ushort)type),
        .. value,
        .. new byte[Nl.Align(value.Length) - value.Length],
    ];
}
