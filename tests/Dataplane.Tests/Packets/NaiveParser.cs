using System.Numerics;
using LowLatency.Dataplane.Packets;

namespace LowLatency.Dataplane.Tests.Packets;

/// <summary>The five-tuple read from the RFCs a second time, byte by byte, without a thought for
/// speed.</summary>
internal sealed class NaiveParser
{
    private readonly byte[] _bytes;
    private int _end;

    public NaiveParser(byte[] frame)
    {
        _bytes = frame;
        _end = frame.Length;
        try
        {
            Result = Frame();
        }
        catch (CutException)
        {
            Result = ParseResult.Malformed;
        }
    }

    public ParseResult Result { get; }

    public int Family { get; private set; }

    public int Protocol { get; private set; }

    public byte[] Source { get; private set; } = [];

    public byte[] Destination { get; private set; } = [];

    public (int Source, int Destination)? Ports { get; private set; }

    /// <summary>An address as a number, most significant byte first.</summary>
    public static BigInteger Number(byte[] address) => new(address, isUnsigned: true, isBigEndian: true);

    private int Byte(int at) => at < _end ? _bytes[at] : throw new CutException();

    private int Word(int at) => (Byte(at) * 256) + Byte(at + 1);

    private static void Need(bool holds)
    {
        if (!holds)
        {
            throw new CutException();
        }
    }

    private ParseResult Frame()
    {
        int at = 12;
        int type = Word(at);
        for (int tags = 0; tags < 2 && type is 0x8100 or 0x88A8; tags++)
        {
            at += 4;
            type = Word(at);
        }

        at += 2;
        switch (type)
        {
            case 0x0800:
                Ipv4(at);
                return ParseResult.Ip;
            case 0x86DD:
                Ipv6(at);
                return ParseResult.Ip;
            default:
                return ParseResult.NotIp;
        }
    }

    private void Ipv4(int at)
    {
        Need(_end - at >= 20 && Byte(at) / 16 == 4);
        int header = Byte(at) % 16 * 4;
        int total = Word(at + 2);
        Need(header >= 20 && header <= total && at + total <= _end);
        _end = at + total; // what follows is padding
        Family = 4;
        Protocol = Byte(at + 9);
        Source = _bytes[(at + 12)..(at + 16)];
        Destination = _bytes[(at + 16)..(at + 20)];
        int fragmentOffset = Word(at + 6) % 8192;
        if (fragmentOffset == 0)
        {
            Transport(at + header);
        }
    }

    private void Ipv6(int at)
    {
        Need(_end - at >= 40 && Byte(at) / 16 == 6);
        int total = 40 + Word(at + 4);
        Need(at + total <= _end);
        _end = at + total;
        Family = 6;
        Source = _bytes[(at + 8)..(at + 24)];
        Destination = _bytes[(at + 24)..(at + 40)];
        Protocol = Byte(at + 6);
        at += 40;
        for (int headers = 0; headers < 8; headers++) // a longer chain counts as without ports
        {
            if (Protocol is not (0 or 43 or 44 or 60))
            {
                Transport(at);
                return;
            }

            Need(_end - at >= 8);
            bool isFragment = Protocol == 44;
            int bytes = isFragment ? 8 : 8 + (Byte(at + 1) * 8);
            Need(_end - at >= bytes);
            Protocol = Byte(at);
            if (isFragment && Word(at + 2) / 8 != 0)
            {
                return;
            }

            at += bytes;
        }
    }

    private void Transport(int at)
    {
        if (Protocol is 6 or 17 or 132)
        {
            Ports = (Word(at), Word(at + 2));
        }
    }

    private sealed class CutException : Exception;
}
