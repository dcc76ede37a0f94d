using LowLatency.Control.Commands;
using LowLatency.Native.Capture;

namespace LowLatency.Control.Recording;

/// <summary>A pcapng file in the making. It has a hidden name, and is locked, until all of it is on the disk;
/// then it gets its own.</summary>
internal sealed class CaptureOutput : IDisposable
{
    /// <inheritdoc cref="Pcapng.HiddenEnd"/>
    public const string HiddenEnd = Pcapng.HiddenEnd;
    private const int BufferBytes = 1 << 20;
    private readonly FileStream _file;
    private readonly string _path;
    private byte[] _buffer = new byte[BufferBytes];
    private int _usedBytes;
    private bool _isPublished;

    /// <summary>Starts a file of one section.</summary>
    /// <exception cref="CommandFailure">It is there already: exit code 1.</exception>
    public CaptureOutput(string path)
    {
        _path = path;
        string[] names = [path, path + HiddenEnd];
        if (Array.Find(names, File.Exists) is string taken)
        {
            throw CommandFailure.Input($"{taken}: is there already: remove it or give another name");
        }

        _file = new FileStream(
            path + HiddenEnd, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        PcapngWriter writer = new(_buffer);
        writer.TrySection("lowlat"u8);
        _usedBytes = writer.UsedBytes;
    }

    /// <summary>Interfaces written so far.</summary>
    public int InterfaceCount { get; private set; }

    /// <summary>Describes the next interface.</summary>
    public void Add(CaptureInterface port)
    {
        byte[] name = System.Text.Encoding.UTF8.GetBytes(port.Name);
        Reserve(name.Length + 64);
        PcapngWriter writer = new(_buffer.AsSpan(_usedBytes));
        writer.TryInterface(port.LinkType, port.SnapBytes, name);
        _usedBytes += writer.UsedBytes;
        InterfaceCount++;
    }

    /// <summary>Writes a packet of an interface that was described.</summary>
    public void Add(in CapturePacket packet)
    {
        Reserve(PcapngWriter.PacketBytes(packet.Data.Length, packet.Comment.Length, packet.Flags));
        PcapngWriter writer = new(_buffer.AsSpan(_usedBytes));
        writer.TryPacket((uint)packet.Interface, packet.TimeNs, packet.Data.Span, packet.FrameBytes,
            packet.Flags, packet.Comment.Span);
        _usedBytes += writer.UsedBytes;
    }

    /// <summary>Brings all of it to the disk, then gives it its name.</summary>
    public void Publish()
    {
        Reserve(_buffer.Length);
        _file.Flush(flushToDisk: true);
        File.Move(_file.Name, _path, overwrite: false);
        _isPublished = true;
    }

    /// <summary>Removes what was not published.</summary>
    public void Dispose()
    {
        _file.Dispose();
        if (!_isPublished)
        {
            File.Delete(_file.Name);
        }
    }

    private void Reserve(int bytes)
    {
        if (_buffer.Length - _usedBytes >= bytes)
        {
            return;
        }

        _file.Write(_buffer.AsSpan(0, _usedBytes));
        _usedBytes = 0;
        if (_buffer.Length < bytes)
        {
            _buffer = new byte[bytes];
        }
    }
}
