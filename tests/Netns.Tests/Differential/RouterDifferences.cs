namespace LowLatency.Netns.Tests.Differential;

/// <summary>Where the router of lowlatd does otherwise than Linux, and why that is right. Each must still be
/// seen:
/// one that no frame makes any more is to be removed.</summary>
public static class RouterDifferences
{
    private static readonly byte[] Unspecified = new byte[16];

    /// <summary>All of them.</summary>
    public static readonly Justified[] All =
    [
        new("own-source", stimulus => Normal.IsOwn(stimulus.Frame, TypeOf(stimulus), At),
            (expected, actual) => expected.Count == 0 && actual.Count > 0,
            "Linux looks up every source and drops what pretends to come from itself (fib_validate_source, "
                + "IPv4). "
            + "The lane looks up no source: reverse-path checks are for an acl, as rp_filter is off."),
        new("unspecified-source", stimulus => Source6(stimulus).SequenceEqual(Unspecified),
            (expected, actual) => expected.Count > 0 && actual.Count == 0,
            "RFC 4291, 2.5.2: never forwarded. Linux checks that only when the packet leaves by another "
                + "port than it "
            + "came by (ip6_forward)."),
        new("unspecified-target", stimulus => Target6(stimulus).SequenceEqual(Unspecified),
            (expected, actual) => expected.Count > 0 && actual.Count == 0,
            "RFC 4291, 2.5.2: must not be a destination. Linux routes it like any other."),
    ];

    private const int At = 14;

    /// <summary>Type of an untagged frame for the router, with a whole fixed header; else 0.</summary>
    private static int TypeOf(Stimulus stimulus)
    {
        byte[] frame = stimulus.Frame;
        int type = (frame[12] << 8) | frame[13];
        int bytes = type == Packets.Ipv4Type ? 20 : type == Packets.Ipv6Type ? 40 : int.MaxValue;
        return frame.Length - At >= bytes && frame.AsSpan(0, 6).SequenceEqual(Bed.MacOf(stimulus.Port))
            ? type : 0;
    }

    private static ReadOnlySpan<byte> Source6(Stimulus stimulus) =>
        TypeOf(stimulus) == Packets.Ipv6Type ? stimulus.Frame.AsSpan(At + 8, 16) : [];

    private static ReadOnlySpan<byte> Target6(Stimulus stimulus) =>
        TypeOf(stimulus) == Packets.Ipv6Type ? stimulus.Frame.AsSpan(At + 24, 16) : [];
}
