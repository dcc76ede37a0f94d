namespace LowLatency.Native.Tables;

/// <summary>The prefixes that end in the direct array of a <see cref="RangeTrie"/>, and which of them covers
/// each slot.</summary>
internal sealed class RootCover
{
    /// <summary>Told of slots side by side that a prefix covers.</summary>
    public delegate void Covered(uint first, uint count, uint value);

    private const sbyte NoLength = -1;
    private readonly Dictionary<(UInt128 Key, int Length), uint> _prefixes = [];
    private readonly sbyte[] _lengths;
    private readonly int _rootBits;

    /// <summary>No prefix yet.</summary>
    public RootCover(int rootBits)
    {
        _rootBits = rootBits;
        _lengths = new sbyte[1 << rootBits];
        Array.Fill(_lengths, NoLength);
    }

    /// <summary>True for a prefix that is there.</summary>
    public bool Has(UInt128 key, int length) => _prefixes.ContainsKey((key, length));

    /// <summary>Adds a prefix or changes its value.</summary>
    /// <param name="key">In the first bits.</param>
    /// <param name="length">At most that of the direct array.</param>
    /// <param name="value">Its value.</param>
    /// <param name="tell">Told of the slots that it covers.</param>
    public void Set(UInt128 key, int length, uint value, Covered tell)
    {
        _prefixes[(key, length)] = value;
        Cover(key, length, NoLength, (sbyte)length, value, tell);
    }

    /// <summary>Takes a prefix out: the next longest around it covers what it covered.</summary>
    /// <returns>False: it was not there.</returns>
    public bool Remove(UInt128 key, int length, Covered tell)
    {
        if (!_prefixes.Remove((key, length)))
        {
            return false;
        }

        int shorter = length - 1;
        while (shorter >= 0 && !Has(Mask(key, shorter), shorter))
        {
            shorter--;
        }

        uint value = shorter < 0 ? 0 : _prefixes[(Mask(key, shorter), shorter)];
        Cover(key, length, (sbyte)length, (sbyte)shorter, value, tell);
        return true;
    }

    // Slots whose prefix is of length least to length change to another; longer ones stand.
    private void Cover(UInt128 key, int length, sbyte least, sbyte other, uint value, Covered tell)
    {
        int first = (int)(key >> (128 - _rootBits));
        Span<sbyte> lengths = _lengths.AsSpan(first, 1 << (_rootBits - length));
        for (int at = 0; at < lengths.Length;)
        {
            int skipped = lengths[at..].IndexOfAnyInRange(least, (sbyte)length);
            if (skipped < 0)
            {
                return;
            }

            at += skipped;
            int run = lengths[at..].IndexOfAnyExceptInRange(least, (sbyte)length);
            run = run < 0 ? lengths.Length - at : run;
            lengths.Slice(at, run).Fill(other);
            tell((uint)(first + at), (uint)run, value);
            at += run;
        }
    }

    private static UInt128 Mask(UInt128 key, int length) =>
        length == 0 ? UInt128.Zero : key & (UInt128.MaxValue << (128 - length));
}
