using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using LowLatency.Control.Readiness;

namespace LowLatency.Control.Tests.Readiness;

/// <summary>Sources as text. Each begins with a line <c>-- SOURCE --</c>; what follows is what it holds.
/// <c>-- SOURCE @end --</c>: at the end of the window. <c>-- SOURCE hex --</c>: bytes as hexadecimal digits.
/// <c>-- SOURCE ? --</c>: there is none. <c>-- SOURCE ! EACCES --</c>: reading it fails so. The body of a
/// netlink source is either lines <c>hex 1c00...</c> (whole messages as recorded) or messages written out:
/// <c>message TYPE HEADERHEX</c> and below it, indented by two spaces a level, attributes
/// <c>NUMBER u8|u16|u32|u64|text|hex|nest VALUE</c>.</summary>
internal static class SourceText
{
    /// <summary>Ends the key of what is read at the end of the window.</summary>
    public const string End = " @end";

    /// <summary>Reads a text.</summary>
    public static IReadOnlyDictionary<string, RecordedSource> Parse(string text)
    {
        Dictionary<string, RecordedSource> sources = [];
        string? head = null;
        StringBuilder body = new();
        foreach (string line in text.Split('\n').SkipLast(text.EndsWith('\n') ? 1 : 0))
        {
            if (line.StartsWith("-- ", StringComparison.Ordinal)
                && line.EndsWith(" --", StringComparison.Ordinal))
            {
                Keep(sources, head, body.ToString());
                head = line[3..^3];
                body.Clear();
            }
            else if (head is not null)
            {
                body.Append(line).Append('\n');
            }
        }

        Keep(sources, head, body.ToString());
        return sources;
    }

    private static void Keep(Dictionary<string, RecordedSource> sources, string? head, string body)
    {
        if (head is null)
        {
            return;
        }

        if (head.EndsWith(" ?", StringComparison.Ordinal))
        {
            sources[head[..^2]] = new RecordedSource(FactState.Missing, [], "there is no such file");
        }
        else if (head.EndsWith(" hex", StringComparison.Ordinal))
        {
            sources[head[..^4]] = new RecordedSource(FactState.Read, Convert.FromHexString(body.Trim()), "");
        }
        else if (head.Split(" ! ") is [var source, var problem])
        {
            sources[source] = new RecordedSource(
                problem is "EACCES" or "EPERM" ? FactState.Denied : FactState.Refused, [], "read: "
                    + problem);
        }
        else
        {
            sources[head] = new RecordedSource(FactState.Read,
                head.StartsWith("netlink:", StringComparison.Ordinal) ? Messages(body)
                    : Encoding.UTF8.GetBytes(body), "");
        }
    }

    private static byte[] Messages(string body)
    {
        string[] lines = body.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (lines.All(line => line.StartsWith("hex ", StringComparison.Ordinal)))
        {
            return [.. lines.SelectMany(line => Convert.FromHexString(line[4..].Trim()))];
        }

        List<byte> bytes = [];
        for (int i = 0; i < lines.Length;)
        {
            string[] words = lines[i].Split(' ');
            int end = i + 1;
            while (end < lines.Length && lines[end].StartsWith(' '))
            {
                end++;
            }

            byte[] payload = [.. Convert.FromHexString(words.Length > 2 ? words[2] : ""),
                .. Attributes(lines[(i + 1)..end], 1)];
            byte[] header = new byte[16]; // struct nlmsghdr (linux/netlink.h)
            BinaryPrimitives.WriteInt32LittleEndian(header, 16 + payload.Length);
            BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(4),
                ushort.Parse(words[1], CultureInfo.InvariantCulture));
            bytes.AddRange([.. header, .. Padded(payload)]);
            i = end;
        }

        return [.. bytes];
    }

    private static byte[] Attributes(string[] lines, int depth)
    {
        List<byte> bytes = [];
        for (int i = 0; i < lines.Length;)
        {
            string[] words = lines[i].Trim().Split(' ', 3);
            int end = i + 1;
            while (end < lines.Length && lines[end].TakeWhile(c => c == ' ').Count() > 2 * depth)
            {
                end++;
            }

            byte[] value = words[1] switch
            {
                "nest" => Attributes(lines[(i + 1)..end], depth + 1),
                "text" => [.. Encoding.UTF8.GetBytes(words[2]), 0],
                "hex" => Convert.FromHexString(words[2]),
                "flag" => [],
                _ => Number(words[1], words[2]),
            };
            byte[] header = new byte[4]; // struct nlattr; bit 15 of the type: nested
            BinaryPrimitives.WriteUInt16LittleEndian(header, (ushort)(4 + value.Length));
            BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(2),
                (ushort)(ushort.Parse(words[0], CultureInfo.InvariantCulture) | (words[1] == "nest" ? 0x8000
                    : 0)));
            bytes.AddRange([.. header, .. Padded(value)]);
            i = end;
        }

        return [.. bytes];
    }

    private static byte[] Number(string kind, string text)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, ulong.Parse(text, CultureInfo.InvariantCulture));
        return bytes[..(int.Parse(kind[1..], CultureInfo.InvariantCulture) / 8)];
    }

    private static byte[] Padded(byte[] bytes) => [.. bytes, .. new byte[(4 - (bytes.Length % 4)) % 4]];
}
