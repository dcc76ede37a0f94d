using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowLatency.Native.Netlink;

/// <summary>linux/genetlink.h: families whose message type is given out at run time, by name.</summary>
internal static class GenericNetlink
{
    public const ushort ControllerId = 16;      // GENL_ID_CTRL
    public const byte ControllerGetFamily = 3;  // CTRL_CMD_GETFAMILY
    public const int ControllerFamilyId = 1;    // CTRL_ATTR_FAMILY_ID
    public const int ControllerFamilyName = 2;  // CTRL_ATTR_FAMILY_NAME

    /// <summary><c>struct genlmsghdr</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Header
    {
        public byte Command;
        public byte Version;
        public ushort Reserved;
    }

    /// <summary>The message type of a family; 0 when this kernel has none of that name.</summary>
    public static ushort Find(NetlinkSocket socket, string name)
    {
        NetlinkRequest request = new(stackalloc byte[64], ControllerId, 0);
        request.Append(new Header { Command = ControllerGetFamily, Version = 1 });
        request.Attribute(ControllerFamilyName, name);
        if (socket.Get(request.Bytes, out NetlinkMessage answer) != Errno.Ok)
        {
            return 0;
        }

        ushort family = 0;
        NetlinkAttributes attributes = answer.AttributesAfter(Unsafe.SizeOf<Header>());
        while (attributes.TryNext(out int type, out ReadOnlySpan<byte> value))
        {
            family = type == ControllerFamilyId ? (ushort)NetlinkAttributes.Number(value) : family;
        }

        return family;
    }
}
