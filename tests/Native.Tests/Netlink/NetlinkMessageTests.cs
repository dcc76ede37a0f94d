using LowLatency.Native.Netlink;
using Xunit;

namespace LowLatency.Native.Tests.Netlink;

/// <summary>The parser of what the kernel sends, on bytes the kernel would not send.</summary>
public sealed class NetlinkMessageTests
{
    [Fact]
    public void A_request_read_back_is_what_was_written()
    {
        NetlinkRequest request = new(new byte[64], Rt.GetLink, Nl.FlagDump);
        request.Append(new Rt.InterfaceMessage { Index = 7 });
        request.Attribute(LinkAttribute.Name, "abcde");
        request.Attribute(LinkAttribute.Mtu, 1400u);
        Span<byte> bytes = request.Bytes;
        Assert.Equal(16 + 16 + 12 + 8, bytes.Length);
        NetlinkMessages messages = new(bytes);
        Assert.True(messages.TryNext(out NetlinkMessage message));
        Assert.Equal((Rt.GetLink, (ushort)(Nl.FlagDump | Nl.FlagRequest)), (message.Type, message.Flags));
        NetlinkAttributes attributes = message.AttributesAfter(16);
        Assert.True(attributes.TryNext(out int first, out ReadOnlySpan<byte> name));
        Assert.Equal((LinkAttribute.Name, "abcde"), (first, NetlinkAttributes.Text(name)));
        Assert.True(attributes.TryNext(out int second, out ReadOnlySpan<byte> mtu));
        Assert.Equal((LinkAttribute.Mtu, 1400UL), (second, NetlinkAttributes.Number(mtu)));
        Assert.False(attributes.TryNext(out _, out _));
        Assert.False(messages.TryNext(out _));
    }

    [Fact]
    public void Every_cut_and_every_changed_byte_of_a_message_ends_the_walk_without_an_exception()
    {
        NetlinkRequest request = new(new byte[64], Rt.NewLink, 0);
        request.Append(new Rt.InterfaceMessage { Index = 7 });
        request.Attribute(LinkAttribute.Name, "abcde");
        request.Attribute(LinkAttribute.Mtu, 1400u);
        byte[] whole = request.Bytes.ToArray();
        for (int length = 0; length < whole.Length; length++)
        {
            Assert.Equal(0, Walk(whole.AsSpan(0, length)));
        }

        for (int at = 0; at < whole.Length; at++)
        {
            for (int value = 0; value < 256; value++)
            {
                byte[] changed = [.. whole];
                changed[at] = (byte)value;
                Assert.InRange(Walk(changed), 0, 1 + (whole.Length / Nl.HeaderBytes));
            }
        }
    }

    [Fact]
    public void Random_bytes_end_the_walk_without_an_exception()
    {
        Random random = new(20240607); // fixed: a failure can be repeated
        byte[] bytes = new byte[256];
        for (int round = 0; round < 10_000; round++)
        {
            random.NextBytes(bytes);
            bytes[0] = (byte)random.Next(0, 255); // lengths that fit now and then
            bytes[1] = bytes[2] = bytes[3] = 0;
            int messages = Walk(bytes.AsSpan(0, random.Next(bytes.Length)));
            Assert.InRange(messages, 0, bytes.Length / Nl.HeaderBytes);
        }
    }

    private static int Walk(ReadOnlySpan<byte> datagram)
    {
        int count = 0;
        NetlinkMessages messages = new(datagram);
        while (messages.TryNext(out NetlinkMessage message))
        {
            count++;
            _ = message.Error;
            _ = RouteNetlink.TryReadAddress(message, out _, out _);
            _ = RouteNetlink.ParseLink(message);
        }

        return count;
    }
}
