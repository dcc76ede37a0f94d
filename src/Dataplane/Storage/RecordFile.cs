using System.Text;
using LowLatency.Native.Capture;
using LowLatency.Native.Threads;

namespace LowLatency.Dataplane.Storage;

/// <summary>One capture file on its way: made ready by the file keeper, written by the recorder, finished by
/// the file keeper. Two a stream are used in turn, so that nothing is allocated while lanes run.</summary>
internal sealed class RecordFile : IDisposable
{
    private const int Digits = 6;
    private const int MostDigits = 999_999;
    private readonly byte[] _name;     // ended by a zero, as the hidden one
    private readonly byte[] _hidden;
    private readonly byte[] _index;
    private readonly int _digitsAt;

    /// <summary>Prepares names: <c>recorder-lane-start-000001.pcapng</c>.</summary>
    /// <param name="stem">How its names begin.</param>
    /// <param name="fileBytes">Its length at most.</param>
    public RecordFile(string stem, long fileBytes)
    {
        Index = new RecordIndex(fileBytes);
        string digits = new('0', Digits);
        _name = Encoding.UTF8.GetBytes($"{stem}-{digits}.pcapng\0");
        _hidden = Encoding.UTF8.GetBytes($"{stem}-{digits}.pcapng{Pcapng.HiddenEnd}\0");
        _index = Encoding.UTF8.GetBytes($"{stem}-{digits}.pcapng{FlowIndexHeader.NameEnd}\0");
        _digitsAt = Encoding.UTF8.GetByteCount(stem) + 1;
    }

    /// <summary>Its name, ended by a zero.</summary>
    public ReadOnlySpan<byte> Name => _name;

    /// <summary>Its name until all of it is on the disk, ended by a zero.</summary>
    public ReadOnlySpan<byte> Hidden => _hidden;

    /// <summary>Name of its index, ended by a zero.</summary>
    public ReadOnlySpan<byte> IndexName => _index;

    /// <summary>What its parts hold.</summary>
    public RecordIndex Index { get; }

    /// <summary>The open file.</summary>
    public int Fd { get; set; } = -1;

    /// <summary>Number in the stream, from 1 on.</summary>
    public int Number { get; private set; }

    /// <summary>Bytes written, from its start on without a gap.</summary>
    public long Bytes { get; set; }

    /// <summary>Frames in them.</summary>
    public ulong Frames { get; set; }

    /// <summary>How names of a stream begin.</summary>
    /// <param name="recorder">Name of the recorder.</param>
    /// <param name="lane">Name of the lane.</param>
    /// <param name="startNs">When the data plane began, since 1970: files of two runs never meet.</param>
    public static string StemOf(string recorder, string lane, long startNs) =>
        $"{recorder}-{lane}-{ThreadControl.NameOf(startNs)}";

    /// <summary>Makes it the file of this number.</summary>
    public void Renew(int number)
    {
        Number = number;
        Bytes = 0;
        Frames = 0;
        Index.Clear();
        WriteNumber(_index, _digitsAt, number);
        WriteNumber(_name, _digitsAt, number);
        WriteNumber(_hidden, _digitsAt, number);
    }

    /// <inheritdoc/>
    public void Dispose() => Index.Dispose();

    /// <summary>Puts a number's digits into a name.</summary>
    public static void WriteNumber(Span<byte> name, int at, int number)
    {
        number %= MostDigits + 1; // a million files on, names begin anew, and the oldest are long gone
        for (int i = Digits - 1; i >= 0; i--)
        {
            name[at + i] = (byte)('0' + (number % 10));
            number /= 10;
        }
    }
}
