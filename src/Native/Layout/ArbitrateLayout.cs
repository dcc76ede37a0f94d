using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowLatency.Native.Layout;

/// <summary>How messages are numbered in a UDP payload.</summary>
public enum SequenceFormat
{
    /// <summary>One number, at a place and of a size that the settings say.</summary>
    Custom = 0,
    /// <summary>MoldUDP64: session 10 bytes, number of the first message u64, count of messages u16; count 0 is a
    /// heartbeat, 0xFFFF the end of the session (Nasdaq, MoldUDP64 1.00).</summary>
    MoldUdp64 = 1,
    /// <summary>RTP: u16 at 2, SSRC at 8 (RFC 3550, 5.1).</summary>
    Rtp = 2,
}

/// <summary>What an arbitrate stage needs.</summary>
/// <param name="LineA">The lane's own number of the port that line A comes in by.</param>
/// <param name="LineB">Of line B.</param>
/// <param name="Out">Of the port that the first copies leave by; -1: later stages decide.</param>
/// <param name="Format">Numbering.</param>
/// <param name="At">Custom: offset of the number in the UDP payload, bytes.</param>
/// <param name="Width">Custom: its size, 1, 2, 4 or 8 bytes.</param>
/// <param name="IsLittleEndian">Custom: its byte order.</param>
/// <param name="Window">Messages that may be behind the newest and still count as missing: a power of two from
/// 64 to <see cref="WindowMax"/>.</param>
public readonly record struct ArbitrateSettings(
    long LineA, long LineB, long Out, SequenceFormat Format, long At, long Width, bool IsLittleEndian, long Window)
{
    /// <summary>Largest window: bits of a stream.</summary>
    public const int WindowMax = 4096;

    /// <summary>Place of the streams among its tables.</summary>
    public const int Streams = 0;

    /// <summary>Place of the histogram of how much later B was, ns; A's follows it.</summary>
    public const int SkewOfB = 1;

    /// <summary>Place of the histogram of how much later A was.</summary>
    public const int SkewOfA = 2;

    /// <summary>Reads them from a plan.</summary>
    public static ArbitrateSettings Read(in PlanStage stage) => new(stage.Settings[0], stage.Settings[1],
        stage.Settings[2], (SequenceFormat)stage.Settings[3], stage.Settings[4], stage.Settings[5],
        stage.Settings[6] != 0, stage.Settings[7]);

    /// <summary>Writes them into a plan.</summary>
    public void Write(ref PlanStage stage)
    {
        stage.Settings[0] = LineA;
        stage.Settings[1] = LineB;
        stage.Settings[2] = Out;
        stage.Settings[3] = (long)Format;
        stage.Settings[4] = At;
        stage.Settings[5] = Width;
        stage.Settings[6] = IsLittleEndian ? 1 : 0;
        stage.Settings[7] = Window;
    }
}

/// <summary>Which messages of a window have come, a bit each.</summary>
[InlineArray(ArbitrateSettings.WindowMax / 64)]
public struct WindowBits
{
    private ulong _first;
}

/// <summary>When the first copy of recent messages came, ns: for the skew of the second.</summary>
[InlineArray(Count)]
public struct FirstTimes
{
    /// <summary>Messages whose times are kept; a power of two.</summary>
    public const int Count = 1024;

    private long _first;
}

/// <summary>One stream: all messages to one address and port, of one session. All zero is one that nobody
/// has.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct StreamWindow
{
    /// <summary>Hash of address, port and, of RTP, source; 0: free.</summary>
    public ulong Key;
    /// <summary>Session of MoldUDP64, a hash; a new one starts the stream anew.</summary>
    public ulong Session;
    /// <summary>Number after the newest message that came.</summary>
    public ulong Next;
    /// <summary>Number at which the stream began: what is before it may come, and is not missed.</summary>
    public ulong Begin;
    /// <summary>Messages of line A that came first.</summary>
    public ulong WonA;
    /// <summary>Messages of line B that came first.</summary>
    public ulong WonB;
    /// <summary>Frames of line A that brought nothing new.</summary>
    public ulong DuplicateA;
    /// <summary>Frames of line B that brought nothing new.</summary>
    public ulong DuplicateB;
    /// <summary>Messages that neither line brought before they fell out of the window.</summary>
    public ulong Lost;
    /// <summary>Messages that came behind a newer one, and were missing until then.</summary>
    public ulong Recovered;
    /// <summary>Frames behind the window.</summary>
    public ulong Late;
    /// <summary>Times that the stream began anew.</summary>
    public ulong Restarts;
    /// <summary>Messages that have come, by number modulo the window.</summary>
    public WindowBits Seen;
    /// <summary>When first copies came, by number modulo their count; negative: by line B.</summary>
    public FirstTimes Times;

    /// <summary>Bytes of one.</summary>
    public const int SizeBytes = (12 * 8) + (ArbitrateSettings.WindowMax / 8) + (FirstTimes.Count * 8);
}
