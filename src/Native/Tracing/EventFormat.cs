using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace LowLatency.Native.Tracing;

/// <summary>Where one field of an event lies.</summary>
/// <param name="Offset">From the start of the event, bytes.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="IsSigned">A signed number.</param>
/// <param name="IsDataLocation">__data_loc: a 32-bit word, offset in its low half and length in its
/// high.</param>
public readonly record struct EventField(int Offset, int Bytes, bool IsSigned, bool IsDataLocation)
{
    /// <summary>The field as a number; 0 where the event is shorter than that.</summary>
    public long Number(ReadOnlySpan<byte> data)
    {
        if (Offset + Bytes > data.Length)
        {
            return 0;
        }

        ReadOnlySpan<byte> value = data.Slice(Offset, Bytes);
        return Bytes switch
        {
            1 => IsSigned ? (sbyte)value[0] : value[0],
            2 => IsSigned ? BinaryPrimitives.ReadInt16LittleEndian(value)
                : BinaryPrimitives.ReadUInt16LittleEndian(value),
            4 => IsSigned ? BinaryPrimitives.ReadInt32LittleEndian(value)
                : BinaryPrimitives.ReadUInt32LittleEndian(value),
            8 => BinaryPrimitives.ReadInt64LittleEndian(value),
            _ => 0,
        };
    }

    /// <summary>The bytes of a field of varying or fixed length; empty where the event is shorter.</summary>
    public ReadOnlySpan<byte> Data(ReadOnlySpan<byte> data)
    {
        (int offset, int length) = (Offset, Bytes);
        if (IsDataLocation)
        {
            uint word = (uint)Number(data);
            (offset, length) = ((int)(word & 0xFFFF), (int)(word >> 16));
        }

        return offset + length <= data.Length ? data.Slice(offset, length) : default;
    }

    /// <summary>A field of characters, up to its zero byte.</summary>
    public string Text(ReadOnlySpan<byte> data)
    {
        ReadOnlySpan<byte> text = Data(data);
        int end = text.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? text : text[..end]);
    }
}

/// <summary>One event's layout as its <c>format</c> file tells it: the kernel's own word for the kernel that
/// runs (Documentation/trace/events.rst). Pure.</summary>
public sealed class EventFormat
{
    private readonly Dictionary<string, EventField> _fields = [];

    private EventFormat(string name, int id)
    {
        Name = name;
        Id = id;
    }

    /// <summary>The event's name, without its group.</summary>
    public string Name { get; }

    /// <summary>Its number: common_type of each of its records.</summary>
    public int Id { get; }

    /// <summary>A field; null where this kernel's event has none of that name.</summary>
    public EventField? this[string name] => _fields.TryGetValue(name, out EventField field) ? field : null;

    /// <summary>Reads a format file.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static EventFormat Parse(string text)
    {
        string? name = null;
        int id = -1;
        Dictionary<string, EventField> fields = [];
        foreach (string line in text.Split('\n'))
        {
            string trimmed = line.Trim();
            if (trimmed.StartsWith("name:", StringComparison.Ordinal))
            {
                name = trimmed[5..].Trim();
            }
            else if (trimmed.StartsWith("ID:", StringComparison.Ordinal))
            {
                id = int.Parse(trimmed[3..], CultureInfo.InvariantCulture);
            }
            else if (trimmed.StartsWith("field:", StringComparison.Ordinal))
            {
                (string field, EventField where) = ParseField(trimmed);
                fields[field] = where;
            }
        }

        if (name is null || id < 0)
        {
            throw new FormatException("an event's format file has a name and an ID");
        }

        EventFormat format = new(name, id);
        foreach ((string field, EventField where) in fields)
        {
            format._fields[field] = where;
        }

        return format;
    }

    // "field:char prev_comm[16];	offset:8;	size:16;	signed:0;"
    private static (string Name, EventField Field) ParseField(string line)
    {
        string[] parts = line.Split(';', StringSplitOptions.TrimEntries);
        string declaration = parts[0]["field:".Length..].Trim();
        string name = declaration[(declaration.LastIndexOfAny([' ', '*']) + 1)..];
        int bracket = name.IndexOf('[', StringComparison.Ordinal);
        return (bracket < 0 ? name : name[..bracket], new EventField(
            Value(parts, "offset:"), Value(parts, "size:"), Value(parts, "signed:") != 0,
            declaration.StartsWith("__data_loc ", StringComparison.Ordinal)));
    }

    private static int Value(string[] parts, string key)
    {
        foreach (string part in parts)
        {
            if (part.StartsWith(key, StringComparison.Ordinal))
            {
                return int.Parse(part[key.Length..], CultureInfo.InvariantCulture);
            }
        }

        throw new FormatException($"a field of a format file has no '{key}'");
    }
}
