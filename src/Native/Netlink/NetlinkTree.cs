using System.Buffers.Binary;

namespace LowLatency.Native.Netlink;

/// <summary>Attributes of one level (struct nlattr of linux/netlink.h), in the kernel's order. Levels below
/// are decoded when asked for: the bytes do not say which attribute holds attributes. Immutable.</summary>
/// <remarks>An attribute that is absent is null, none or false; one whose bytes cannot be what is asked for
/// throws, so that malformed evidence is never taken for missing.</remarks>
public sealed class NetlinkTree
{
    private readonly List<(int Type, ReadOnlyMemory<byte> Value)> _attributes = [];

    private NetlinkTree()
    {
    }

    /// <summary>No attributes.</summary>
    public static NetlinkTree Empty { get; } = new();

    /// <summary>The types that are there, in order, repeated ones as often as they are.</summary>
    public IEnumerable<int> Types => _attributes.Select(attribute => attribute.Type);

    /// <summary>Decodes one level.</summary>
    /// <exception cref="NetlinkFormatException">A length does not fit.</exception>
    public static NetlinkTree Parse(ReadOnlyMemory<byte> attributes)
    {
        NetlinkTree tree = new();
        ReadOnlyMemory<byte> rest = attributes;
        while (rest.Length > 0)
        {
            ReadOnlySpan<byte> bytes = rest.Span;
            int at = attributes.Length - rest.Length;
            if (bytes.Length < Nl.AttributeHeaderBytes)
            {
                throw new NetlinkFormatException($"{bytes.Length} bytes at byte {at} of a level, "
                    + $"where an attribute's header of {Nl.AttributeHeaderBytes} begins");
            }

            int length = BinaryPrimitives.ReadUInt16LittleEndian(bytes);
            int type = BinaryPrimitives.ReadUInt16LittleEndian(bytes[2..]) & Nl.AttributeTypeMask;
            if (length < Nl.AttributeHeaderBytes || length > bytes.Length)
            {
                throw new NetlinkFormatException(
                    $"attribute {type} at byte {at} says it has {length} bytes, and there are "
                        + $"{bytes.Length}");
            }

            tree._attributes.Add((type, rest[Nl.AttributeHeaderBytes..length]));
            rest = rest[Math.Min(Nl.Align(length), rest.Length)..];
        }

        return tree;
    }

    /// <summary>True when the attribute is there: all that a flag says.</summary>
    public bool Has(int type) => Find(type) != null;

    /// <summary>An unsigned number in host order; null when absent.</summary>
    /// <exception cref="NetlinkFormatException">It has not 1, 2, 4 or 8 bytes.</exception>
    public ulong? Number(int type) => Find(type) is { } value
        ? Read(value.Span) ?? throw NoNumber(type, value.Length)
        : null;

    /// <summary>A signed number in host order (s32, sint); null when absent.</summary>
    /// <exception cref="NetlinkFormatException">It has not 1, 2, 4 or 8 bytes.</exception>
    public long? Signed(int type) => Find(type) is { } value
        ? value.Length switch
        {
            1 => (sbyte)value.Span[0],
            2 => BinaryPrimitives.ReadInt16LittleEndian(value.Span),
            4 => BinaryPrimitives.ReadInt32LittleEndian(value.Span),
            8 => BinaryPrimitives.ReadInt64LittleEndian(value.Span),
            _ => throw NoNumber(type, value.Length),
        }
        : null;

    /// <summary>An unsigned number in network order, as nfnetlink writes them; null when absent.</summary>
    /// <exception cref="NetlinkFormatException">It has not 1, 2, 4 or 8 bytes.</exception>
    public ulong? NetworkNumber(int type) => Find(type) is { } value
        ? value.Length switch
        {
            1 => value.Span[0],
            2 => BinaryPrimitives.ReadUInt16BigEndian(value.Span),
            4 => BinaryPrimitives.ReadUInt32BigEndian(value.Span),
            8 => BinaryPrimitives.ReadUInt64BigEndian(value.Span),
            _ => throw NoNumber(type, value.Length),
        }
        : null;

    /// <summary>Text up to its zero byte; null when absent.</summary>
    public string? Text(int type) => Find(type) is { } value ? NetlinkAttributes.Text(value.Span) : null;

    /// <summary>The value's bytes, a copy; null when absent.</summary>
    public byte[]? Bytes(int type) => Find(type)?.ToArray();

    /// <summary>A number inside an attribute that holds a C struct; null when the attribute is absent or the
    /// kernel's struct ends before it, as an older kernel's may.</summary>
    /// <param name="type">The attribute.</param>
    /// <param name="offset">The field's first byte in the struct.</param>
    /// <param name="bytes">The field's size: 1, 2, 4 or 8.</param>
    /// <exception cref="NetlinkFormatException">The struct ends inside the field.</exception>
    public ulong? Field(int type, int offset, int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        if (bytes is not (1 or 2 or 4 or 8))
        {
            throw new ArgumentOutOfRangeException(nameof(bytes), bytes, "a number has 1, 2, 4 or 8 bytes");
        }

        if (Find(type) is not { } value || value.Length <= offset)
        {
            return null;
        }

        return bytes <= value.Length - offset ? Read(value.Span.Slice(offset, bytes))
            : throw new NetlinkFormatException(
                $"attribute {type} has {value.Length} bytes: it ends inside the {bytes} at {offset}");
    }

    /// <summary>The level inside an attribute; null when absent.</summary>
    /// <exception cref="NetlinkFormatException">It holds no attributes.</exception>
    public NetlinkTree? Child(int type) => Find(type) is { } value ? Parse(value) : null;

    /// <summary>The levels inside every attribute of a type that is repeated, such as
    /// <c>ETHTOOL_A_BITSET_BITS_BIT</c>; none when absent.</summary>
    /// <exception cref="NetlinkFormatException">One holds no attributes.</exception>
    public IReadOnlyList<NetlinkTree> Children(int type) =>
    [
        .. _attributes.Where(attribute => attribute.Type == type)
            .Select(attribute => Parse(attribute.Value)),
    ];

    /// <summary>The levels inside the elements of an array, whatever their types: many arrays number their
    /// elements by type; none when absent.</summary>
    /// <exception cref="NetlinkFormatException">It is no array of levels.</exception>
    public IReadOnlyList<NetlinkTree> Elements(int type) => Find(type) is { } value
        ? [.. Parse(value)._attributes.Select(element => Parse(element.Value))]
        : [];

    internal static ulong? Read(ReadOnlySpan<byte> value) =>
        value.Length is 1 or 2 or 4 or 8 ? NetlinkAttributes.Number(value) : null;

    private static NetlinkFormatException NoNumber(int type, int length) =>
        new($"attribute {type} has {length} bytes: a number has 1, 2, 4 or 8");

    private ReadOnlyMemory<byte>? Find(int type)
    {
        foreach ((int found, ReadOnlyMemory<byte> value) in _attributes)
        {
            if (found == type)
            {
                return value;
            }
        }

        return null;
    }
}
