using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace LowLatency.Native.Netlink;

/// <summary>linux/netlink.h, as far as this product speaks it.</summary>
internal static class Nl
{
    public const int HeaderBytes = 16;          // struct nlmsghdr
    public const int AttributeHeaderBytes = 4;  // struct nlattr
    // NLA_TYPE_MASK: without NLA_F_NESTED and NLA_F_NET_BYTEORDER.
    public const int AttributeTypeMask = 0x3FFF;

    // NLA_F_NESTED: strict families refuse a nest without it.
    public const int AttributeNested = 0x8000;

    public const int ProtocolRoute = 0;
    public const int ProtocolSockDiag = 4;
    public const int ProtocolNetfilter = 12;
    public const int ProtocolGeneric = 16;

    public const ushort TypeError = 2;
    public const ushort TypeDone = 3;

    public const ushort FlagRequest = 0x01;
    public const ushort FlagMulti = 0x02;
    public const ushort FlagDumpInterrupted = 0x10;
    public const ushort FlagDump = 0x300;       // NLM_F_ROOT | NLM_F_MATCH
    public const ushort FlagCapped = 0x100;     // of NLMSG_ERROR: without the refused payload
    public const ushort FlagAckAttributes = 0x200; // of NLMSG_ERROR, NLMSG_DONE: attributes follow

    public static int Align(int length) => (length + 3) & ~3;
}

/// <summary>One message of a datagram; a view that lives as long as the buffer under it.</summary>
internal readonly ref struct NetlinkMessage
{
    internal NetlinkMessage(ReadOnlySpan<byte> whole)
    {
        Type = BinaryPrimitives.ReadUInt16LittleEndian(whole[4..]);
        Flags = BinaryPrimitives.ReadUInt16LittleEndian(whole[6..]);
        Sequence = BinaryPrimitives.ReadUInt32LittleEndian(whole[8..]);
        Whole = whole;
    }

    /// <summary>The message with its header, without padding behind it.</summary>
    public ReadOnlySpan<byte> Whole { get; }

    public ushort Type { get; }

    public ushort Flags { get; }

    public uint Sequence { get; }

    /// <summary>What follows the header: a family's struct, then attributes.</summary>
    public ReadOnlySpan<byte> Payload => Whole.IsEmpty ? default : Whole[Nl.HeaderBytes..];

    /// <summary>The error an NLMSG_ERROR or NLMSG_DONE carries; Ok is an acknowledgement or an end without a
    /// word.</summary>
    public Errno Error =>
        Payload.Length >= 4 ? (Errno)(-BinaryPrimitives.ReadInt32LittleEndian(Payload))
        : Payload.Length == 0 && Type == Nl.TypeDone ? Errno.Ok : Errno.EINVAL;

    /// <summary>The attributes behind a family's struct of this size; none when the message is
    /// shorter.</summary>
    public NetlinkAttributes AttributesAfter(int structBytes) =>
        new(Payload.Length > Nl.Align(structBytes) ? Payload[Nl.Align(structBytes)..] : default);
}

/// <summary>Walks the messages of one datagram. A length that does not fit ends the walk: bytes of the kernel
/// are trusted to be the kernel's, not to be whole.</summary>
internal ref struct NetlinkMessages(ReadOnlySpan<byte> datagram)
{
    private ReadOnlySpan<byte> _rest = datagram;

    /// <summary>Bytes not walked yet.</summary>
    public readonly int Remaining => _rest.Length;

    public bool TryNext(out NetlinkMessage message)
    {
        if (_rest.Length < Nl.HeaderBytes)
        {
            _rest = default;
            message = default;
            return false;
        }

        uint length = BinaryPrimitives.ReadUInt32LittleEndian(_rest);
        if (length < Nl.HeaderBytes || length > (uint)_rest.Length)
        {
            _rest = default;
            message = default;
            return false;
        }

        message = new NetlinkMessage(_rest[..(int)length]);
        _rest = _rest[Math.Min(Nl.Align((int)length), _rest.Length)..];
        return true;
    }
}

