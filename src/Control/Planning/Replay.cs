using LowLatency.Control.Commands;
using LowLatency.Control.Configuring;
using LowLatency.Control.Recording;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Planning;

/// <summary>A capture whose frames a load sends. Reads the file's index when planned, its frames when the
/// tables are filled.</summary>
internal sealed record Replay
{
    /// <summary>What a frame grows by: the generator's mark and its checksum.</summary>
    public const int MarkBytes = FrameStamp.SizeBytes + 2;

    private const double RatePpsMax = 50e6;
    private readonly CaptureIndex _capture;
    private readonly long[] _atNs;

    private Replay(CaptureIndex capture, long[] atNs, long roundNs)
    {
        _capture = capture;
        _atNs = atNs;
        RoundNs = roundNs;
    }

    /// <summary>Time of one round, ns; 0: rate and schedule say when.</summary>
    public long RoundNs { get; }

    /// <summary>Length of the longest frame as sent, bytes.</summary>
    public int BytesMax => Math.Max(Limits.FrameBytesMin, _capture.BytesMax + MarkBytes);

    /// <summary>The place that names a capture; null: none does.</summary>
    public static Place? PlaceOf(Section section, LoadOverrides options) => options.Pcap != null
        ? LoadOverrides.Option("--pcap", options.Pcap) : section.Has("pcap") ? section.At("pcap") : null;

    /// <summary>How many times as fast as captured; 0: rate and schedule say when.</summary>
    public static double SpeedOf(Section section, LoadOverrides options, Findings findings) =>
        LoadOverrides.Read(LoadSchema.PcapTiming, "--pcap-timing", options.PcapTiming,
            section.GetOr("pcap_timing", 0.0), findings.Errors);

    /// <summary>Contradictions of the file or of the options, without a look at the capture.</summary>
    public static void Check(Section section, LoadOverrides options, Findings findings)
    {
        double speed = SpeedOf(section, options, new Findings());
        if (PlaceOf(section, options) == null)
        {
            if (options.PcapTiming != null || section.Has("pcap_timing"))
            {
                findings.Error(options.PcapTiming != null
                    ? LoadOverrides.Option("--pcap-timing", options.PcapTiming) : section.At("pcap_timing"),
                    "says when to send a capture, and there is none", "Give --pcap FILE, or pcap in [load].");
            }

            return;
        }

        (string Option, string? Text, bool IsTiming)[] given =
        [
            ("--size", options.Size, false), ("--imix", options.Imix, false), ("--vlan", options.Vlan, false),
            ("--family", options.Family is { } family ? $"{family}" : null, false),
            ("--source", options.Source, false), ("--destination", options.Destination, false),
            ("--source-port", options.SourcePort, false),
            ("--flows", options.Flows is { } flows ? $"{flows}" : null, false),
            ("--rate", options.Rate, true), ("--schedule", options.Schedule, true),
            ("--burst", options.Burst, true), ("--ramp-to", options.RampTo, true),
                ("--steps", options.Steps, true),
        ];
        foreach ((string option, string? text, bool isTiming) in given)
        {
            if (text != null && (!isTiming || speed > 0))
            {
                findings.Error(LoadOverrides.Option(option, text), "the capture says it",
                    isTiming ? "Give --pcap-timing rate, or leave it out." : "Leave it out.");
            }
        }
    }

    /// <summary>Reads the capture that the file or the options name; null: none, or it cannot be
    /// sent.</summary>
    public static Replay? From(Section section, LoadOverrides options, Findings findings)
    {
        int before = findings.Errors.Count;
        Check(section, options, findings);
        double speed = SpeedOf(section, options, findings);
        if (PlaceOf(section, options) is not { } place || findings.Errors.Count > before)
        {
            return null;
        }

        string path = options.Pcap
            ?? Path.Combine(Path.GetDirectoryName(place.File) ?? "", section.Get<string>("pcap"));
        try
        {
            CaptureIndex capture = CaptureIndex.Read(path);
            if (capture.Frames.Count > Limits.ReplayFramesMax)
            {
                throw new CaptureException($"must have at most {Limits.ReplayFramesMax} frames, it has "
                    + $"{capture.Frames.Count}", "Cut it, with editcap -c for example.");
            }

            return speed == 0 ? new Replay(capture, [], 0) : Timed(capture, speed);
        }
        catch (CaptureException e)
        {
            findings.Error(place, e.Message, e.Fix);
            return null;
        }
    }

