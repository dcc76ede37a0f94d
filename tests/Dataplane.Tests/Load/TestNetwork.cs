using LowLatency.Dataplane.Tests.Lanes;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Dataplane.Tests.Load;

/// <summary>What a network may do to a frame.</summary>
[Flags]
internal enum Fate
{
    Deliver = 0,
    Drop = 1,
    Duplicate = 2,
    Delay = 4,
    Corrupt = 8,
    Foreign = 16,
}

/// <summary>The network between a generator's ports and a receiver's, by a seeded schedule, and its own
/// books: what a receiver must have counted, frame by frame, computed with sets and dictionaries.</summary>
internal sealed class TestNetwork(LaneBench generator, LaneBench receiver, Fate faults, int seed, uint flows)
{
    private const int Udp = 34; // IPv4 without options
    private readonly Random _random = new(seed);
    private readonly List<(int At, int Port, byte[] Frame)> _delayed = [];
    private readonly HashSet<(int Path, uint Sequence)> _seen = [];
    private readonly Dictionary<(int Path, uint Flow), uint> _highest = [];
    private int _step;

    public long[] Taken { get; } = new long[2];

    public long[] Dropped { get; } = new long[2];

    public ulong[] Received { get; } = new ulong[2];

    public ulong[] Duplicated { get; } = new ulong[2];

    public ulong[] Reordered { get; } = new ulong[2];

    public ulong[] Corrupted { get; } = new ulong[2];

    public ulong Foreign { get; private set; }

    /// <summary>All frames that were sent, as sent.</summary>
    public List<FrameStamp> Stamps { get; } = [];

    public bool IsEmpty => _delayed.Count == 0;

    /// <summary>Takes what the generator has sent and lets it have its fate.</summary>
    public void Move()
    {
        for (int port = 0; port < 2; port++)
        {
            foreach (byte[] frame in generator.Port(port).Sent)
            {
                Carry(port, frame);
            }

            generator.Port(port).Sent.Clear();
        }

        _step++;
        foreach ((int At, int Port, byte[] Frame) late in _delayed.Where(d => d.At <= _step).ToList())
        {
            _delayed.Remove(late);
            Deliver(late.Port, late.Frame);
        }

        receiver.Turn();
    }

    private bool Happens(Fate fault) => faults.HasFlag(fault) && _random.Next(20) == 0;

    private void Carry(int port, byte[] frame)
    {
        Xunit.Assert.True(FrameStamp.TryRead(frame.AsSpan(Udp + 8), out FrameStamp stamp));
        Xunit.Assert.Equal(port, stamp.Path);
        Stamps.Add(stamp);
        Taken[port]++;
        if (Happens(Fate.Foreign))
        {
            Push(port, TestPlans.Udp(9999));
            Foreign++;
        }

        if (Happens(Fate.Drop))
        {
            Dropped[port]++;
        }
        else if (Happens(Fate.Corrupt))
        {
            Corrupt(frame);
            Push(port, frame);
            Corrupted[port]++; // it came, but nothing that it says can be trusted
        }
        else if (Happens(Fate.Delay))
        {
            _delayed.Add((_step + 1 + _random.Next(5), port, frame));
        }
        else
        {
            Deliver(port, frame);
            if (Happens(Fate.Duplicate))
            {
                _delayed.Add((_step + _random.Next(4), port, frame));
            }
        }
    }

    // Any bit of times and number, and of the payload behind the mark: still load, no longer true.
    private void Corrupt(byte[] frame)
    {
        int behind = frame.Length - Udp - 8 - FrameStamp.SizeBytes;
        int at = _random.Next(16 + behind);
        frame[Udp + 8 + (at < 16 ? at : at + 2)] ^= (byte)(1 << _random.Next(8));
    }

    private void Deliver(int port, byte[] frame)
    {
        Push(port, frame);
        FrameStamp.TryRead(frame.AsSpan(Udp + 8), out FrameStamp stamp);
        if (!_seen.Add((stamp.Path, stamp.Sequence)))
        {
            Duplicated[port]++;
            return;
        }

        Received[port]++;
        (int, uint) flow = (stamp.Path, stamp.Sequence % flows);
        bool isLate = _highest.TryGetValue(flow, out uint highest) && stamp.Sequence < highest;
        Reordered[port] += isLate ? 1u : 0;
        _highest[flow] = isLate ? highest : stamp.Sequence;
    }

    private void Push(int port, byte[] frame)
    {
        while (!receiver.Receive(port, frame))
        {
            receiver.Turn();
        }
    }
}
