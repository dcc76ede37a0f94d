using System.Buffers.Binary;
using System.Numerics;
using LowLatency.Dataplane.Packets;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Stages;

/// <summary>One frame in, one to each member port out, but not the one it came in by: by destination group, or
/// to all members. As the last stage it shares the frame (no bytes are copied); before others each member gets
/// a copy of its own.</summary>
internal sealed class Fanout : IStage
{
    private readonly NativeSpan<FanoutGroup> _groups;
    private readonly uint _members;
    private readonly int _number;
    private readonly bool _isLast;

    /// <summary>Makes the stage.</summary>
    public Fanout(in StageContext context)
    {
        _groups = context.Table<FanoutGroup>(0);
        _members = (uint)FanoutSettings.Read(context.Stage).Members & PortsOf(context);
        _number = context.Number;
        _isLast = context.Number == context.Lane.StageCount - 1;
        for (int i = 0; i < _groups.Length; i++)
        {
            _groups[i].Members &= PortsOf(context); // a port that the lane lacks must not end it
        }
    }

    /// <inheritdoc/>
    public void Run(ref Burst burst)
    {
        int count = burst.Count; // what it adds has its verdict
        for (int i = 0; i < count; i++)
        {
            if (!burst.Verdicts[i].IsDone)
            {
                burst.Verdicts[i] = Spread(ref burst, i);
            }
        }
    }

    private static uint PortsOf(in StageContext context) => (uint)((1UL << (int)context.Lane.PortCount) - 1);

    private Verdict Spread(ref Burst burst, int index)
    {
        ReadOnlySpan<byte> frame = burst.Frame(index);
        if (!Ethernet.TryReadType(frame, out ushort type, out int at))
        {
            return Verdict.Drop(DropReason.Malformed).At(_number);
        }

        uint members = MembersOf(frame[at..], type) & ~(1u << burst.Ingress);
        if (members == 0)
        {
            return Verdict.Drop(DropReason.FanoutNoMember).At(_number);
        }

        for (; BitOperations.PopCount(members) > 1; members &= members - 1)
        {
            Verdict verdict = Verdict.Forward(BitOperations.TrailingZeroCount(members));
            _ = _isLast ? burst.TryShare(index, verdict) : burst.TryCopy(index, verdict); // else counted as missed
        }

        return Verdict.Forward(BitOperations.TrailingZeroCount(members));
    }

    private uint MembersOf(ReadOnlySpan<byte> packet, ushort type)
    {
        ReadOnlySpan<byte> address = type == Ethernet.Ipv4 && packet.Length >= 20 ? packet.Slice(16, 4)
            : type == Ethernet.Ipv6 && packet.Length >= 40 ? packet.Slice(24, 16)
            : default;
        if (address.IsEmpty || _groups.Length == 0)
        {
            return _members;
        }

        uint family = address.Length == 4 ? 4u : 6u;
        int place = FanoutGroup.PlaceOf(address, _groups.Length);
        for (int tries = 0; tries < _groups.Length; tries++)
        {
            ref FanoutGroup group = ref _groups[(place + tries) & (_groups.Length - 1)];
            if (group.Family == 0)
            {
                return _members;
            }

            if (group.Family == family && address.SequenceEqual(((ReadOnlySpan<byte>)group.Address)[..address.Length]))
            {
                return group.Members;
            }
        }

        return _members;
    }
}

/// <summary>Copies chosen frames to a port, whatever becomes of them. Later stages do not touch the
/// copies.</summary>
internal sealed class Mirror : IStage
{
    private readonly MirrorSettings _settings;
    private readonly Filter.Rule[] _rules;
    private readonly NativeSpan<RuleCounter> _counters;
    private readonly Verdict _verdict;
    private long _seen;

    /// <summary>Makes the stage.</summary>
    public Mirror(in StageContext context)
    {
        _settings = MirrorSettings.Read(context.Stage);
        _verdict = Verdict.Forward((int)_settings.Port).AsFinal();
        _rules = Filter.RulesOf(context);
        _counters = _rules.Length == 0 ? default : context.Table<RuleCounter>(0);
    }

    /// <inheritdoc/>
    public void Run(ref Burst burst)
    {
        if ((_settings.From >> burst.Ingress & 1) == 0)
        {
            return;
        }

        int count = burst.Count;
        for (int i = 0; i < count; i++)
        {
            if (burst.Verdicts[i].IsDone || !IsWanted(burst.Frame(i), burst.Ingress) || ++_seen < _settings.Sample)
            {
                continue;
            }

            _seen = 0;
            if (burst.TryCopy(i, _verdict) && _settings.SnapBytes > 0)
            {
                ref XdpDesc copy = ref burst.Descriptors[^1];
                copy.Length = (uint)Math.Min(copy.Length, _settings.SnapBytes);
            }
        }
    }

    private bool IsWanted(ReadOnlySpan<byte> frame, int ingress)
    {
        if (_rules.Length == 0)
        {
            return true;
        }

        int rule = Filter.Find(_rules, frame, ingress);
        if (rule < 0)
        {
            return false;
        }

        ref RuleCounter counter = ref _counters[rule];
        counter.Frames++;
        counter.Bytes += (uint)frame.Length;
        return _rules[rule].Action == RuleAction.Pass;
    }
}

/// <summary>Measures, one burst in so many, the time since the frames were dequeued, at its place of the
/// pipeline.</summary>
internal sealed class Stamp : IStage
{
    private readonly NativeSpan<ulong> _histogram;
    private readonly long _sample;
    private long _bursts;

    /// <summary>Makes the stage.</summary>
    public Stamp(in StageContext context)
    {
        _histogram = context.Table<ulong>(0);
        _sample = StampSettings.Read(context.Stage).Sample;
    }

    /// <inheritdoc/>
    public void Run(ref Burst burst)
    {
        if (++_bursts < _sample)
        {
            return;
        }

        _bursts = 0;
        long ns = Native.Threads.ThreadControl.NowNs - burst.NowNs;
        _histogram[HdrGeometry.IndexOf(ns)] += (uint)burst.Count;
    }
}
