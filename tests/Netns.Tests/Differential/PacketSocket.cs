using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using LowLatency.Native.Netlink;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>The tester's end of a wire: sends any frame of 14 bytes and more, and sees every frame that
/// comes,
/// with the VLAN tag that the kernel takes out put back in (packet(7), PACKET_AUXDATA).</summary>
public sealed unsafe partial class PacketSocket : IDisposable
{
    // linux/if_packet.h, linux/if_ether.h, asm-generic/socket.h.
    private const int PacketFamily = 17;
    private const int PacketLevel = 263;
    private const int AuxiliaryData = 8;
    private const int IgnoreOutgoing = 23;
    private const int SocketLevel = 1;
    private const int ReceiveBufferForce = 33;
    private const ushort AllProtocols = 3;
    private const int DontWait = 0x40;
    private const uint VlanValid = 1 << 4;
    private const uint VlanTypeValid = 1 << 6;
    private const int FrameBytesMax = 65_536;
    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[FrameBytesMax];

    private PacketSocket(Socket socket) => _socket = socket;

    /// <summary>Opens one on an interface of a namespace.</summary>
    public static PacketSocket Open(string networkNamespace, string interfaceName)
    {
        using NetworkNamespace scope = NetworkNamespace.Enter(networkNamespace);
        Socket socket = new(AddressFamily.Packet, SocketType.Raw,
            0); // AddressFamily.Packet; hears nothing yet
        socket.SetRawSocketOption(PacketLevel, AuxiliaryData, BitConverter.GetBytes(1));
        socket.SetRawSocketOption(PacketLevel, IgnoreOutgoing, BitConverter.GetBytes(1));
        socket.SetRawSocketOption(SocketLevel, ReceiveBufferForce, BitConverter.GetBytes(16 << 20));
        socket.Bind(new LinkEndPoint(IndexOf(interfaceName)));
        return new PacketSocket(socket);
    }

    /// <summary>Sends a frame.</summary>
    /// <returns>False if the kernel refuses it: no header, or longer than the MTU of either end.</returns>
    public bool Send(ReadOnlySpan<byte> frame)
    {
        try
        {
            _socket.Send(frame);
            return true;
        }
        catch (SocketException refusal) when (refusal.SocketErrorCode
            is SocketError.InvalidArgument or SocketError.MessageSize or SocketError.NoBufferSpaceAvailable)
        {
            return false;
        }
    }

    /// <summary>The next frame that came, or null.</summary>
    public byte[]? TryReceive()
    {
        Span<byte> control = stackalloc byte[64];
        fixed (byte* data = _buffer, extra = control)
        {
            Vector vector = new() { Base = data, Length = FrameBytesMax };
            Message message = new() { Vectors = &vector, VectorCount = 1, Control = extra,
                ControlBytes = 64 };
            nint bytes = ReceiveMessage((int)_socket.Handle, &message, DontWait);
            return bytes < 0 ? null : Restore(_buffer.AsSpan(0, (int)bytes),
                control[..(int)message.ControlBytes]);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    // struct cmsghdr (16 bytes), then struct tpacket_auxdata: status, two lengths, two offsets, TCI, TPID.
    private static byte[] Restore(ReadOnlySpan<byte> frame, ReadOnlySpan<byte> control)
    {
        if (control.Length < 36 || (BitConverter.ToUInt32(control[16..]) & VlanValid) == 0)
        {
            return frame.ToArray();
        }

        byte[] whole = new byte[frame.Length + 4];
        frame[..12].CopyTo(whole);
        bool hasType = (BitConverter.ToUInt32(control[16..]) & VlanTypeValid) != 0;
        BinaryPrimitives.WriteUInt16BigEndian(
            whole.AsSpan(12), hasType ? BitConverter.ToUInt16(control[34..]) : (ushort)0x8100);
        BinaryPrimitives.WriteUInt16BigEndian(whole.AsSpan(14), BitConverter.ToUInt16(control[32..]));
        frame[12..].CopyTo(whole.AsSpan(16));
        return whole;
    }

    private static int IndexOf(string interfaceName)
    {
        uint index = InterfaceIndex(interfaceName);
        return index != 0 ? (int)index : throw new InvalidOperationException($"no interface {interfaceName}");
    }

    [LibraryImport("libc", EntryPoint = "recvmsg")]
    private static partial nint ReceiveMessage(int socket, Message* message, int flags);

    [LibraryImport("libc", EntryPoint = "if_nametoindex", StringMarshalling = StringMarshalling.Utf8)]
    private static partial uint InterfaceIndex(string name);

    // struct iovec, struct msghdr (bits/types/struct_iovec.h, bits/socket.h).
    private struct Vector
    {
        public byte* Base;
        public nuint Length;
    }

    private struct Message
    {
        public void* Name;
        public nuint NameBytes;
        public Vector* Vectors;
        public nuint VectorCount;
        public byte* Control;
        public nuint ControlBytes;
        public int Flags;
    }

    // struct sockaddr_ll.
    private sealed class LinkEndPoint(int interfaceIndex) : EndPoint
    {
        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            SocketAddress address = new(AddressFamily.Packet, 20);
            Span<byte> bytes = address.Buffer.Span;
            BinaryPrimitives.WriteUInt16LittleEndian(bytes, PacketFamily);
            BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], AllProtocols);
            BinaryPrimitives.WriteInt32LittleEndian(bytes[4..], interfaceIndex);
            return address;
        }
    }
}
