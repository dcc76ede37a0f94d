using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowLatency.Native.Netlink;

/// <summary>Reads messages of next hop objects; null for what is none, or not for IP.</summary>
internal static class NextHopDecoder
{
    private const int MemberBytes = 8; // struct nexthop_grp: id, weight less one, its high byte, zeroes

    public static KernelNextHop? NextHop(NetlinkMessage message)
    {
        if (message.Type is not (RtRoute.NewNextHop or RtRoute.DelNextHop)
            || !MemoryMarshal.TryRead(message.Payload, out RtRoute.NextHopMessage header))
        {
            return null;
        }

        uint id = 0;
        int output = 0;
        bool isBlackhole = false;
        bool isEncapsulated = false;
        IpPrefix? gateway = null;
        List<(uint Id, int Weight)> members = [];
        NetlinkAttributes attributes = message.AttributesAfter(Unsafe.SizeOf<RtRoute.NextHopMessage>());
        while (attributes.TryNext(out int type, out ReadOnlySpan<byte> value))
        {
            switch (type)
            {
                case RtRoute.NextHopId:
                    id = (uint)NetlinkAttributes.Number(value);
                    break;
                case RtRoute.NextHopOutput:
                    output = (int)NetlinkAttributes.Number(value);
                    break;
                case RtRoute.NextHopBlackhole:
                    isBlackhole = true;
                    break;
                case RtRoute.NextHopEncapsulationType:
                    isEncapsulated = true;
                    break;
                case RtRoute.NextHopGateway when value.Length is 4 or 16:
                    gateway = IpPrefix.From(value, value.Length * 8);
                    break;
                case RtRoute.NextHopGroup:
                    members = Members(value);
                    break;
                default:
                    break;
            }
        }

        RouteHop? way = output == 0 ? null
            : new RouteHop(output, gateway, 1, (header.Flags & RtRoute.HopDead) != 0, isEncapsulated);
        return id == 0 ? null : new KernelNextHop(id, isBlackhole, way, members);
    }

    private static List<(uint Id, int Weight)> Members(ReadOnlySpan<byte> value)
    {
        List<(uint Id, int Weight)> members = [];
        for (; value.Length >= MemberBytes; value = value[MemberBytes..])
        {
            int lessOne = value[4] | (value[5] << 8); // weight_high: 0 before 6.12
            members.Add((BinaryPrimitives.ReadUInt32LittleEndian(value), lessOne + 1));
        }

        return members;
    }
}
