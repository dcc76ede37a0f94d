using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowLatency.Native.Layout;

/// <summary>A plan file's bytes were refused; the message is one line for the user.</summary>
public sealed class PlanFormatException(string message) : Exception(message);

/// <summary>A plan as bytes: header, ports, lanes, stages, rules, tables. Control makes one, lowlatd checks
/// and
/// reads one; immutable, any thread.</summary>
public sealed class PlanImage
{
    private const int ChecksumFrom = 20; // right behind the checksum
    private readonly byte[] _bytes;

    private PlanImage(byte[] bytes) => _bytes = bytes;

    /// <summary>The file.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>The header.</summary>
    public ref readonly PlanHeader Header => ref Read<PlanHeader>(0, 1, 0);

    /// <summary>Count of ports.</summary>
    public int PortCount => (int)Header.PortCount;

    /// <summary>Count of lanes.</summary>
    public int LaneCount => (int)Header.LaneCount;

    /// <summary>A port.</summary>
    public ref readonly PlanPort Port(int index) => ref Read<PlanPort>(PortsAt, PortCount, index);

    /// <summary>A lane.</summary>
    public ref readonly PlanLane Lane(int index) => ref Read<PlanLane>(LanesAt, LaneCount, index);

    /// <summary>A stage.</summary>
    public ref readonly PlanStage Stage(int index) => ref Read<PlanStage>(StagesAt, (int)Header.StageCount,
        index);

    /// <summary>A rule.</summary>
    public ref readonly PlanRule Rule(int index) => ref Read<PlanRule>(RulesAt, (int)Header.RuleCount, index);

    /// <summary>A table.</summary>
    public ref readonly PlanTable Table(int index) => ref Read<PlanTable>(TablesAt, TableCount, index);

    /// <summary>Count of tables.</summary>
    public int TableCount => (int)Header.TableCount;

    /// <summary>Writes a plan: fills in magic, version, sizes, counts and checksum.</summary>
    public static PlanImage Build(
        in PlanHeader header,
        ReadOnlySpan<PlanPort> ports,
        ReadOnlySpan<PlanLane> lanes,
        ReadOnlySpan<PlanStage> stages,
        ReadOnlySpan<PlanRule> rules,
        ReadOnlySpan<PlanTable> tables = default)
    {
        PlanHeader head = header;
        head.Magic = PlanHeader.MagicValue;
        head.Version = PlanHeader.VersionValue;
        head.PortCount = (uint)ports.Length;
        head.LaneCount = (uint)lanes.Length;
        head.StageCount = (uint)stages.Length;
        head.RuleCount = (uint)rules.Length;
        head.TableCount = (uint)tables.Length;
        head.Checksum = 0;
        ReadOnlySpan<byte> p = MemoryMarshal.AsBytes(ports);
        ReadOnlySpan<byte> l = MemoryMarshal.AsBytes(lanes);
        ReadOnlySpan<byte> s = MemoryMarshal.AsBytes(stages);
        ReadOnlySpan<byte> r = MemoryMarshal.AsBytes(rules);
        ReadOnlySpan<byte> t = MemoryMarshal.AsBytes(tables);
        head.TotalBytes =
            (uint)(Unsafe.SizeOf<PlanHeader>() + p.Length + l.Length + s.Length + r.Length + t.Length);
        byte[] bytes = new byte[head.TotalBytes];
        Span<byte> rest = bytes.AsSpan(Unsafe.SizeOf<PlanHeader>());
        p.CopyTo(rest);
        l.CopyTo(rest[p.Length..]);
        s.CopyTo(rest[(p.Length + l.Length)..]);
        r.CopyTo(rest[(p.Length + l.Length + s.Length)..]);
        t.CopyTo(rest[(p.Length + l.Length + s.Length + r.Length)..]);
        MemoryMarshal.Write(bytes, in head);
        head.Checksum = ChecksumOf(bytes);
        MemoryMarshal.Write(bytes, in head);
        return new PlanImage(bytes);
    }

