using System.Globalization;
using LowLatency.Native.Interop;

namespace LowLatency.Native.Host;

/// <summary>What a path names, and the block device that it is or lies on. Any thread.</summary>
/// <param name="Kind">"block", "directory", "file" or "other".</param>
/// <param name="Major">Major number of the block device itself, else of the device that holds the
/// path.</param>
/// <param name="Minor">Minor number.</param>
public sealed record FileIdentity(string Kind, uint Major, uint Minor)
{
    private const uint TypeMask = 0xF000;   // S_IFMT (linux/stat.h)
    private const uint BlockDevice = 0x6000;
    private const uint Directory = 0x4000;
    private const uint RegularFile = 0x8000;

    /// <summary>Of a path, links followed.</summary>
    /// <exception cref="NativeException">No such path, or not allowed.</exception>
    public static FileIdentity Of(string path)
    {
        Errno errno = Libc.Stat(path, out uint mode, out ulong device, out ulong realDevice);
        if (errno != Errno.Ok)
        {
            throw new NativeException($"stat({path})", errno);
        }

        uint type = mode & TypeMask;
        ulong number = type == BlockDevice ? realDevice : device;
        string kind = type switch
        {
            BlockDevice => "block",
            Directory => "directory",
            RegularFile => "file",
            _ => "other",
        };

        // As the C library's gnu_dev_major and gnu_dev_minor take them apart (makedev(3)).
        return new FileIdentity(kind,
            (uint)(((number >> 8) & 0xFFF) | ((number >> 32) & ~0xFFFUL)),
            (uint)((number & 0xFF) | ((number >> 12) & ~0xFFUL)));
    }

    /// <summary>"block 259:0".</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Kind} {Major}:{Minor}");
}
