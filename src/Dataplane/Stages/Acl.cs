using System.Runtime.CompilerServices;
using LowLatency.Dataplane.Packets;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Tables;
using LowLatency.Native.Xdp;

namespace LowLatency.Dataplane.Stages;

/// <summary>An access list: ordered rules, compiled by Control; the first that matches counts and decides.
/// The keys of a burst are looked up together.</summary>
internal sealed class Acl : IStage
{
    /// <summary>Of its tables: the rules' counters.</summary>
    public const int CountersTable = 0;
    /// <summary>The compiled list.</summary>
    public const int ListTable = 1;

    private readonly AclTable _table;
    private readonly NativeSpan<RuleCounter> _counters;
    private readonly bool[] _isDrop;
    private readonly bool _dropsByDefault;
    private readonly int _number;
    private readonly AclKey[] _keys = new AclKey[AclTable.BurstMax];
    private readonly int[] _slots = new int[AclTable.BurstMax];
    private readonly int[] _found = new int[AclTable.BurstMax];

    /// <summary>Makes the stage.</summary>
    public Acl(in StageContext context)
    {
        _isDrop = new bool[context.Stage.RuleCount];
        for (int rule = 0; rule < _isDrop.Length; rule++)
        {
            _isDrop[rule] = context.Rule(rule).Action == RuleAction.Drop;
        }

        _counters = context.Table<RuleCounter>(CountersTable).Slice(0, _isDrop.Length);
        _table = new AclTable(context.Table<byte>(ListTable));
        _dropsByDefault = context.Stage.DefaultAction == RuleAction.Drop;
        _number = context.Number;
    }

    /// <inheritdoc/>
    public void Run(ref Burst burst)
    {
        Span<XdpDesc> descriptors = burst.Descriptors;
        Span<Verdict> verdicts = burst.Verdicts[..descriptors.Length];
        int count = 0;
        for (int i = 0; i < descriptors.Length; i++)
        {
            if (verdicts[i].IsEnded)
            {
                continue;
            }

            ReadOnlySpan<byte> frame = burst.Umem.Frame(descriptors[i].Address, descriptors[i].Length);
            if (!AclFrames.TryReadKey(frame, burst.Ingress, out _keys[count]))
            {
                verdicts[i] = Verdict.Drop(DropReason.Malformed).At(_number);
                continue;
            }

            _slots[count++] = i;
            if (count == AclTable.BurstMax)
            {
                Decide(descriptors, verdicts, count);
                count = 0;
            }
        }

        Decide(descriptors, verdicts, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Decide(Span<XdpDesc> descriptors, Span<Verdict> verdicts, int count)
    {
        _table.Match(_keys.AsSpan(0, count), _found);
        for (int i = 0; i < count; i++)
        {
            int slot = _slots[i];
            int rule = _found[i];
            if ((uint)rule >= (uint)_isDrop.Length) // none, or one that damaged memory made up
            {
                verdicts[slot] = _dropsByDefault ? Verdict.Drop(DropReason.AclDefault).At(_number)
                    : verdicts[slot];
                continue;
            }

            ref RuleCounter counter = ref _counters[rule];
            counter.Frames++;
            counter.Bytes += descriptors[slot].Length;
            if (_isDrop[rule])
            {
                verdicts[slot] = Verdict.Drop(DropReason.AclRule).At(_number);
            }
        }
    }
}
