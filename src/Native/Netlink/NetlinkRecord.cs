using System.Buffers.Binary;

namespace LowLatency.Native.Netlink;

/// <summary>One message of a recorded netlink answer: what kind it is, its family's header and its
/// attributes. Immutable; made from bytes alone, so an answer can be judged long after and far from its
/// host.</summary>
public sealed class NetlinkRecord
{
    private const ushort TypeNoop = 1;      // linux/netlink.h NLMSG_NOOP
    private const int ErrorMessage = 1;     // NLMSGERR_ATTR_MSG

    private readonly byte[] _header;

    private NetlinkRecord(
        ushort messageType, byte[] header, NetlinkTree attributes, Errno errno, string refusal)
    {
        MessageType = messageType;
        _header = header;
        Attributes = attributes;
        Errno = errno;
        Refusal = refusal;
    }

    /// <summary>nlmsg_type: RTM_*, the id of a generic family, or NLMSG_ERROR (2) and NLMSG_DONE (3) for a
    /// refusal.</summary>
    public ushort MessageType { get; }

    /// <summary>The family's header: genlmsghdr, ifinfomsg, tcmsg, ...; empty for a refusal.</summary>
    public ReadOnlySpan<byte> Header => _header;

    /// <summary>The attributes behind the header; none for a refusal.</summary>
    public NetlinkTree Attributes { get; }

    /// <summary>Ok, or what the kernel refused with (NLMSG_ERROR, or NLMSG_DONE with an error). A refusal is
    /// the last record.</summary>
    public Errno Errno { get; }

    /// <summary>The kernel's own words for a refusal (NLMSGERR_ATTR_MSG); empty when it gave none.</summary>
    public string Refusal { get; }

    /// <summary>Decodes whole messages, one behind the other. NLMSG_DONE and NLMSG_ERROR end the walk; one
    /// with an error is a last record with its <see cref="Errno"/>.</summary>
    /// <param name="messages">What <see cref="NetlinkAnswer.Messages"/> holds.</param>
    /// <param name="familyHeaderBytes">Size of the family's header, such as 4 for genlmsghdr, 16 for
    /// ifinfomsg, 20 for tcmsg: <see cref="NetlinkRequestKind.HeaderBytes"/>.</param>
    /// <exception cref="NetlinkFormatException">A length that does not fit, or a dump (NLM_F_MULTI) without
    /// its end: the bytes are cut or were changed.</exception>
    public static IReadOnlyList<NetlinkRecord> Parse(ReadOnlySpan<byte> messages, int familyHeaderBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(familyHeaderBytes);
        List<NetlinkRecord> records = [];
        bool isOpen = false; // a dump has begun and not ended
        int at = 0;
        while (at < messages.Length)
        {
            NetlinkMessage message = MessageAt(messages, at, out int length);
            if (message.Type is Nl.TypeError or Nl.TypeDone)
            {
                NetlinkRecord end = End(message, at);
                if (end.Errno != Errno.Ok)
                {
                    records.Add(end);
                }

                return records;
            }

            if (message.Type != TypeNoop)
            {
                records.Add(Data(message, familyHeaderBytes, at));
                isOpen = (message.Flags & Nl.FlagMulti) != 0;
            }

            at = Math.Min(at + Nl.Align(length), messages.Length);
        }

        return !isOpen ? records : throw new NetlinkFormatException(
            $"a list of {records.Count} messages has no end (NLMSG_DONE): it is cut");
    }

