using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LowLatency.Native.Interop;

/// <summary>Finds the shared libraries of a JIT run (tests, benches). The ahead-of-time programs have the
/// archives linked in under the same names and never ask; there this whole type compiles to an empty
/// initializer.</summary>
internal static class LibraryResolver
{
    // A Debian host without -dev packages has only the names with the ABI number.
    private static readonly (string Name, string File)[] Libraries =
    [
        ("libbpf", "libbpf.so.1"),
        ("libxdp", "libxdp.so.1"),
        ("liburing", "liburing.so.2"),
    ];

    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification =
        "Must be in place before any import of this assembly binds, in hosts whose start-up is not ours.")]
    internal static void Register()
    {
        if (RuntimeFeature.IsDynamicCodeSupported)
        {
            NativeLibrary.SetDllImportResolver(typeof(LibraryResolver).Assembly, Resolve);
        }
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        foreach ((string known, string file) in Libraries)
        {
            if (name == known)
            {
                return NativeLibrary.Load(file);
            }
        }

        return 0; // not ours: the runtime's own search
    }
}
