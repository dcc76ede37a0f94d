using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using LowLatency.Dataplane.Packets;
using LowLatency.Native.Layout;

namespace LowLatency.Dataplane.Stages;

/// <summary>What comes in at one port goes out at the other.</summary>
internal readonly struct CrossConnect(int portA, int portB) : IStep
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Verdict Apply(Span<byte> frame, int ingress, Verdict verdict)
    {
        if (ingress == portA)
        {
            return Verdict.Forward(portB);
        }

        return ingress == portB ? Verdict.Forward(portA) : verdict;
    }
}

/// <summary>Sets the MACs of frames that leave by a port (-1: by any); 0 leaves an address as it
/// is.</summary>
internal readonly struct MacRewrite(int port, ulong destination, ulong source) : IStep
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Verdict Apply(Span<byte> frame, int ingress, Verdict verdict)
    {
        if (!verdict.IsForward || (port >= 0 && verdict.Port != port))
        {
            return verdict;
        }

        if (frame.Length < Ethernet.HeaderBytes)
        {
            return Verdict.Drop(DropReason.Malformed);
        }

        Ethernet.WriteMacs(
            frame,
            destination == 0 ? Ethernet.ReadDestination(frame) : destination,
            source == 0 ? Ethernet.ReadSource(frame) : source);
        return verdict;
    }
}

/// <summary>Swaps source and destination MAC.</summary>
internal readonly struct MacSwap : IStep
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Verdict Apply(Span<byte> frame, int ingress, Verdict verdict)
    {
        if (frame.Length < Ethernet.HeaderBytes)
        {
            return Verdict.Drop(DropReason.Malformed);
        }

        Ethernet.WriteMacs(frame, Ethernet.ReadSource(frame), Ethernet.ReadDestination(frame));
        return verdict;
    }
}

/// <summary>Sends UDP back by the port it came in by: MACs, addresses and ports swapped, so that both
/// checksums stay valid (their sums do not depend on the order, RFC 1071).</summary>
internal readonly struct Reflect : IStep
{
    /// <inheritdoc/>
    public Verdict Apply(Span<byte> frame, int ingress, Verdict verdict)
    {
        ParseResult result = FiveTuple.Parse(frame, out FiveTuple tuple);
        if (result != ParseResult.Ip || tuple.Protocol != IpProtocol.Udp || !tuple.HasPorts)
        {
            return Verdict.Drop(result == ParseResult.Malformed ? DropReason.Malformed : DropReason.NotUdp);
        }

        Ethernet.TryReadType(frame, out ushort type, out int at);
        Span<byte> packet = frame[at..];
        int addressBytes = type == Ethernet.Ipv4 ? 4 : 16;
        int addressAt = type == Ethernet.Ipv4 ? 12 : 8;
        int transportAt = type == Ethernet.Ipv4 ? (packet[0] & 0xF) * 4 : 40;
        if (type == Ethernet.Ipv6 && packet[6] != IpProtocol.Udp)
        {
            return Verdict.Drop(DropReason.NotUdp); // behind extension headers: not load, and not worth a walk
        }

        Ethernet.WriteMacs(frame, Ethernet.ReadSource(frame), Ethernet.ReadDestination(frame));
        Swap(packet.Slice(addressAt, addressBytes), packet.Slice(addressAt + addressBytes, addressBytes));
        Swap(packet.Slice(transportAt, 2), packet.Slice(transportAt + 2, 2));
        return Verdict.Forward(ingress);
    }

    private static void Swap(Span<byte> a, Span<byte> b)
    {
        if (a.Length == 2)
        {
            ushort two = BinaryPrimitives.ReadUInt16LittleEndian(a);
            b.CopyTo(a);
            BinaryPrimitives.WriteUInt16LittleEndian(b, two);
            return;
        }

        Span<byte> kept = stackalloc byte[16];
        a.CopyTo(kept);
        b.CopyTo(a);
        kept[..b.Length].CopyTo(b);
    }
}
