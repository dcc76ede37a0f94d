using System.Net.Sockets;
using Xunit;

namespace LowLatency.Appliance.Tests.Harness;

/// <summary>The other end of a guest's port: a datagram is a frame. Unix sockets lose none: who sends faster
/// than the other end takes has to wait.</summary>
internal sealed class FrameLink : IDisposable
{
    private const int LimitMs = 60_000;
    private const int AtOnce = 100;
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly UnixDomainSocketEndPoint _guest;

    /// <summary>Makes it; the guest boots afterwards.</summary>
    /// <param name="folder">Where both sockets lie.</param>
    /// <param name="name">Of the port.</param>
    public FrameLink(string folder, string name)
    {
        string guest = Path.Combine(folder, name + ".guest");
        string host = Path.Combine(folder, name + ".host");
        _guest = new UnixDomainSocketEndPoint(guest);
        _socket.Bind(new UnixDomainSocketEndPoint(host));
        _socket.SendTimeout = LimitMs;
        _socket.ReceiveTimeout = LimitMs;
        Backend = $"dgram,local.type=unix,local.path={guest},remote.type=unix,remote.path={host}";
    }

    /// <summary>QEMU's <c>-netdev</c> without its id.</summary>
    public string Backend { get; }

    /// <summary>Sends frames both ways between two ports that the guest joins; what arrived, in order. Never
    /// more at once than a card has receive descriptors: an emulated igb drops the rest and counts
    /// nothing.</summary>
    public static (byte[][] There, byte[][] Back) Exchange(
        FrameLink left, FrameLink right, byte[][] there, byte[][] back)
    {
        List<byte[]> arrivedRight = [], arrivedLeft = [];
        for (int at = 0; at < Math.Max(there.Length, back.Length); at += AtOnce)
        {
            byte[][] thither = [.. there.Skip(at).Take(AtOnce)];
            byte[][] hither = [.. back.Skip(at).Take(AtOnce)];
            Task<byte[][]> atRight = Task.Run(() => right.Receive(thither.Length));
            Task<byte[][]> atLeft = Task.Run(() => left.Receive(hither.Length));
            Task.WaitAll([Task.Run(() => left.Send(thither)), Task.Run(() => right.Send(hither))],
                TestContext.Current.CancellationToken);
            arrivedRight.AddRange(atRight.GetAwaiter().GetResult());
            arrivedLeft.AddRange(atLeft.GetAwaiter().GetResult());
        }

        return ([.. arrivedRight], [.. arrivedLeft]);
    }

    /// <summary>Sends frames.</summary>
    public void Send(byte[][] frames)
    {
        foreach (byte[] frame in frames)
        {
            _socket.SendTo(frame, _guest);
        }
    }

    /// <summary>Takes away what has come.</summary>
    public byte[][] Empty()
    {
        List<byte[]> frames = [];
        while (_socket.Poll(0, SelectMode.SelectRead))
        {
            frames.Add(ReceiveOne());
        }

        return [.. frames];
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    // Fewer when the next one takes too long.
    private byte[][] Receive(int count)
    {
        List<byte[]> frames = [];
        TimeSpan limit = TimeSpan.FromMilliseconds(LimitMs);
        while (frames.Count < count && _socket.Poll(limit, SelectMode.SelectRead))
        {
            frames.Add(ReceiveOne());
        }

        return [.. frames];
    }

    private byte[] ReceiveOne()
    {
        byte[] buffer = new byte[65536];
        return buffer[.._socket.Receive(buffer)];
    }
}
