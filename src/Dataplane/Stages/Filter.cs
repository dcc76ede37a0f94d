using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using LowLatency.Dataplane.Packets;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Dataplane.Stages;

/// <summary>5-tuple rules in order: the first that matches counts and decides. Frames that are no IP match only rules
/// that ask for nothing IP has.</summary>
internal readonly struct Filter : IStep
{
    private const uint AnyProtocol = 256;
    private readonly Rule[] _rules;
    private readonly NativeSpan<RuleCounter> _counters;
    private readonly RuleAction _default;

    /// <summary>Compiles the rules of a stage; <paramref name="counters"/> has one counter a rule.</summary>
    public Filter(ReadOnlySpan<PlanRule> rules, RuleAction defaultAction, NativeSpan<RuleCounter> counters)
    {
        Invariant.Require(counters.Length == rules.Length);
        _rules = new Rule[rules.Length];
        for (int i = 0; i < rules.Length; i++)
        {
            _rules[i] = new Rule(rules[i]);
        }

        _counters = counters;
        _default = defaultAction;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Verdict Apply(Span<byte> frame, int ingress, Verdict verdict)
    {
        ParseResult result = FiveTuple.Parse(frame, out FiveTuple tuple);
        if (result == ParseResult.Malformed)
        {
            return Verdict.Drop(DropReason.Malformed);
        }

        Rule[] rules = _rules;
        for (int i = 0; i < rules.Length; i++)
        {
            if (rules[i].Matches(tuple, ingress))
            {
                ref RuleCounter counter = ref _counters[i];
                counter.Frames++;
                counter.Bytes += (uint)frame.Length;
                return rules[i].Action == RuleAction.Drop ? Verdict.Drop(DropReason.FilterRule) : verdict;
            }
        }

        return _default == RuleAction.Drop ? Verdict.Drop(DropReason.FilterDefault) : verdict;
    }

    /// <summary>A rule as masks and ranges.</summary>
    private readonly struct Rule
    {
        private readonly ulong _sourceHigh;
        private readonly ulong _sourceLow;
        private readonly ulong _sourceMaskHigh;
        private readonly ulong _sourceMaskLow;
        private readonly ulong _destinationHigh;
        private readonly ulong _destinationLow;
        private readonly ulong _destinationMaskHigh;
        private readonly ulong _destinationMaskLow;
        private readonly uint _family;
        private readonly uint _protocol;
        private readonly int _port;
        private readonly ushort _sourcePortLow;
        private readonly ushort _sourcePortSpan;
        private readonly ushort _destinationPortLow;
        private readonly ushort _destinationPortSpan;
        private readonly bool _needsPorts;

        public Rule(in PlanRule plan)
        {
            _family = plan.Family;
            _protocol = plan.Protocol;
            _port = plan.Port;
            Action = plan.Action;
            ReadPrefix(plan.Source, plan.SourceBits, plan.Family,
                out _sourceHigh, out _sourceLow, out _sourceMaskHigh, out _sourceMaskLow);
            ReadPrefix(plan.Destination, plan.DestinationBits, plan.Family,
                out _destinationHigh, out _destinationLow, out _destinationMaskHigh, out _destinationMaskLow);
            _sourcePortLow = plan.SourcePortLow;
            _sourcePortSpan = (ushort)(plan.SourcePortHigh - plan.SourcePortLow);
            _destinationPortLow = plan.DestinationPortLow;
            _destinationPortSpan = (ushort)(plan.DestinationPortHigh - plan.DestinationPortLow);
            _needsPorts = _sourcePortSpan != ushort.MaxValue || _destinationPortSpan != ushort.MaxValue;
        }

        public RuleAction Action { get; }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool Matches(in FiveTuple tuple, int ingress) =>
            (((tuple.SourceHigh ^ _sourceHigh) & _sourceMaskHigh)
                | ((tuple.SourceLow ^ _sourceLow) & _sourceMaskLow)
                | ((tuple.DestinationHigh ^ _destinationHigh) & _destinationMaskHigh)
                | ((tuple.DestinationLow ^ _destinationLow) & _destinationMaskLow)) == 0
            && (_family == 0 || _family == tuple.Family)
            && (_protocol == AnyProtocol || (_protocol == tuple.Protocol && tuple.Family != 0))
            && (_port < 0 || _port == ingress)
            && (!_needsPorts || (tuple.HasPorts
                && (ushort)(tuple.SourcePort - _sourcePortLow) <= _sourcePortSpan
                && (ushort)(tuple.DestinationPort - _destinationPortLow) <= _destinationPortSpan));

        private static void ReadPrefix(
            in Address16 address, uint bits, uint family,
            out ulong high, out ulong low, out ulong maskHigh, out ulong maskLow)
        {
            ReadOnlySpan<byte> bytes = address;
            if (family == 4)
            {
                Invariant.Require(bits <= 32);
                high = maskHigh = 0;
                low = BinaryPrimitives.ReadUInt32BigEndian(bytes);
                maskLow = bits == 0 ? 0 : uint.MaxValue << (int)(32 - bits) & uint.MaxValue;
                return;
            }

            Invariant.Require(bits <= 128);
            high = BinaryPrimitives.ReadUInt64BigEndian(bytes);
            low = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
            maskHigh = Mask(Math.Min(bits, 64));
            maskLow = Mask(bits > 64 ? bits - 64 : 0);
        }

        private static ulong Mask(uint bits) => bits == 0 ? 0 : ulong.MaxValue << (int)(64 - bits);
    }
}
