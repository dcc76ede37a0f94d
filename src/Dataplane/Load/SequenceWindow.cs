using LowLatency.Native;

namespace LowLatency.Dataplane.Load;

/// <summary>How a sequence number stands to those before it.</summary>
internal enum Arrival
{
    /// <summary>First time.</summary>
    New,
    /// <summary>Seen before.</summary>
    Duplicate,
}

/// <summary>Tells duplicates from late frames by a bitmap over the last 65 536 sequence numbers of a path
/// (as RFC 6479 does for IPsec). A frame older than that counts as new: it cannot be told. Receiver
/// lane.</summary>
internal sealed class SequenceWindow
{
    private const uint Window = 1 << 16;
    private readonly ulong[] _seen = new ulong[Window / 64];
    private uint _next; // one past the highest sequence number seen

    /// <summary>Judges and remembers a sequence number.</summary>
    public Arrival Take(uint sequence)
    {
        uint ahead = sequence - _next;
        if (ahead < 1U << 31)
        {
            Forget(ahead);
            _next = sequence + 1;
            Mark(sequence);
            return Arrival.New;
        }

        if (_next - sequence > Window)
        {
            return Arrival.New;
        }

        bool isKnown = (_seen[(sequence % Window) / 64] & (1UL << (int)(sequence % 64))) != 0;
        Mark(sequence);
        return isKnown ? Arrival.Duplicate : Arrival.New;
    }

    private void Mark(uint sequence) => _seen[(sequence % Window) / 64] |= 1UL << (int)(sequence % 64);

    // The numbers that the window now covers anew are unseen: _next .. _next + ahead.
    private void Forget(uint ahead)
    {
        uint count = Math.Min(ahead + 1, Window);
        for (uint i = 0; i < count; i++)
        {
            uint sequence = _next + ahead - i;
            _seen[(sequence % Window) / 64] &= ~(1UL << (int)(sequence % 64));
        }

        Invariant.Require(count > 0);
    }
}
