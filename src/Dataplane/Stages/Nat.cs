using System.Runtime.CompilerServices;
using LowLatency.Dataplane.Packets;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Dataplane.Stages;

/// <summary>Translates IPv4 addresses between inside and outside ports (RFC 3022): prefixes one to one
/// without state, shared outside addresses with ports given out, and ports that lead inside. UDP (RFC 4787),
/// TCP (RFC 5382), ICMP echo and errors (RFC 5508); a mapping holds for one remote pair, as in
/// Linux.</summary>
internal sealed class Nat : IStage
{
    private const int PortTriesMax = 128; // bounds the work of a frame, as Linux does
    private const int Passes = -1;
    private const byte Fin = 1;
    private const byte Syn = 2;
    private const byte Rst = 4;
    private const byte Ack = 16;
    private readonly NatSettings _settings;
    private readonly NatFlows _flows;
    private readonly NatRules _rules;
    private readonly int _number;

    /// <summary>Makes the stage over its tables.</summary>
    public Nat(in StageContext context)
    {
        _settings = NatSettings.Read(context.Stage);
        _flows = new NatFlows(context.Table<byte>(NatSettings.Flows));
        _rules = new NatRules(context.Table<NatEntry>(NatSettings.Entries).Span);
        _number = context.Number;
    }

