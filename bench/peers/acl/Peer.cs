using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LowLatency.Native.Tables;
using LowLatency.Native.Tests.Tables;

[assembly: DisableRuntimeMarshalling]
[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.AssemblyDirectory)]

namespace LowLatency.Bench.Acl;

/// <summary>rte.c <c>struct key</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PeerKey(in AclSample sample)
{
    public uint Protocol = sample.Parts.Protocol;
    public uint Source = BinaryPrimitives.ReverseEndianness((uint)sample.Source);
    public uint Destination = BinaryPrimitives.ReverseEndianness((uint)sample.Destination);
    public ushort SourcePort = BinaryPrimitives.ReverseEndianness((ushort)(sample.Parts.Ports >> 16));
    public ushort DestinationPort = BinaryPrimitives.ReverseEndianness((ushort)sample.Parts.Ports);
}

/// <summary>rte.c <c>struct rule</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PeerRule(AclRule rule)
{
    public uint Source = (uint)rule.Source;
    public uint SourceBits = (uint)rule.SourceBits;
    public uint Destination = (uint)rule.Destination;
    public uint DestinationBits = (uint)rule.DestinationBits;
    public ushort SourceLow = rule.SourcePorts.Low;
    public ushort SourceHigh = rule.SourcePorts.High;
    public ushort DestinationLow = rule.DestinationPorts.Low;
    public ushort DestinationHigh = rule.DestinationPorts.High;
    public uint Protocol = rule.Protocol & 0xFF;
    public uint IsAnyProtocol = rule.Protocol == AclRule.AnyProtocol ? 1u : 0;
}

/// <summary>DPDK's rte_acl over the same rules.</summary>
internal sealed unsafe partial class Peer
{
    // enum rte_acl_classify_alg of rte_acl.h that an x86 machine can have.
    private static readonly (uint Number, string Name)[] s_algorithms =
        [(1, "scalar"), (2, "sse"), (3, "avx2"), (6, "avx512x16"), (7, "avx512x32")];

    private readonly nint _context;

    public Peer(string name, AclRule[] rules)
    {
        PeerRule[] compiled = Array.ConvertAll(rules, rule => new PeerRule(rule));
        fixed (PeerRule* first = compiled)
        fixed (byte* text = System.Text.Encoding.ASCII.GetBytes(name + "\0"))
        {
            _context = Build(text, first, (uint)compiled.Length);
        }

        if (_context == 0)
        {
            throw new InvalidOperationException($"rte_acl did not build {rules.Length} rules");
        }
    }

    /// <summary>What <see cref="Choose"/> may take.</summary>
    public static IReadOnlyList<(uint Number, string Name)> Algorithms => s_algorithms;

    /// <summary>Starts DPDK's environment, once.</summary>
    public static bool TryStart() => Init() >= 0;

    /// <summary>False when this machine lacks it.</summary>
    public bool Choose(uint algorithm) => Choose(_context, algorithm) == 0;

    /// <summary>Classifies keys, a burst a call; results are rule index plus 1, 0: none.</summary>
    public void Classify(PeerKey[] keys, uint[] results, int burst)
    {
        fixed (PeerKey* k = keys)
        fixed (uint* r = results)
        {
            Classify(_context, k, r, (uint)keys.Length, (uint)burst);
        }
    }

    [LibraryImport("liblowlat_rte_acl", EntryPoint = "peer_init")]
    private static partial int Init();

    [LibraryImport("liblowlat_rte_acl", EntryPoint = "peer_build")]
    private static partial nint Build(byte* name, PeerRule* rules, uint count);

    [LibraryImport("liblowlat_rte_acl", EntryPoint = "peer_choose")]
    private static partial int Choose(nint context, uint algorithm);

    [LibraryImport("liblowlat_rte_acl", EntryPoint = "peer_classify")]
    private static partial void Classify(nint context, PeerKey* keys, uint* results, uint count, uint burst);
}