    /// <summary>Checks a file's bytes and takes them.</summary>
    /// <exception cref="PlanFormatException">Truncated, of another version, or altered.</exception>
    public static PlanImage Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Unsafe.SizeOf<PlanHeader>())
        {
            throw new PlanFormatException(
                $"plan is truncated: {bytes.Length} bytes, a header alone has {Unsafe.SizeOf<PlanHeader>()}");
        }

        PlanHeader header = MemoryMarshal.Read<PlanHeader>(bytes);
        if (header.Magic != PlanHeader.MagicValue)
        {
            throw new PlanFormatException("not a plan file: it does not start with LLPLAN");
        }

        if (header.Version != PlanHeader.VersionValue)
        {
            throw new PlanFormatException($"plan has version {header.Version}, this lowlatd reads version "
                + $"{PlanHeader.VersionValue}: make it with the lowlat of the same release");
        }

        if (header.TotalBytes != bytes.Length)
        {
            throw new PlanFormatException(
                $"plan is truncated or padded: it says {header.TotalBytes} bytes, the file has "
                    + $"{bytes.Length}");
        }

        uint checksum = ChecksumOf(bytes);
        if (checksum != header.Checksum)
        {
            throw new PlanFormatException(
                $"plan is damaged: checksum {checksum:x8}, it says {header.Checksum:x8}");
        }

        PlanImage image = new(bytes.ToArray());
        image.CheckCounts();
        return image;
    }

    /// <summary>Parts of a plan as bytes.</summary>
    public static ReadOnlySpan<byte> BytesOf<T>(ReadOnlySpan<T> parts)
        where T : unmanaged => MemoryMarshal.AsBytes(parts);

    /// <summary>True when two parts of plans are the same, byte by byte.</summary>
    public static bool AreSame<T>(in T one, in T other)
        where T : unmanaged =>
        MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in one))
            .SequenceEqual(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in other)));

    private void CheckCounts()
    {
        ref readonly PlanHeader header = ref Header;
        bool countsFit = header.PortCount <= Limits.PortsMax && header.LaneCount <= Limits.LanesMax
            && header.StageCount <= Limits.StagesMax && header.RuleCount <= Limits.RulesMax
            && header.TableCount <= Limits.TablesMax;
        if (!countsFit || TablesAt + (Unsafe.SizeOf<PlanTable>() * TableCount) != _bytes.Length)
        {
            throw new PlanFormatException($"plan is inconsistent: {header.PortCount} ports, "
                + $"{header.LaneCount} lanes, "
                + $"{header.StageCount} stages, {header.RuleCount} rules and {header.TableCount} tables do "
                    + $"not make "
                + $"{_bytes.Length} bytes");
        }
    }

    private static int PortsAt => Unsafe.SizeOf<PlanHeader>();
    private int LanesAt => PortsAt + (Unsafe.SizeOf<PlanPort>() * PortCount);
    private int StagesAt => LanesAt + (Unsafe.SizeOf<PlanLane>() * LaneCount);
    private int RulesAt => StagesAt + (Unsafe.SizeOf<PlanStage>() * (int)Header.StageCount);
    private int TablesAt => RulesAt + (Unsafe.SizeOf<PlanRule>() * (int)Header.RuleCount);

    private ref readonly T Read<T>(int start, int count, int index)
        where T : unmanaged
    {
        Invariant.Require((uint)index < (uint)count);
        return ref MemoryMarshal.AsRef<T>(_bytes.AsSpan(start + (index * Unsafe.SizeOf<T>()),
            Unsafe.SizeOf<T>()));
    }

    // The CRC-32C of the iSCSI standard (RFC 3720, appendix B.4), in hardware since SSE4.2.
    private static uint ChecksumOf(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes[ChecksumFrom..])
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return ~crc;
    }
}
