using LowLatency.Dataplane.Storage;
using LowLatency.Native.Layout;

namespace LowLatency.Dataplane.Stages;

/// <summary>Copies frames, as they are at this place, for a recorder. What it does not keep for want of room
/// is counted and told in the file; forwarding never waits for a disk.</summary>
internal sealed class Record : IStage
{
    private readonly RecordSettings _settings;
    private readonly RecordWriter _writer;
    private readonly Filter.Rule[] _rules;
    private readonly Native.Memory.NativeSpan<RuleCounter> _counters;
    private readonly bool _takesOthers; // frames that no rule names
    private readonly int _number;
    private long _until = 1;            // frames until the next of the sample

    /// <summary>Makes the stage.</summary>
    public Record(in StageContext context)
    {
        _settings = RecordSettings.Read(context.Stage);
        _rules = Filter.RulesOf(context);
        _counters = _rules.Length == 0 ? default : context.Table<RuleCounter>(0);
        _takesOthers = _rules.Length == 0 || context.Stage.DefaultAction == RuleAction.Pass;
        _writer = new RecordWriter(context.Table<byte>(QueueTable(context.Stage)));
        _number = context.Number;
    }

    /// <summary>Place of the queue among the stage's tables: behind the counters of its rules.</summary>
    public static int QueueTable(in PlanStage stage) => stage.RuleCount == 0 ? 0 : 1;

    /// <inheritdoc/>
    public void Run(ref Burst burst)
    {
        int cut = _settings.CutBytes > 0 && _writer.IsPressed ? (int)_settings.CutBytes : int.MaxValue;
        bool hasAny = false;
        for (int i = 0; i < burst.Count; i++)
        {
            if (burst.Verdicts[i].IsDone)
            {
                continue;
            }

            Span<byte> frame = burst.Frame(i);
            bool isKept = IsWanted(frame, burst.Ingress) && TryKeep(frame, burst.Ingress, burst.NowNs, cut);
            hasAny |= isKept;
            if (_settings.Ends)
            {
                burst.Verdicts[i] = Verdict.Drop(isKept ? DropReason.Recorded : DropReason.NotRecorded)
                    .At(_number);
            }
        }

        if (hasAny)
        {
            _writer.Publish();
        }
    }

    private bool TryKeep(ReadOnlySpan<byte> frame, int port, long nowNs, int cut)
    {
        int wanted = _settings.SnapBytes == 0 ? frame.Length
            : (int)Math.Min(_settings.SnapBytes, frame.Length);
        int kept = Math.Min(wanted, cut);
        return _writer.TryAdd(frame[..kept], (uint)frame.Length, port, nowNs, kept < wanted);
    }

    private bool IsWanted(ReadOnlySpan<byte> frame, int ingress)
    {
        bool isChosen = _takesOthers;
        int rule = _rules.Length == 0 ? -1 : Filter.Find(_rules, frame, ingress);
        if (rule >= 0)
        {
            ref RuleCounter counter = ref _counters[rule];
            counter.Frames++;
            counter.Bytes += (uint)frame.Length;
            isChosen = _rules[rule].Action == RuleAction.Pass;
        }

        if (!isChosen || --_until > 0)
        {
            return false;
        }

        _until = _settings.Sample;
        return true;
    }
}
