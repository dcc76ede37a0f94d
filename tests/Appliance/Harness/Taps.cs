using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using LowLatency.Native.Netlink;
using Xunit;

namespace LowLatency.Appliance.Tests.Harness;

/// <summary>A network namespace in which QEMU makes the taps of its cards with several queues: they go with
/// QEMU, the namespace when disposed. What a killed test left ends when the scenario begins anew.</summary>
internal sealed class TapNamespace : IDisposable
{
    /// <summary>Makes it, named after the scenario and this copy of the repository: another copy's tests may
    /// run.</summary>
    public TapNamespace(string scenario)
    {
        byte[] place = SHA256.HashData(Encoding.UTF8.GetBytes(Initramfs.Repository));
        Name = $"lowlat-{scenario}-{Convert.ToHexStringLower(place)[..8]}";
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "making a network namespace needs root");
        if (File.Exists(Path))
        {
            EndLeftovers();
            Dispose();
        }

        Shell.Run("ip", "netns", "add", Name);
        Shell.Run("ip", "netns", "exec", Name, "sh", "-c",
            "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"); // a tap says nothing by itself
    }

    /// <summary>Name for ip-netns(8).</summary>
    public string Name { get; }

    private string Path => "/run/netns/" + Name;

    /// <summary>QEMU's <c>-netdev</c> without its id.</summary>
    public static string Backend(string tap, int queues) => string.Create(CultureInfo.InvariantCulture,
        $"tap,ifname={tap},script=no,downscript=no,queues={queues},vhost=off");

    /// <summary>Opens the host's side of a tap once QEMU runs.</summary>
    public TapLink Open(string tap)
    {
        Shell.Run("ip", "-n", Name, "link", "set", tap, "up");
        string index = Shell.Run("ip", "-n", Name, "-o", "link", "show", "dev", tap).Split(':')[0];
        using NetworkNamespace inside = NetworkNamespace.Enter(Path);
        return new TapLink(int.Parse(index, CultureInfo.InvariantCulture));
    }

    /// <inheritdoc/>
    public void Dispose() => Shell.Run("ip", "netns", "delete", Name);

    // The QEMU of a killed test; nobody else is in there.
    private void EndLeftovers()
    {
        string[] pids = Shell.Run("ip", "netns", "pids", Name)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (pids.Length > 0)
        {
            Shell.Run("kill", ["-KILL", .. pids]);
        }
    }
}

/// <summary>The host's side of a tap: a packet socket. The kernel spreads flows over the tap's queues, and
/// with them over those of the guest's card.</summary>
internal sealed class TapLink : IDisposable
{
    private const int LimitMs = 60_000;
    private const ProtocolType AllProtocols = (ProtocolType)0x0300; // ETH_P_ALL, network order
    private readonly Socket _socket = new(AddressFamily.Packet, SocketType.Raw, AllProtocols);

    /// <summary>Opens it in the calling thread's namespace.</summary>
    public TapLink(int index)
    {
        // SOL_SOCKET, SO_RCVBUFFORCE: all that a test sends, whatever rmem_max says
        _socket.SetRawSocketOption(1, 33, BitConverter.GetBytes(8 << 20));
        _socket.Bind(new PacketEndPoint(index));
        _socket.SendTimeout = LimitMs;
    }

    /// <summary>Sends frames.</summary>
    public void Send(byte[][] frames)
    {
        foreach (byte[] frame in frames)
        {
            _socket.Send(frame);
        }
    }

    /// <summary>Takes what comes, fewer when the next one takes too long.</summary>
    public byte[][] Receive(int count)
    {
        List<byte[]> frames = [];
        byte[] buffer = new byte[65536];
        TimeSpan limit = TimeSpan.FromMilliseconds(LimitMs);
        while (frames.Count < count && _socket.Poll(limit, SelectMode.SelectRead))
        {
            frames.Add(buffer[.._socket.Receive(buffer)]);
        }

        return [.. frames];
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    // struct sockaddr_ll of linux/if_packet.h
    private sealed class PacketEndPoint(int index) : EndPoint
    {
        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            SocketAddress address = new(AddressFamily.Packet, 20);
            address[3] = 3; // sll_protocol: ETH_P_ALL, network order
            BitConverter.GetBytes(index).CopyTo(address.Buffer[4..]);
            return address;
        }
    }
}
