using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using LowLatency.Dataplane.Packets;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Stages;

/// <summary>IEEE 802.1Q by port. On the way in a frame gets its VLAN as an outer tag, whatever the port;
/// between, stages see that; on the way out the tag is as the egress port wants it. Adding a tag moves the
/// frame's start by four bytes into its headroom.</summary>
internal sealed class Vlan : IStage
{
    private const int TagBytes = 4;
    private const int MacBytes = 12;
    private const int VlanMask = 0xFFF;
    private const int TagsMax = 4; // a frame with more is none that we tag again
    private const ushort CustomerTag = 0x8100; // 802.1Q, 802.1ad
    private const ushort ServiceTag = 0x88A8;
    private readonly NativeSpan<VlanPort> _ports;
    private readonly int _number;
    private readonly bool _isOut;

    /// <summary>Makes the stage.</summary>
    public Vlan(in StageContext context)
    {
        _ports = context.Table<VlanPort>(0);
        _number = context.Number;
        _isOut = VlanSettings.Read(context.Stage).IsOut;
    }

    /// <inheritdoc/>
    public void Run(ref Burst burst)
    {
        Span<XdpDesc> descriptors = burst.Descriptors;
        Span<Verdict> verdicts = burst.Verdicts[..descriptors.Length];
        for (int i = 0; i < descriptors.Length; i++)
        {
            if (verdicts[i].IsDone || (_isOut && !verdicts[i].IsForward))
            {
                continue;
            }

            ref VlanPort port = ref _ports[_isOut ? verdicts[i].Port : burst.Ingress];
            if (port.Mode != VlanMode.None)
            {
                DropReason? refusal = _isOut ? Leave(burst.Umem, ref descriptors[i], ref port)
                    : Enter(burst.Umem, ref descriptors[i], ref port);
                verdicts[i] = refusal is { } reason ? Verdict.Drop(reason).At(_number) : verdicts[i];
            }
        }
    }

    /// <summary>The VLAN of a frame that went through a vlan stage on its way in; 0: it has no tag.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int IdOf(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < Ethernet.HeaderBytes + TagBytes)
        {
            return 0;
        }

        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[MacBytes..]);
        return type is CustomerTag or ServiceTag
            ? BinaryPrimitives.ReadUInt16BigEndian(frame[Ethernet.HeaderBytes..]) & VlanMask : 0;
    }

    private static DropReason? Enter(UmemView umem, ref XdpDesc descriptor, ref VlanPort port)
    {
        Span<byte> frame = umem.Frame(descriptor.Address, descriptor.Length);
        if (frame.Length < Ethernet.HeaderBytes)
        {
            return DropReason.Malformed;
        }

        int wire = 0;
        bool isTagged = BinaryPrimitives.ReadUInt16BigEndian(frame[MacBytes..]) == port.TagType
            && port.Mode != VlanMode.Tunnel;
        if (isTagged)
        {
            if (frame.Length < Ethernet.HeaderBytes + TagBytes)
            {
                return DropReason.Malformed;
            }

            wire = BinaryPrimitives.ReadUInt16BigEndian(frame[Ethernet.HeaderBytes..]) & VlanMask;
        }

        // A tag with id 0 carries a priority and no VLAN (IEEE 802.1Q 6.9.1): it is as good as none.
        int vlan = wire != 0 ? port.In[wire] : port.Untagged;
        if (vlan >= VlanMap.Count)
        {
            return DropReason.VlanNotAllowed;
        }

        return isTagged ? Rewrite(frame, vlan) : Push(umem, ref descriptor, port.TagType, vlan,
            port.Priority);
    }

    private static DropReason? Leave(UmemView umem, ref XdpDesc descriptor, ref VlanPort port)
    {
        Span<byte> frame = umem.Frame(descriptor.Address, descriptor.Length);
        int vlan = IdOf(frame);
        int wire = port.Out[vlan];
        if (vlan == 0 || wire >= VlanMap.Count)
        {
            return DropReason.VlanNotAllowed;
        }

        if (vlan == port.Untagged)
        {
            frame[..MacBytes].CopyTo(frame[TagBytes..]);
            descriptor.Address += TagBytes;
            descriptor.Length -= TagBytes;
            return null;
        }

        BinaryPrimitives.WriteUInt16BigEndian(frame[MacBytes..], port.TagType);
        return Rewrite(frame, wire);
    }

    private static DropReason? Rewrite(Span<byte> frame, int vlan)
    {
        Span<byte> tag = frame[Ethernet.HeaderBytes..];
        int priority = BinaryPrimitives.ReadUInt16BigEndian(tag) & ~VlanMask;
        BinaryPrimitives.WriteUInt16BigEndian(tag, (ushort)(priority | vlan));
        return null;
    }

    private static DropReason? Push(UmemView umem, ref XdpDesc descriptor, ushort type, int vlan,
        int priority)
    {
        Span<byte> frame = umem.Frame(descriptor.Address, descriptor.Length);
        if (descriptor.Address - umem.ChunkOf(descriptor.Address) < TagBytes || CountTags(frame) >= TagsMax)
        {
            return DropReason.VlanNoRoom;
        }

        descriptor.Address -= TagBytes;
        descriptor.Length += TagBytes;
        frame = umem.Frame(descriptor.Address, descriptor.Length);
        frame.Slice(TagBytes, MacBytes).CopyTo(frame);
        BinaryPrimitives.WriteUInt16BigEndian(frame[MacBytes..], type);
        BinaryPrimitives.WriteUInt16BigEndian(frame[Ethernet.HeaderBytes..],
            (ushort)((priority << 13) | vlan));
        return null;
    }

    private static int CountTags(ReadOnlySpan<byte> frame)
    {
        int tags = 0;
        while (tags < TagsMax && frame.Length >= Ethernet.HeaderBytes + (tags * TagBytes)
            && BinaryPrimitives.ReadUInt16BigEndian(frame[(MacBytes + (tags * TagBytes))..]) is CustomerTag
                or ServiceTag)
        {
            tags++;
        }

        return tags;
    }
}