    /// <summary>A number of the family's header in host order, such as <c>ifi_index</c> at 4.</summary>
    /// <param name="offset">Its first byte.</param>
    /// <param name="bytes">Its size: 1, 2, 4 or 8.</param>
    /// <exception cref="ArgumentOutOfRangeException">The header has no such bytes.</exception>
    public ulong HeaderNumber(int offset, int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, _header.Length - offset);
        return NetlinkTree.Read(Header.Slice(offset, bytes))
            ?? throw new ArgumentOutOfRangeException(nameof(bytes), bytes, "a number has 1, 2, 4 or 8 bytes");
    }

    private static NetlinkMessage MessageAt(ReadOnlySpan<byte> messages, int at, out int length)
    {
        ReadOnlySpan<byte> rest = messages[at..];
        if (rest.Length < Nl.HeaderBytes)
        {
            throw new NetlinkFormatException(
                $"{rest.Length} bytes at byte {at}, where a message header of {Nl.HeaderBytes} begins");
        }

        uint said = BinaryPrimitives.ReadUInt32LittleEndian(rest);
        if (said < Nl.HeaderBytes || said > (uint)rest.Length)
        {
            throw new NetlinkFormatException(
                $"the message at byte {at} says it has {said} bytes, and {rest.Length} are there");
        }

        length = (int)said;
        return new NetlinkMessage(rest[..length]);
    }

    private static NetlinkRecord Data(NetlinkMessage message, int familyHeaderBytes, int at)
    {
        if (message.Payload.Length < familyHeaderBytes)
        {
            throw new NetlinkFormatException($"the message at byte {at} has {message.Payload.Length} bytes, "
                + $"and its family's header has {familyHeaderBytes}");
        }

        int start = Math.Min(Nl.Align(familyHeaderBytes), message.Payload.Length);
        return new NetlinkRecord(message.Type, message.Payload[..familyHeaderBytes].ToArray(),
            NetlinkTree.Parse(message.Payload[start..].ToArray()), Errno.Ok, "");
    }

    // struct nlmsgerr is the error, then the refused message's header and, unless capped, its payload. A
    // list's end carries the error alone. Attributes may follow both.
    private static NetlinkRecord End(NetlinkMessage message, int at)
    {
        ReadOnlySpan<byte> payload = message.Payload;
        bool isError = message.Type == Nl.TypeError;
        if (!isError && payload.Length == 0) // some families end a list without a word
        {
            return new NetlinkRecord(message.Type, [], NetlinkTree.Empty, Errno.Ok, "");
        }

        int fixedBytes = isError ? sizeof(int) + Nl.HeaderBytes : sizeof(int);
        if (payload.Length < fixedBytes)
        {
            throw new NetlinkFormatException(
                $"the end at byte {at} has {payload.Length} bytes, and its error needs {fixedBytes}");
        }

        int code = BinaryPrimitives.ReadInt32LittleEndian(payload);
        if (code is > 0 or < -4095) // MAX_ERRNO
        {
            throw new NetlinkFormatException(
                $"the end at byte {at} has the error {code}, which is none");
        }

        string refusal = "";
        if ((message.Flags & Nl.FlagAckAttributes) != 0)
        {
            int start = isError && (message.Flags & Nl.FlagCapped) == 0 ? Echo(payload, at) : fixedBytes;
            refusal = NetlinkTree.Parse(payload[start..].ToArray()).Text(ErrorMessage) ?? "";
        }

        return new NetlinkRecord(message.Type, [], NetlinkTree.Empty, (Errno)(-code), refusal);
    }

    private static int Echo(ReadOnlySpan<byte> payload, int at)
    {
        uint echoed = BinaryPrimitives.ReadUInt32LittleEndian(payload[sizeof(int)..]);
        return echoed >= Nl.HeaderBytes && echoed <= (uint)(payload.Length - sizeof(int))
            ? Math.Min(sizeof(int) + Nl.Align((int)echoed), payload.Length)
            : throw new NetlinkFormatException(
                $"the refusal at byte {at} says the refused message had {echoed} bytes: more than there are");
    }
}

/// <summary>A recorded netlink answer whose lengths do not fit: it is cut, was changed, or is another
/// family's.</summary>
public sealed class NetlinkFormatException : FormatException
{
    /// <summary>Makes the error; the message says what does not fit.</summary>
    public NetlinkFormatException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the error with what led to it.</summary>
    public NetlinkFormatException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Makes the error without saying more.</summary>
    public NetlinkFormatException()
        : base("a netlink answer is malformed")
    {
    }
}