    /// <summary>Puts it into a plan.</summary>
    /// <param name="plan">Takes it.</param>
    /// <param name="table">Number of its first table.</param>
    public void Set(ref PlanLoad plan, int table)
    {
        plan.ReplayCount = (uint)_capture.Frames.Count;
        plan.ReplayTable = (uint)table;
        plan.Flows = 1; // what a network may reorder, it may reorder here too: one order over all
        if (RoundNs > 0)
        {
            plan.Schedule = Schedule.Replay;
            plan.ReplayRoundNs = RoundNs;
            plan.RatePps = _capture.Frames.Count * 1e9 / RoundNs;
        }
    }

    /// <summary>Adds its tables: times and places, then bytes.</summary>
    public void AddTo(TableBuilder tables)
    {
        uint count = (uint)_capture.Frames.Count;
        long bytes = _capture.Frames.Sum(frame => (long)frame.Bytes);
        tables.Add("load.replay", TableKind.Replay, count, count * (long)ReplayFrame.SizeBytes, 0, Fill);
        tables.Add("load.frames", TableKind.Frames, count, bytes);
    }

    // Frames follow one another as fast as they were captured, and a round the one before at their mean
    // distance.
    private static Replay Timed(CaptureIndex capture, double speed)
    {
        IReadOnlyList<CapturedFrame> frames = capture.Frames;
        long[] atNs = new long[frames.Count];
        for (int i = 0; i < atNs.Length; i++)
        {
            if (frames[i].TimeNs is not long time || frames[0].TimeNs is not long first)
            {
                throw new CaptureException($"must say when its frames came, frame {i + 1} does not",
                    "Give --pcap-timing rate.");
            }

            atNs[i] = (long)Math.Min((time - first) / speed, Limits.SpanNsMax / 2);
            if (i > 0 && atNs[i] < atNs[i - 1])
            {
                throw new CaptureException($"must be in the order of time, frame {i + 1} is older than the "
                    + $"one before",
                    "Sort it with reordercap, or give --pcap-timing rate.");
            }
        }

        long meanNs = atNs[^1] / Math.Max(1, atNs.Length - 1);
        long roundNs = atNs[^1] + Math.Max(1000, meanNs);
        double rate = atNs.Length * 1e9 / roundNs;
        return rate <= RatePpsMax ? new Replay(capture, atNs, roundNs)
            : throw new CaptureException($"must have at most {RatePpsMax:0} frames a second, it makes "
                + $"{rate:0}",
                "Give --pcap-timing rate, or scale it down.");
    }

    private void Fill(TableMemory memory, int table)
    {
        Span<ReplayFrame> frames = memory.Slice<ReplayFrame>(table).Span;
        Span<byte> bytes = memory.Slice<byte>(table + 1).Span;
        try
        {
            using FileStream file = File.OpenRead(_capture.Path);
            uint next = 0;
            for (int i = 0; i < _capture.Frames.Count; i++)
            {
                CapturedFrame frame = _capture.Frames[i];
                file.Position = frame.Offset;
                file.ReadExactly(bytes.Slice((int)next, frame.Bytes));
                frames[i] = new ReplayFrame
                {
                    AtNs = RoundNs > 0 ? _atNs[i] : 0,
                    Offset = next,
                    Bytes = (uint)frame.Bytes,
                };
                next += (uint)frame.Bytes;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.Host($"{_capture.Path}: changed while it was read: {e.Message}");
        }
    }
}