/// <summary>Walks attributes (struct nlattr, struct rtattr); nested ones are a walk over a value.</summary>
internal ref struct NetlinkAttributes(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    public bool TryNext(out int type, out ReadOnlySpan<byte> value)
    {
        type = 0;
        value = default;
        if (_rest.Length < Nl.AttributeHeaderBytes)
        {
            return false;
        }

        int length = BinaryPrimitives.ReadUInt16LittleEndian(_rest);
        if (length < Nl.AttributeHeaderBytes || length > _rest.Length)
        {
            _rest = default;
            return false;
        }

        type = BinaryPrimitives.ReadUInt16LittleEndian(_rest[2..]) & Nl.AttributeTypeMask;
        value = _rest[Nl.AttributeHeaderBytes..length];
        _rest = _rest[Math.Min(Nl.Align(length), _rest.Length)..];
        return true;
    }

    /// <summary>A number of 1, 2, 4 or 8 bytes; 0 for any other size.</summary>
    public static ulong Number(ReadOnlySpan<byte> value) => value.Length switch
    {
        1 => value[0],
        2 => BinaryPrimitives.ReadUInt16LittleEndian(value),
        4 => BinaryPrimitives.ReadUInt32LittleEndian(value),
        8 => BinaryPrimitives.ReadUInt64LittleEndian(value),
        _ => 0,
    };

    /// <summary>Text up to its zero byte.</summary>
    public static string Text(ReadOnlySpan<byte> value) => Layout.FixedText.Read(value);
}

/// <summary>Writes one request into a buffer of the caller's: header, a family's struct,
/// attributes.</summary>
internal ref struct NetlinkRequest
{
    private readonly Span<byte> _buffer;
    private int _length;

    public NetlinkRequest(Span<byte> buffer, ushort type, ushort flags)
    {
        _buffer = buffer;
        _buffer.Clear();
        _length = Nl.HeaderBytes;
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer[4..], type);
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer[6..], (ushort)(flags | Nl.FlagRequest));
    }

    /// <summary>The family's struct, right behind the header.</summary>
    public void Append<T>(in T value)
        where T : unmanaged
    {
        MemoryMarshal.Write(_buffer[_length..], value);
        _length = Nl.Align(_length + System.Runtime.CompilerServices.Unsafe.SizeOf<T>());
    }

    /// <summary>A text attribute, with its zero byte.</summary>
    public void Attribute(int type, string text) =>
        Attribute(type, [.. Encoding.UTF8.GetBytes(text), 0]);

    /// <summary>A 32-bit attribute.</summary>
    public void Attribute(int type, uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        Attribute(type, bytes);
    }

    /// <summary>Begins attributes inside an attribute.</summary>
    /// <returns>What <see cref="EndNest"/> takes.</returns>
    public int BeginNest(int type)
    {
        int start = _length;
        Attribute(type | Nl.AttributeNested, default(ReadOnlySpan<byte>));
        return start;
    }

    /// <summary>Ends the attributes begun there.</summary>
    public readonly void EndNest(int start) =>
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer[start..], (ushort)(_length - start));

    /// <summary>The finished request; the sender fills in its sequence number.</summary>
    public readonly Span<byte> Bytes
    {
        get
        {
            BinaryPrimitives.WriteInt32LittleEndian(_buffer, _length);
            return _buffer[.._length];
        }
    }

    /// <summary>An attribute of bytes.</summary>
    public void Attribute(int type, scoped ReadOnlySpan<byte> value)
    {
        int length = Nl.AttributeHeaderBytes + value.Length;
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer[_length..], (ushort)length);
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer[(_length + 2)..], (ushort)type);
        value.CopyTo(_buffer[(_length + Nl.AttributeHeaderBytes)..]);
        _length = Nl.Align(_length + length);
    }
}
