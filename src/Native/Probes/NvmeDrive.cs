using System.Buffers.Binary;
using System.Globalization;
using LowLatency.Native.Interop;

namespace LowLatency.Native.Probes;

/// <summary>What a drive says of its wear and heat: SMART / Health Information, log page 02h of the NVM
/// Express Base Specification.</summary>
/// <param name="CriticalWarning">Bit by bit; 0: none.</param>
/// <param name="TemperatureK">Composite temperature, kelvin.</param>
/// <param name="SparePercent">Spare that is left, %.</param>
/// <param name="UsedPercent">Endurance used, %; may be beyond 100.</param>
/// <param name="MediaErrors">Errors of its medium so far.</param>
/// <param name="T1Count">How often light throttling by heat began.</param>
/// <param name="T2Count">How often heavy throttling by heat began.</param>
public sealed record NvmeHealth(byte CriticalWarning, int TemperatureK, int SparePercent, int UsedPercent,
    ulong MediaErrors, uint T1Count, uint T2Count)
{
    internal const int Bytes = 512;

    internal static NvmeHealth From(ReadOnlySpan<byte> page) => new(page[0],
        BinaryPrimitives.ReadUInt16LittleEndian(page[1..]), page[3], page[5],
        BinaryPrimitives.ReadUInt64LittleEndian(page[160..]),
            BinaryPrimitives.ReadUInt32LittleEndian(page[216..]),
        BinaryPrimitives.ReadUInt32LittleEndian(page[220..]));
}

/// <summary>One format of a namespace: LBAF of Identify Namespace.</summary>
/// <param name="BlockBytes">Size of a block, bytes.</param>
/// <param name="MetadataBytes">Metadata of each, bytes.</param>
/// <param name="Rank">Relative performance: 0 the best, 3 degraded.</param>
public sealed record NvmeFormat(long BlockBytes, int MetadataBytes, int Rank)
{
    /// <summary>All formats, and the number of the one in use.</summary>
    internal static (IReadOnlyList<NvmeFormat> Formats, int InUse) From(ReadOnlySpan<byte> identify)
    {
        int count = Math.Min(identify[25] + 1, 64); // NLBAF counts from zero; there are 64 places
        List<NvmeFormat> formats = [];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> format = identify[(128 + (4 * i))..];
            formats.Add(new NvmeFormat(format[2] is > 0 and < 32 ? 1L << format[2] : 0,
                BinaryPrimitives.ReadUInt16LittleEndian(format), format[3] & 3));
        }

        return (formats, (identify[26] & 0x0F) | ((identify[26] & 0x60) >> 1)); // FLBAS, bits 3:0 and 6:5
    }
}

/// <summary>An NVMe controller, asked by admin commands that change nothing. Each wakes the drive for some
/// microseconds to milliseconds; needs read access to its node and, for all but Identify, CAP_SYS_ADMIN. One
/// thread.</summary>
public sealed class NvmeDrive : IDisposable
{
    private const int IdentifyBytes = 4096;
    private const byte OpcodeGetLogPage = 0x02;
    private const byte OpcodeIdentify = 0x06;
    private const byte OpcodeGetFeatures = 0x0A;
    private const uint LogHealth = 0x02;
    private const uint FeatureCache = 0x06;
    private const uint FeaturePowerStates = 0x0C;
    private const uint AllNamespaces = 0xFFFF_FFFF;
    private const uint TimeoutMs = 2000; // a drive answers within milliseconds; one that hangs must not hang us
    private readonly int _fd;
    private readonly string _path;

    private NvmeDrive(int fd, string path)
    {
        _fd = fd;
        _path = path;
    }

    /// <summary>Opens a controller.</summary>
    /// <param name="path">Such as <c>/dev/nvme0</c>.</param>
    /// <exception cref="NativeException">There is none, or it may not be opened.</exception>
    public static NvmeDrive Open(string path)
    {
        int fd = Libc.TryOpenFile(path, Libc.OpenReadOnly, out Errno errno);
        return fd >= 0 ? new NvmeDrive(fd, path) : throw new NativeException($"open({path})", errno);
    }

    /// <summary>Its health now.</summary>
    /// <exception cref="NativeException">Kernel or drive refused.</exception>
    public NvmeHealth Health()
    {
        Span<byte> page = stackalloc byte[NvmeHealth.Bytes];
        _ = Ask("Get Log Page", OpcodeGetLogPage, AllNamespaces,
            ((NvmeHealth.Bytes / 4) - 1 << 16) | LogHealth, page);
        return NvmeHealth.From(page);
    }

    /// <summary>It has a volatile write cache (VWC); it can change power states by itself (APSTA).</summary>
    /// <exception cref="NativeException">Kernel or drive refused.</exception>
    public (bool HasWriteCache, bool HasPowerTransitions) Controller()
    {
        byte[] identify = new byte[IdentifyBytes];
        _ = Ask("Identify Controller", OpcodeIdentify, 0, 1, identify);
        return ((identify[525] & 1) != 0, (identify[265] & 1) != 0);
    }

    /// <summary>Formats of a namespace, and the number of the one in use.</summary>
    /// <param name="number">Number of the namespace.</param>
    /// <exception cref="NativeException">Kernel or drive refused.</exception>
    public (IReadOnlyList<NvmeFormat> Formats, int InUse) Formats(uint number)
    {
        byte[] identify = new byte[IdentifyBytes];
        _ = Ask("Identify Namespace", OpcodeIdentify, number, 0, identify);
        return NvmeFormat.From(identify);
    }

    /// <summary>Autonomous power state transitions are on; only of a drive that has them.</summary>
    /// <exception cref="NativeException">Kernel or drive refused.</exception>
    public bool HasPowerTransitionsOn()
    {
        Span<byte> table = stackalloc byte[256]; // the table of transitions comes along
        return (Ask("Get Features 0Ch", OpcodeGetFeatures, 0, FeaturePowerStates, table) & 1) != 0;
    }

    /// <summary>The volatile write cache is on; only of a drive that has one.</summary>
    /// <exception cref="NativeException">Kernel or drive refused.</exception>
    public bool HasWriteCacheOn() => (Ask("Get Features 06h", OpcodeGetFeatures, 0, FeatureCache,
        default) & 1) != 0;

    /// <summary>Closes it.</summary>
    public void Dispose() => Libc.CloseFile(_fd);

    private uint Ask(string name, byte opcode, uint number, uint word10, Span<byte> data)
    {
        Libc.NvmeCommand command = new()
        {
            Opcode = opcode,
            Namespace = number,
            Word10 = word10,
            TimeoutMs = TimeoutMs,
        };
        data.Clear();
        Errno errno = Libc.NvmeAdmin(_fd, ref command, data, out int status);
        return errno != Errno.Ok ? throw new NativeException($"{name} of {_path}", errno)
            : status == 0 ? command.Result
            : throw new NativeException(string.Create(
                CultureInfo.InvariantCulture, $"{name} of {_path}, status {status:x}h"), Errno.EOPNOTSUPP);
    }
}
