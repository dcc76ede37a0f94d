using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Tables;
using Xunit;

namespace LowLatency.Native.Tests.Tables;

/// <summary>A table, its writer, and the list that it is compared with.</summary>
public sealed partial class LpmTests
{
    private sealed class Bench : IDisposable
    {
        private readonly bool _is6;

        public Bench(bool is6, uint capacity = Capacity, uint units = 0)
        {
            _is6 = is6;
            long bytes = units == 0 ? is6 ? Lpm6.BytesFor(capacity) : Lpm4.BytesFor(capacity)
                : (is6 ? Lpm6.BytesMin : Lpm4.BytesMin) + (units * RangeTrie.UnitBytes);
            Memory = MappedMemory.Lazy(bytes);
            NativeSpan<byte> span = Memory.Slice<byte>(0, (int)bytes);
            Writer = is6 ? Lpm6.WriterOf(span, capacity) : Lpm4.WriterOf(span, capacity);
            Reader4 = is6 ? default : new Lpm4(span);
            Reader6 = is6 ? new Lpm6(span) : default;
        }

        public MappedMemory Memory { get; }

        public RangeTrieWriter Writer { get; }

        public Lpm4 Reader4 { get; }

        public Lpm6 Reader6 { get; }

        public Dictionary<(UInt128 Key, int Length), uint> Naive { get; } = [];

        public void Set(UInt128 key, int length, uint value) => Assert.True(TrySet(key, length, value));

        public bool TrySet(UInt128 key, int length, uint value)
        {
            bool isSet = Writer.Set(key, length, value);
            if (isSet)
            {
                Naive[(key, length)] = value;
            }

            return isSet;
        }

        public void Remove(UInt128 key, int length)
        {
            Assert.True(Writer.Remove(key, length));
            Naive.Remove((key, length));
            Assert.Equal((uint)Naive.Count, Writer.Count);
        }

        public void AssertBorders(Random random)
        {
            if (Naive.Count == 0)
            {
                return;
            }

            (UInt128 key, int length) = Naive.Keys.ElementAt(random.Next(Naive.Count));
            UInt128 last = length == 0 ? UInt128.MaxValue : key | (length == 128 ? 0
                : UInt128.MaxValue >> length);
            UInt128 one = (UInt128)1 << (_is6 ? 0 : 96);
            AssertSame(key);
            AssertSame(last);
            AssertSame(unchecked(key - one));
            AssertSame(unchecked(last + one));
        }

        public void AssertSame(UInt128 address)
        {
            uint wanted = 0;
            int longest = -1;
            for (int length = 0; length <= 128; length++)
            {
                UInt128 key = length == 0 ? 0 : address & (UInt128.MaxValue << (128 - length));
                if (Naive.TryGetValue((key, length), out uint value))
                {
                    (wanted, longest) = (value, length);
                }
            }

            uint found = _is6 ? Reader6.Lookup((ulong)(address >> 64), (ulong)address)
                : Reader4.Lookup((uint)(address >> 96));
            Assert.True(wanted == found, $"{address:x32}: found {found}, the /{longest} says {wanted}");
        }

        public void Dispose() => Memory.Dispose();
    }
}
