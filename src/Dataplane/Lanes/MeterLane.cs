using LowLatency.Native.Layout;

namespace LowLatency.Dataplane.Lanes;

/// <summary>Measures what its CPU loses: nothing but the clock read that begins every lane's turn, so that
/// each
/// gap is time that something else had. Shaped, it also touches a ring of descriptors and as many cache lines
/// as a burst of headers: a pure loop never misses a cache, and does not see what takes caches
/// away.</summary>
internal sealed class MeterLane : ILane
{
    private const int LineBytes = 64;
    private const int LinesATurn = 64;      // headers of one burst (Limits.BurstMax)
    private const int RingLines = 2 * 4096 * 16 / LineBytes; // two rings of 4096 descriptors of 16 bytes
    private readonly byte[] _memory;
    private readonly bool _isShaped;
    private int _at;

    /// <summary>Makes the lane; its memory is allocated here.</summary>
    public MeterLane(LaneCore core, bool isShaped)
    {
        Core = core;
        _isShaped = isShaped;
        _memory = new byte[isShaped ? RingLines * LineBytes : 0];
    }

    /// <inheritdoc/>
    public LaneCore Core { get; }

    /// <inheritdoc/>
    public bool IsDrained => true;

    /// <inheritdoc/>
    public long Turn()
    {
        long nowNs = Core.Begin();
        if (_isShaped)
        {
            Touch();
        }

        Core.End(Regime.Idle);
        return nowNs;
    }

    private void Touch()
    {
        byte[] memory = _memory;
        int at = _at;
        for (int i = 0; i < LinesATurn; i++)
        {
            memory[at]++;
            at += LineBytes;
        }

        _at = at == memory.Length ? 0 : at; // the length is a multiple of a turn's lines
    }
}