    /// <inheritdoc/>
    public void Run(ref Burst burst)
    {
        _flows.Sweep(NatFlows.SweepPerBurst, burst.NowNs);
        bool isOut = IsIn(_settings.Inside, burst.Ingress);
        if (!isOut && !IsIn(_settings.Outside, burst.Ingress))
        {
            return;
        }

        long others = isOut ? _settings.Outside : _settings.Inside;
        for (int i = 0; i < burst.Count; i++)
        {
            Verdict verdict = burst.Verdicts[i];
            if (verdict.IsDone || (verdict.IsForward && !IsIn(others, verdict.Port)))
            {
                continue;
            }

            int reason = Translate(burst.Frame(i), isOut, burst.NowNs);
            if (reason >= 0)
            {
                burst.Verdicts[i] = Verdict.Drop((DropReason)reason).At(_number);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsIn(long ports, int port) => ((ports >> port) & 1) != 0;

    // A DropReason, or negative: goes on, translated or not.
    private int Translate(Span<byte> frame, bool isOut, long nowNs)
    {
        if (!Ethernet.TryReadType(frame, out ushort type, out int at))
        {
            return (int)DropReason.Malformed;
        }

        if (type != Ethernet.Ipv4)
        {
            return Passes;
        }

        if (!NatPacket.TryParse(frame[at..], isQuoted: false, out NatPacket packet))
        {
            return (int)DropReason.Malformed;
        }

        if (packet.IsIcmpError)
        {
            return isOut ? ErrorOut(ref packet, nowNs) : ErrorIn(ref packet, nowNs);
        }

        return isOut ? Out(ref packet, frame.Length, nowNs) : In(ref packet, frame.Length, nowNs);
    }

    private int Out(ref NatPacket packet, int bytes, long nowNs)
    {
        if (_rules.TryOutside(packet.Source, out uint outside))
        {
            if (packet.IsOpaque)
            {
                return (int)DropReason.NatUnsupported;
            }

            packet.SetSource(outside, PortAfter(packet, packet.SourcePort));
            return Passes;
        }

        if (packet.IsFragment || !packet.HasPorts)
        {
            return _rules.HasSource ? (int)DropReason.NatUnsupported : Passes;
        }

        int place = _rules.HasFlows ? _flows.Find(NatKey.Forward(packet.Protocol, packet.Source,
            packet.SourcePort, packet.Destination, packet.DestinationPort), nowNs) : -1;
        if (place < 0)
        {
            if (!_rules.HasSource)
            {
                return Passes;
            }

            if (packet.Protocol == NatPacket.Icmp && !packet.IsRequest)
            {
                return (int)DropReason.NatUnsupported;
            }

            int reason = Open(packet, nowNs, out place);
            if (reason >= 0)
            {
                return reason;
            }
        }

        ref NatFlow flow = ref _flows[place];
        flow.FramesOut++;
        flow.BytesOut += (uint)bytes;
        Touch(ref flow, packet.TcpFlags, isOut: true, nowNs);
        packet.SetSource(flow.Outside, flow.OutsidePort);
        return Passes;
    }

    private int In(ref NatPacket packet, int bytes, long nowNs)
    {
        if (_rules.TryInside(packet.Destination, out uint inside))
        {
            if (packet.IsOpaque)
            {
                return (int)DropReason.NatUnsupported;
            }

            packet.SetDestination(inside, PortAfter(packet, packet.DestinationPort));
            return Passes;
        }

        if (packet.IsFragment || !packet.HasPorts)
        {
            return _rules.IsOurs(packet.Destination) ? (int)DropReason.NatUnsupported : Passes;
        }

        int place = _rules.HasFlows ? _flows.Find(NatKey.Reverse(packet.Protocol, packet.Destination,
            packet.DestinationPort, packet.Source, packet.SourcePort), nowNs) : -1;
        if (place < 0)
        {
            int reason = OpenForward(packet, nowNs, out place);
            if (place < 0)
            {
                return reason;
            }
        }

        ref NatFlow flow = ref _flows[place];
        flow.FramesIn++;
        flow.BytesIn += (uint)bytes;
        Touch(ref flow, packet.TcpFlags, isOut: false, nowNs);
        packet.SetDestination(flow.Inside, flow.InsidePort);
        return Passes;
    }

    // An echo has one id: written back as it is.
    private static ushort PortAfter(in NatPacket packet, ushort port) =>
        packet.Protocol == NatPacket.Icmp ? (ushort)(packet.SourcePort | packet.DestinationPort) : port;

    // RFC 5508, 4.2: what the error quotes came from outside, to an inside host. No flow lives longer by it.
    private int ErrorOut(ref NatPacket packet, long nowNs)
    {
        if (!packet.TryParseQuoted(out NatPacket quoted))
        {
            return (int)DropReason.Malformed;
        }

        ushort port = PortAfter(quoted, quoted.DestinationPort);
        if (packet.Destination != quoted.Source || !_rules.TryOutside(quoted.Destination, out uint outside))
        {
            int place = packet.Destination == quoted.Source && quoted.HasPorts && _rules.HasFlows
                ? _flows.Find(NatKey.Forward(quoted.Protocol, quoted.Destination, quoted.DestinationPort,
                    quoted.Source, quoted.SourcePort), nowNs) : -1;
            if (place < 0)
            {
                return _rules.HasSource || _rules.TryOutside(packet.Source, out _)
                    ? (int)DropReason.NatUnsupported : Passes;
            }

            (outside, port) = (_flows[place].Outside, _flows[place].OutsidePort);
        }

        packet.FixIcmp(quoted.SetDestination(outside, port));
        uint source = _rules.TryOutside(packet.Source, out uint own) ? own : outside;
        packet.SetSource(source, 0);
        return Passes;
    }

    // What the error quotes went out, from an outside pair of ours.
    private int ErrorIn(ref NatPacket packet, long nowNs)
    {
        if (!packet.TryParseQuoted(out NatPacket quoted))
        {
            return (int)DropReason.Malformed;
        }

        ushort port = PortAfter(quoted, quoted.SourcePort);
        bool isAnswer = packet.Destination == quoted.Source; // else it was never sent by whom it goes to
        if (!isAnswer || !_rules.TryInside(quoted.Source, out uint inside))
        {
            int place = isAnswer && quoted.HasPorts && _rules.HasFlows
                ? _flows.Find(NatKey.Reverse(quoted.Protocol, quoted.Source, quoted.SourcePort,
                    quoted.Destination, quoted.DestinationPort), nowNs) : -1;
            if (place < 0)
            {
                return _rules.IsOurs(packet.Destination) || _rules.TryInside(packet.Destination, out _)
                    ? (int)DropReason.NatUnsupported : Passes;
            }

            (inside, port) = (_flows[place].Inside, _flows[place].InsidePort);
        }

        packet.FixIcmp(quoted.SetSource(inside, port));
        packet.SetDestination(inside, 0);
        return Passes;
    }

    // A DropReason, or negative and a place.
    [MethodImpl(MethodImplOptions.NoInlining)] // once a flow
    private int Open(in NatPacket packet, long nowNs, out int place)
    {
        NatKey host = NatKey.Forward(0, packet.Source, 0, 0, 0);
        NatFlow flow = new()
        {
            Inside = packet.Source,
            Outside = _rules.OutsideOf(_flows.HashOf(host)),
            Remote = packet.Destination,
            InsidePort = packet.SourcePort,
            RemotePort = packet.DestinationPort,
            Protocol = packet.Protocol,
            State = NatState.Used,
            ExpiresNs = long.MaxValue,
        };
        if (!TryGivePort(ref flow, nowNs))
        {
            place = -1;
            return (int)DropReason.NatNoPort;
        }

        place = _flows.Add(flow, nowNs);
        return place < 0 ? (int)DropReason.NatTableFull : Passes;
    }

    // The host's own port when it is free, else the first free one from a place that follows from the flow
    // (RFC 6056, 3.3.3).
    private bool TryGivePort(ref NatFlow flow, long nowNs)
    {
        flow.OutsidePort = flow.InsidePort;
        if (flow.InsidePort >= _settings.PortLow && flow.InsidePort <= _settings.PortHigh
            && IsFree(flow, nowNs))
        {
            return true;
        }

        ulong count = (ulong)(_settings.PortHigh - _settings.PortLow + 1);
        ulong start = _flows.HashOf(NatKey.Of(flow, isReverse: false)) % count;
        for (ulong i = 0; i < Math.Min(count, PortTriesMax); i++)
        {
            flow.OutsidePort = (ushort)((ulong)_settings.PortLow + ((start + i) % count));
            if (IsFree(flow, nowNs))
            {
                return true;
            }
        }

        return false;
    }

    private bool IsFree(in NatFlow flow, long nowNs) =>
        !_rules.TryForward(flow.Protocol, flow.Outside, flow.OutsidePort, out _)
            && _flows.Find(NatKey.Of(flow, isReverse: true), nowNs) < 0;

    // A place; or none and a DropReason, or negative for what is not ours.
    [MethodImpl(MethodImplOptions.NoInlining)] // once a flow
    private int OpenForward(in NatPacket packet, long nowNs, out int place)
    {
        place = -1;
        if (!_rules.TryForward(packet.Protocol, packet.Destination, packet.DestinationPort,
            out NatEntry entry))
        {
            return _rules.IsOurs(packet.Destination) ? (int)DropReason.NatNoFlow : Passes;
        }

        NatFlow flow = new()
        {
            Inside = entry.Inside,
            Outside = entry.Outside,
            Remote = packet.Source,
            InsidePort = entry.InsidePort,
            OutsidePort = entry.OutsidePort,
            RemotePort = packet.SourcePort,
            Protocol = packet.Protocol,
            State = NatState.Used,
            ExpiresNs = long.MaxValue,
        };
        if (_flows.Find(NatKey.Of(flow, isReverse: false), nowNs) >= 0)
        {
            return (int)DropReason.NatNoPort; // that pair speaks with this one through another outside pair
        }

        place = _flows.Add(flow, nowNs);
        return (int)DropReason.NatTableFull;
    }

    // RFC 5382, REQ-5: opened by both sides and not closed lives long, all else shortly.
    private void Touch(ref NatFlow flow, byte tcpFlags, bool isOut, long nowNs)
    {
        NatState state = flow.State | (isOut ? NatState.SeenOut : NatState.SeenIn);
        long livesNs = _settings.UdpNs;
        if (flow.Protocol == IpProtocol.Tcp)
        {
            state = AfterSegment(state, tcpFlags, isOut);
            livesNs = IsOpen(state) ? _settings.EstablishedNs : _settings.TransitoryNs;
        }
        else if (flow.Protocol == NatPacket.Icmp)
        {
            livesNs = _settings.IcmpNs;
        }

        flow.State = state;
        flow.ExpiresNs = nowNs + livesNs;
    }

    private static NatState AfterSegment(NatState state, byte flags, bool isOut)
    {
        bool isClosed = (state & NatState.Reset) != 0
            || (state & (NatState.FinOut | NatState.FinIn)) == (NatState.FinOut | NatState.FinIn);
        if (isClosed && (flags & (Syn | Ack | Rst)) == Syn)
        {
            return NatState.Used | (isOut ? NatState.SeenOut : NatState.SeenIn); // the same pairs once more
        }

        state |= (flags & Syn) == 0 ? NatState.Opened : NatState.None;
        state |= (flags & Fin) == 0 ? NatState.None : isOut ? NatState.FinOut : NatState.FinIn;
        return (flags & Rst) == 0 ? state : state | NatState.Reset;
    }

    private static bool IsOpen(NatState state)
    {
        const NatState Both = NatState.SeenOut | NatState.SeenIn | NatState.Opened;
        const NatState Fins = NatState.FinOut | NatState.FinIn;
        return (state & (Both | NatState.Reset)) == Both && (state & Fins) != Fins;
    }
}
