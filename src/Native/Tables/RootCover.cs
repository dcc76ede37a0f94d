namespace LowLatency.Native.Tables;

/// <summary>The prefixes that end in the direct array of a <see cref="RangeTrie"/>, and which of them covers
/// each slot.</summary>
internal sealed class RootCover
{
    private const sbyte NoLength = -1;
    private readonly Dictionary<(UInt128 Key, int Length), uint> _prefixes = [];
    private readonly sbyte[] _lengths;
    private readonly uint[] _values;
    private readonly int _rootBits;

    /// <summary>No prefix yet.</summary>
    public RootCover(int rootBits)
    {
        _rootBits = rootBits;
        _lengths = new sbyte[1 << rootBits];
        _values = new uint[1 << rootBits];
        Array.Fill(_lengths, NoLength);
    }

    /// <summary>What covers a slot; 0: nothing.</summary>
    public uint this[uint slot] => _values[slot];

    /// <summary>True for a prefix that is there.</summary>
    public bool Has(UInt128 key, int length) => _prefixes.ContainsKey((key, length));

    /// <summary>Adds a prefix or changes its value.</summary>
    /// <param name="key">In the first bits.</param>
    /// <param name="length">At most that of the direct array.</param>
    /// <param name="value">Its value.</param>
    /// <param name="tell">Told of each slot that it covers.</param>
    public void Set(UInt128 key, int length, uint value, Action<uint, uint> tell)
    {
        _prefixes[(key, length)] = value;
        Cover(key, length, (sbyte)length, value, mayReplace: other => other <= length, tell);
    }

    /// <summary>Takes a prefix out: the next longest around it covers what it covered.</summary>
    /// <returns>False: it was not there.</returns>
    public bool Remove(UInt128 key, int length, Action<uint, uint> tell)
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
        Cover(key, length, (sbyte)shorter, value, mayReplace: other => other == length, tell);
        return true;
    }

    private void Cover(
        UInt128 key, int length, sbyte coverLength, uint value, Predicate<sbyte> mayReplace, Action<uint,
            uint> tell)
    {
        uint first = (uint)(key >> (128 - _rootBits));
        uint slots = 1u << (_rootBits - length);
        for (uint slot = first; slot < first + slots; slot++)
        {
            if (mayReplace(_lengths[slot]))
            {
                _lengths[slot] = coverLength;
                _values[slot] = value;
                tell(slot, value);
            }
        }
    }

    private static UInt128 Mask(UInt128 key, int length) =>
        length == 0 ? UInt128.Zero : key & (UInt128.MaxValue << (128 - length));
}
