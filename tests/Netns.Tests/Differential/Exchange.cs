using System.Buffers.Binary;
using System.Diagnostics;
using Xunit;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>Sends frames through a bed and tells when all that comes of them has come: behind them go marked
/// frames, and each way through the device keeps order. No waiting for silence.</summary>
public sealed class Exchange
{
    private const long LimitMs = 5000;
    private static readonly byte[] Mark = "\u0007end-of-batch\u0007"u8.ToArray();
    private readonly Bed _bed;
    private readonly Func<int, byte[], IEnumerable<Stimulus>> _marks;
    private ulong _batch;

    /// <summary>Prepares a bed.</summary>
    /// <param name="bed">The device.</param>
    /// <param name="marks">Frames that carry a payload through, one for each way that this device has; each
    /// comes out once, whole or quoted. Takes a port and the payload.</param>
    public Exchange(Bed bed, Func<int, byte[], IEnumerable<Stimulus>> marks)
    {
        _bed = bed;
        _marks = marks;
    }

    /// <summary>The device.</summary>
    public Bed Bed => _bed;

    /// <summary>What a device that does not answer says of itself.</summary>
    public Func<string> Says { get; init; } = () => "";

    /// <summary>True to hear answers that a kernel sends only so often, too.</summary>
    public bool HearsLimited { get; init; }

    /// <summary>Frames that could not be sent at all.</summary>
    public int Unsent { get; private set; }

    /// <summary>A router's marks: one out of each port, since each is sent from apart, and one that it answers
    /// itself.</summary>
    public static IEnumerable<Stimulus> RouterMarks(int port, byte[] payload)
    {
        for (int other = 0; other < RouterNet.Ports; other++)
        {
            yield return Make(other, 64);
        }

        yield return Make(port, 1);

        Stimulus Make(int other, int ttl)
        {
            byte[] datagram = Packets.UdpDatagram(
                RouterNet.Host4(port, 2), RouterNet.Host4(other, 2), 9, 9, payload);
            byte[] packet = Packets.Ipv4(
                RouterNet.Host4(port, 2), RouterNet.Host4(other, 2), Packets.Udp, datagram, ttl);
            return new Stimulus(port, Packets.Ethernet(
                Bed.MacOf(port), RouterNet.MacOf(port, 2), Packets.Ipv4Type, packet));
        }
    }

    /// <summary>Sends frames and gives what came out, without what a kernel says on a clock of its
    /// own.</summary>
    /// <exception cref="TimeoutException">The marks did not come: the device is dead or loses
    /// frames.</exception>
    public List<Captured> Run(IReadOnlyList<Stimulus> batch)
    {
        _bed.Collect([]); // what a timer said meanwhile
        foreach (Stimulus stimulus in batch)
        {
            Unsent += _bed.Send(stimulus) ? 0 : 1;
        }

        byte[] payload = [.. Mark, 0, 0, 0, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt64BigEndian(payload.AsSpan(Mark.Length), ++_batch);
        int awaited = 0;
        for (int port = 0; port < _bed.PortCount; port++)
        {
            foreach (Stimulus mark in _marks(port, payload))
            {
                Assert.True(_bed.Send(mark));
                awaited++;
            }
        }

        List<Captured> all = [];
        long start = Stopwatch.GetTimestamp();
        while (awaited > 0)
        {
            awaited -= Gather(payload, all);
            if (awaited > 0 && Stopwatch.GetElapsedTime(start).TotalMilliseconds > LimitMs)
            {
                throw new TimeoutException(
                    $"{awaited} marks did not come out of {_bed.Name} in {LimitMs} ms: {Says()}");
            }
        }

        Gather(payload, all); // a port that was looked at before the last mark's may have had more since
        return all;
    }

    // How many marks there were among what has come.
    private int Gather(byte[] mark, List<Captured> into)
    {
        List<Captured> seen = [];
        _bed.Collect(seen);
        into.AddRange(seen.Where(captured => !Contains(captured.Frame, Mark)
            && !Normal.IsChatter(captured.Frame)
            && (HearsLimited || !Normal.IsLimited(captured.Frame))));
        return seen.Count(captured => Contains(captured.Frame, mark));
    }

    private static bool Contains(byte[] frame, byte[] part) => frame.AsSpan().IndexOf(part) >= 0;
}
