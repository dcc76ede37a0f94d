using LowLatency.Native.Interop;

namespace LowLatency.Native.Netlink;

/// <summary>Has a network card receive every frame, whoever it is addressed to, as long as this lives. The
/// kernel counts such wishes and forgets ours when the socket closes, of a killed process too.</summary>
public sealed class PromiscuousHold : IDisposable
{
    private int _fd;

    private PromiscuousHold(int fd) => _fd = fd;

    /// <summary>Takes it on an interface of a network namespace (path; empty: the present one).</summary>
    /// <exception cref="NativeException">No such interface or namespace, or not allowed.</exception>
    public static PromiscuousHold Take(string networkNamespace, int interfaceIndex)
    {
        Invariant.Require(interfaceIndex > 0);
        using NetworkNamespace scope = NetworkNamespace.Enter(networkNamespace);
        // Protocol 0: it receives nothing itself.
        int fd = Libc.NetOpen(Libc.NetFamilyPacket, Libc.NetRaw, protocol: 0, out Errno errno);
        if (fd < 0)
        {
            throw new NativeException("socket(AF_PACKET)", errno, "Needs CAP_NET_RAW: run as root.");
        }

        errno = Libc.NetJoinPromiscuous(fd, interfaceIndex);
        if (errno != Errno.Ok)
        {
            Libc.CloseFile(fd);
            throw new NativeException($"setsockopt(PACKET_MR_PROMISC, ifindex {interfaceIndex})", errno,
                "The driver cannot receive every frame; claim = \"ip\" does without.");
        }

        return new PromiscuousHold(fd);
    }

    /// <summary>Gives it back.</summary>
    public void Dispose()
    {
        if (_fd >= 0)
        {
            Libc.CloseFile(_fd);
            _fd = -1;
        }
    }
}
