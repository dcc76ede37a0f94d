using System.Runtime.CompilerServices;

namespace LowLatency.Native.Memory;

/// <summary>One value in mapped memory. A <c>ref</c> that can live in a class; the mapping must outlive
/// it.</summary>
/// <typeparam name="T">A blittable layout.</typeparam>
public readonly unsafe struct NativeRef<T>
    where T : unmanaged
{
    private readonly T* _pointer;

    internal NativeRef(T* pointer) => _pointer = pointer;

    /// <summary>True once it points somewhere.</summary>
    public bool IsMapped => _pointer != null;

    /// <summary>The value itself. Plain loads and stores; callers order them.</summary>
    public ref T Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref *_pointer; // in bounds: made by MappedMemory.At after a range check
    }
}

/// <summary>A run of values in mapped memory, with a bounds check at each access; the mapping must outlive
/// it.</summary>
/// <typeparam name="T">A blittable layout.</typeparam>
public readonly unsafe struct NativeSpan<T>
    where T : unmanaged
{
    private readonly T* _pointer;
    private readonly int _length;

    internal NativeSpan(T* pointer, int length)
    {
        _pointer = pointer;
        _length = length;
    }

    /// <summary>Count of values.</summary>
    public int Length => _length;

    internal T* Pointer => _pointer;

    /// <summary>The value at <paramref name="index"/>; the process ends when it is out of range.</summary>
    public ref T this[int index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            Invariant.Require((uint)index < (uint)_length);
            return ref _pointer[index];
        }
    }

    /// <summary>The value at an index, to keep.</summary>
    public NativeRef<T> RefAt(int index)
    {
        Invariant.Require((uint)index < (uint)_length);
        return new NativeRef<T>(_pointer + index);
    }

    /// <summary>A part of it.</summary>
    public NativeSpan<T> Slice(int start, int length)
    {
        Invariant.Require(start >= 0 && length >= 0 && start <= _length - length);
        return new NativeSpan<T>(_pointer + start, length);
    }

    /// <summary>Its start as one value of another type.</summary>
    public NativeRef<TOther> First<TOther>()
        where TOther : unmanaged
    {
        Invariant.Require((long)_length * sizeof(T) >= sizeof(TOther));
        return new NativeRef<TOther>((TOther*)_pointer);
    }

    /// <summary>The same memory as values of another type, as many as fit.</summary>
    public NativeSpan<TOther> Cast<TOther>()
        where TOther : unmanaged =>
        new((TOther*)_pointer, (int)((long)_length * sizeof(T) / sizeof(TOther)));

    /// <summary>The same memory as a span.</summary>
    public Span<T> Span
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(_pointer, _length);
    }
}
