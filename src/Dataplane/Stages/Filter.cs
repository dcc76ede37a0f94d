using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using LowLatency.Dataplane.Packets;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Dataplane.Stages;

/// <summary>5-tuple rules in order: the first that matches counts and decides. Frames that are no IP match
/// only rules that ask for nothing IP has.</summary>
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

        ulong kind = tuple.Kind | ((ulong)(uint)ingress << Rule.IngressShift);
        Rule[] rules = _rules;
        for (int i = 0; i < rules.Length; i++)
        {
            if (rules[i].Matches(tuple.Addresses, kind, tuple.Ports))
            {
                ref RuleCounter counter = ref _counters[i];
                counter.Frames++;
                counter.Bytes += (uint)frame.Length;
                return rules[i].Action == RuleAction.Drop ? Verdict.Drop(DropReason.FilterRule) : verdict;
            }
        }

        return _default == RuleAction.Drop ? Verdict.Drop(DropReason.FilterDefault) : verdict;
    }

    /// <summary>The rules of any stage that has some, compiled.</summary>
    public static Rule[] RulesOf(in StageContext context)
    {
        Rule[] rules = new Rule[context.Stage.RuleCount];
        for (int i = 0; i < rules.Length; i++)
        {
            rules[i] = new Rule(context.Rule(i));
        }

        return rules;
    }

    /// <summary>The first of some rules that matches a frame; -1: none, or the frame is malformed.</summary>
    public static int Find(Rule[] rules, ReadOnlySpan<byte> frame, int ingress)
    {
        if (FiveTuple.Parse(frame, out FiveTuple tuple) == ParseResult.Malformed)
        {
            return -1;
        }

        ulong kind = tuple.Kind | ((ulong)(uint)ingress << Rule.IngressShift);
        for (int i = 0; i < rules.Length; i++)
        {
            if (rules[i].Matches(tuple.Addresses, kind, tuple.Ports))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>A rule as masks and ranges, in the words of <see cref="FiveTuple"/>.</summary>
    internal readonly struct Rule
    {
        /// <summary>Above the tuple's kind, the port a frame came in by.</summary>
        public const int IngressShift = 32;
        private const ulong NeverBit = 0x8000_0000; // no tuple has it
        private readonly Vector256<ulong> _addresses;
        private readonly Vector256<ulong> _addressMask;
        private readonly ulong _kind;
        private readonly ulong _kindMask;
        private readonly ushort _sourcePortLow;
        private readonly ushort _sourcePortSpan;
        private readonly ushort _destinationPortLow;
        private readonly ushort _destinationPortSpan;

        /// <summary>Compiles a rule.</summary>
        public Rule(in PlanRule plan)
        {
            Action = plan.Action;
            (Vector128<ulong> source, Vector128<ulong> sourceMask) =
                ReadPrefix(plan.Source, plan.SourceBits, plan.Family);
            (Vector128<ulong> destination, Vector128<ulong> destinationMask) =
                ReadPrefix(plan.Destination, plan.DestinationBits, plan.Family);
            _addresses = Vector256.Create(source, destination);
            _addressMask = Vector256.Create(sourceMask, destinationMask);
            _sourcePortLow = plan.SourcePortLow;
            _sourcePortSpan = (ushort)(plan.SourcePortHigh - plan.SourcePortLow);
            _destinationPortLow = plan.DestinationPortLow;
            _destinationPortSpan = (ushort)(plan.DestinationPortHigh - plan.DestinationPortLow);
            if (plan.Family != 0)
            {
                _kind |= plan.Family;
                _kindMask |= FiveTuple.FamilyMask;
            }

            if (plan.Protocol != AnyProtocol)
            {
                _kind |= ((ulong)plan.Protocol << FiveTuple.ProtocolShift) | FiveTuple.IpBit;
                _kindMask |= FiveTuple.ProtocolMask | FiveTuple.IpBit;
            }

            if (plan.Protocol > AnyProtocol)
            {
                _kind |= NeverBit; // no such protocol: the rule matches nothing
                _kindMask |= NeverBit;
            }

            if (plan.Port >= 0)
            {
                _kind |= (ulong)(uint)plan.Port << IngressShift;
                _kindMask |= (ulong)uint.MaxValue << IngressShift;
            }

            if (_sourcePortSpan != ushort.MaxValue || _destinationPortSpan != ushort.MaxValue)
            {
                _kind |= FiveTuple.PortsBit; // without this bit both spans hold every port
                _kindMask |= FiveTuple.PortsBit;
            }
        }

        /// <summary>What happens to a match.</summary>
        public RuleAction Action { get; }

        /// <summary>True when a tuple is what it asks for.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool Matches(Vector256<ulong> addresses, ulong kind, uint ports) =>
            ((kind ^ _kind) & _kindMask) == 0
            && ((addresses ^ _addresses) & _addressMask) == Vector256<ulong>.Zero
            && (ushort)((ports >> 16) - _sourcePortLow) <= _sourcePortSpan
            && (ushort)(ports - _destinationPortLow) <= _destinationPortSpan;

        // Address and mask in network order; an IPv4 address is the last four of 16 bytes.
        private static (Vector128<ulong> Address, Vector128<ulong> Mask) ReadPrefix(
            in Address16 address, uint bits, uint family)
        {
            Span<byte> value = stackalloc byte[16];
            Span<byte> mask = stackalloc byte[16];
            int width = family == 4 ? 4 : 16;
            Invariant.Require(bits <= width * 8);
            ((ReadOnlySpan<byte>)address)[..width].CopyTo(value[^width..]);
            UInt128 ones = bits == 0 ? 0
                : UInt128.MaxValue << (128 - (int)bits); // the first bits of 16 bytes
            BinaryPrimitives.WriteUInt128BigEndian(mask, family == 4 ? ones >> 96 : ones);
            return (Vector128.Create((ReadOnlySpan<byte>)value).AsUInt64(),
                Vector128.Create((ReadOnlySpan<byte>)mask).AsUInt64());
        }
    }
}
