using System.Runtime.InteropServices;
using LowLatency.Native.Interop;
using LowLatency.Native.Layout;
using LowLatency.Native.Xdp;
using Xunit;

namespace LowLatency.Native.Tests.Xdp;

/// <summary>The program as loaded, once per claim, with an AF_XDP socket at queue 0 and the samples' own
/// addresses.</summary>
public sealed class LoadedPrograms : IDisposable
{
    private readonly Dictionary<(Claim, bool), XdpObject> _objects = [];
    private readonly int _socketFd;

    public LoadedPrograms()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return;
        }

        _socketFd = Libc.NetOpen(Libc.NetFamilyXdp, Libc.NetRaw, 0, out Errno errno);
        Assert.Equal(Errno.Ok, errno);
    }

    internal XdpObject Get(Claim claim, bool stamps = false)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "loading an XDP program needs root");
        if (_objects.TryGetValue((claim, stamps), out XdpObject? loaded))
        {
            return loaded;
        }

        loaded = XdpObject.Load(
            new XdpConfig
            {
                Claim = claim,
                ClaimPortLow = FrameSamples.PortLow,
                ClaimPortHigh = FrameSamples.PortHigh,
                OwnMac = FrameSamples.OwnMac,
                Flags = stamps ? XdpConfig.FlagStamp : 0,
            },
            queueCount: 1);
        _objects.Add((claim, stamps), loaded);
        Assert.Equal(Errno.Ok, loaded.AddLocal(FrameSamples.Local4));
        Assert.Equal(Errno.Ok, loaded.AddLocal(FrameSamples.Local6));
        Assert.Equal(Errno.Ok, loaded.SetSocket(0, _socketFd));
        return loaded;
    }

    public void Dispose()
    {
        foreach (XdpObject loaded in _objects.Values)
        {
            loaded.Dispose();
        }

        if (_socketFd > 0)
        {
            Libc.CloseFile(_socketFd);
        }
    }
}

/// <summary>What the program makes of each kind of frame, in the kernel, through BPF_PROG_TEST_RUN.</summary>
public sealed class XdpDecisionTests(LoadedPrograms programs) : IClassFixture<LoadedPrograms>
{
    public static TheoryData<string> Names { get; } = [.. FrameSamples.All.Select(sample => sample.Name)];

    [Theory, MemberData(nameof(Names))]
    public void A_claim_of_none_passes_every_frame(string name) =>
        Judges(Claim.None, Sample(name).Frame, XdpOutcome.PassedNotOurs);

    [Theory, MemberData(nameof(Names))]
    public void A_claim_of_all_takes_every_frame(string name) =>
        Judges(Claim.All, Sample(name).Frame, XdpOutcome.Redirected);

    [Theory, MemberData(nameof(Names))]
    public void A_claim_of_ip_takes_what_the_sample_says(string name) =>
        Judges(Claim.Ip, Sample(name).Frame, Sample(name).Ip);

    [Theory, MemberData(nameof(Names))]
    public void A_claim_of_udp_takes_what_the_sample_says(string name) =>
        Judges(Claim.Udp, Sample(name).Frame, Sample(name).Udp);

    [Theory, MemberData(nameof(Names))]
    public void A_claim_of_route_takes_of_ip_what_a_router_forwards(string name)
    {
        FrameSample sample = Sample(name);
        bool isGroup = name.Contains("multicast that leaves", StringComparison.Ordinal);
        Judges(Claim.Route, sample.Frame, isGroup ? XdpOutcome.PassedMulticast : sample.Ip);
    }

    [Theory, MemberData(nameof(Names))]
    public void A_claim_of_route_passes_what_the_stack_answers_and_never_forwards(string name)
    {
        FrameSample sample = Sample(name);
        if (sample.Ip != XdpOutcome.Redirected || name.Contains("multicast", StringComparison.Ordinal))
        {
            return; // judged before
        }

        foreach (byte ttl in (byte[])[0, 1, 2])
        {
            byte[] frame = FrameSamples.WithTtl(sample.Frame, ttl);
            Judges(Claim.Route, frame, ttl < 2 ? XdpOutcome.PassedTtl : XdpOutcome.Redirected);
            Judges(Claim.Ip, frame, XdpOutcome.Redirected);
        }

        byte[] other = (byte[])sample.Frame.Clone();
        other[5] ^= 0x40;
        Judges(Claim.Route, other, XdpOutcome.PassedNotOurs);
        byte[] broadcast = (byte[])sample.Frame.Clone();
        broadcast.AsSpan(0, 6).Fill(0xFF);
        Judges(Claim.Route, broadcast, XdpOutcome.PassedMulticast);
    }

    [Theory, MemberData(nameof(Names))]
    public void A_cut_frame_is_malformed_until_it_can_be_judged(string name)
    {
        FrameSample sample = Sample(name);
        for (int length = BpfTestRun.FrameBytesMin; length <= Math.Min(80, sample.Frame.Length); length++)
        {
            byte[] cut = sample.Frame[..length];
            Judges(Claim.None, cut, XdpOutcome.PassedNotOurs);
            Judges(Claim.All, cut, XdpOutcome.Redirected);
            Judges(Claim.Ip, cut, length < sample.IpNeeds ? XdpOutcome.PassedMalformed : sample.Ip);
            Judges(Claim.Udp, cut, length < sample.UdpNeeds ? XdpOutcome.PassedMalformed : sample.Udp);
        }
    }

    [Fact]
    public void The_kernel_shows_no_program_a_frame_shorter_than_an_ethernet_header()
    {
        XdpObject loaded = programs.Get(Claim.Ip);
        for (int length = 0; length < BpfTestRun.FrameBytesMin; length++)
        {
            NativeException refused = Assert.Throws<NativeException>(
                () => BpfTestRun.Run(loaded.ProgramFd, new byte[length]));
            Assert.Equal(Errno.EINVAL, refused.Errno);
        }
    }

    [Fact]
    public void A_queue_without_a_socket_passes_what_is_ours()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "loading an XDP program needs root");
        using XdpObject loaded = XdpObject.Load(new XdpConfig { Claim = Claim.All }, queueCount: 1);
        BpfTestRun.Result result = BpfTestRun.Run(loaded.ProgramFd, FrameSamples.All[0].Frame);
        Assert.Equal(LibBpf.ActionPass, result.Action);
        OutcomeCounters outcomes = default;
        Assert.Equal(Errno.Ok, loaded.ReadOutcomes(ref outcomes));
        Assert.Equal(1UL, outcomes[(int)XdpOutcome.PassedNoSocket]);
    }

    [Fact]
    public void A_socket_that_is_taken_away_lets_frames_pass_again()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "loading an XDP program needs root");
        int socket = Libc.NetOpen(Libc.NetFamilyXdp, Libc.NetRaw, 0, out _);
        using XdpObject loaded = XdpObject.Load(new XdpConfig { Claim = Claim.All }, queueCount: 4);
        byte[] frame = FrameSamples.All[0].Frame;
        Assert.Equal(Errno.Ok, loaded.SetSocket(0, socket));
        Assert.Equal(LibBpf.ActionRedirect, BpfTestRun.Run(loaded.ProgramFd, frame).Action);
        Assert.Equal(Errno.Ok, loaded.ClearSocket(0));
        Assert.Equal(Errno.Ok, loaded.ClearSocket(0));
        Assert.Equal(LibBpf.ActionPass, BpfTestRun.Run(loaded.ProgramFd, frame).Action);
        Assert.Equal(Errno.E2BIG, loaded.SetSocket(4, socket));
        Libc.CloseFile(socket);
    }

    [Fact]
    public void An_address_that_goes_is_no_longer_local()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "loading an XDP program needs root");
        using XdpObject loaded = XdpObject.Load(new XdpConfig { Claim = Claim.Ip }, queueCount: 1);
        byte[] frame = Sample("the port's own IPv4 address").Frame;
        Assert.Equal(XdpOutcome.PassedNoSocket, OutcomeOf(loaded, frame));
        Assert.Equal(Errno.Ok, loaded.AddLocal(FrameSamples.Local4));
        Assert.Equal(Errno.Ok, loaded.AddLocal(FrameSamples.Local4));
        Assert.Equal(XdpOutcome.PassedLocal, OutcomeOf(loaded, frame));
        Assert.Equal(Errno.Ok, loaded.RemoveLocal(FrameSamples.Local4));
        Assert.Equal(Errno.Ok, loaded.RemoveLocal(FrameSamples.Local4));
        Assert.Equal(XdpOutcome.PassedNoSocket, OutcomeOf(loaded, frame));
    }

    [Fact]
    public void An_address_that_only_shares_a_filter_bit_is_not_local()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "loading an XDP program needs root");
        using XdpObject loaded = XdpObject.Load(new XdpConfig { Claim = Claim.Ip }, queueCount: 1);
        byte[] frame = Sample("the port's own IPv4 address").Frame;
        int slot = XdpConfig.FilterSlot(FrameSamples.Local4);
        byte[][] twins = [.. Enumerable.Range(2, 60000)
            .Select(host => (byte[])[10, 9, (byte)(host >> 8), (byte)host])
            .Where(address => XdpConfig.FilterSlot(address) == slot).Take(2)];
        Assert.Equal(Errno.Ok, loaded.AddLocal(twins[0]));
        Assert.Equal(Errno.Ok, loaded.AddLocal(twins[1]));
        Assert.Equal(XdpOutcome.PassedNoSocket, OutcomeOf(loaded, frame));
        Assert.Equal(Errno.Ok, loaded.AddLocal(FrameSamples.Local4));
        Assert.Equal(Errno.Ok, loaded.RemoveLocal(twins[0]));
        Assert.Equal(XdpOutcome.PassedLocal, OutcomeOf(loaded, frame));
        Assert.Equal(Errno.Ok, loaded.RemoveLocal(FrameSamples.Local4));
        Assert.Equal(XdpOutcome.PassedNoSocket, OutcomeOf(loaded, frame));
    }

    [Fact]
    public void More_addresses_than_the_map_holds_are_refused_and_counted_right()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "loading an XDP program needs root");
        using XdpObject loaded = XdpObject.Load(new XdpConfig { Claim = Claim.Ip }, queueCount: 1);
        int added = 0;
        while (added < 4 * XdpConfig.LocalsMax
            && loaded.AddLocal([172, 16, (byte)(added >> 8), (byte)added]) == Errno.Ok)
        {
            added++;
        }

        Assert.Equal(XdpConfig.LocalsMax, added);
        Assert.Equal(Errno.E2BIG, loaded.AddLocal([172, 31, 0, 1]));
    }

    [Fact]
    public void A_program_the_verifier_refuses_is_reported_in_the_verifiers_words()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "loading an XDP program needs root");
        string source = File.ReadAllText(Path.Combine(HostC.Root(), "xdp", "lowlat.bpf.c"));
        string broken = source.Replace("(const void *)(eth + 1) > end", "0", StringComparison.Ordinal);
        Assert.NotEqual(source, broken);
        string folder = Directory.CreateTempSubdirectory("lowlat-broken-").FullName;
        try
        {
            string file = Path.Combine(folder, "broken.c");
            File.WriteAllText(file, broken);
            HostC.Run("clang-14", "-O2", "-g", "-target", "bpf", "-mcpu=v3",
                "-I/usr/include/x86_64-linux-gnu",
                "-I", Path.Combine(HostC.Root(), "xdp"), "-c", file, "-o", file + ".o");
            byte[] elf = File.ReadAllBytes(file + ".o");
            NativeException refused = Assert.Throws<NativeException>(
                () => XdpObject.Load(new XdpConfig { Claim = Claim.Ip }, queueCount: 1, elf));
            Assert.Equal(Errno.EACCES, refused.Errno);
            Assert.Contains("invalid access to packet", refused.Hint, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void An_object_that_is_damaged_is_refused()
    {
        NativeException refused = Assert.Throws<NativeException>(
            () => XdpObject.Load(new XdpConfig { Claim = Claim.Ip }, queueCount: 1, new byte[64]));
        Assert.Contains("bpf_object__open_mem", refused.Call, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stamp_lies_right_before_the_frame_and_is_of_now()
    {
        XdpObject loaded = programs.Get(Claim.All, stamps: true);
        byte[] frame = FrameSamples.All[0].Frame;
        long before = System.Diagnostics.Stopwatch.GetTimestamp(); // CLOCK_MONOTONIC, ns
        BpfTestRun.Result result = BpfTestRun.Run(loaded.ProgramFd, frame);
        long after = System.Diagnostics.Stopwatch.GetTimestamp();
        Assert.Equal(LibBpf.ActionRedirect, result.Action);
        Assert.Equal(FrameMeta.SizeBytes, result.MetaBytes);
        FrameMeta meta = MemoryMarshal.Read<FrameMeta>(result.Frame);
        Assert.Equal(FrameMeta.MagicValue, meta.Magic);
        Assert.Equal(0u, meta.Queue);
        Assert.InRange((long)meta.ReceivedNs, before, after);
        Assert.Equal(frame, result.Frame[FrameMeta.SizeBytes..]);
    }

    [Fact]
    public void A_frame_that_passes_is_not_stamped()
    {
        XdpObject loaded = programs.Get(Claim.Ip, stamps: true);
        byte[] frame = Sample("ARP").Frame;
        BpfTestRun.Result result = BpfTestRun.Run(loaded.ProgramFd, frame);
        Assert.Equal(LibBpf.ActionPass, result.Action);
        Assert.Equal(0, result.MetaBytes);
        Assert.Equal(frame, result.Frame);
    }

    [Fact]
    public void Reading_outcomes_allocates_nothing()
    {
        XdpObject loaded = programs.Get(Claim.Ip);
        OutcomeCounters outcomes = default;
        Assert.Equal(Errno.Ok, loaded.ReadOutcomes(ref outcomes)); // warm
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < 100; round++)
        {
            _ = loaded.ReadOutcomes(ref outcomes);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private static FrameSample Sample(string name) => FrameSamples.All.Single(sample => sample.Name == name);

    /// <summary>The one outcome that a frame adds to.</summary>
    private static XdpOutcome OutcomeOf(XdpObject loaded, byte[] frame)
    {
        OutcomeCounters before = default;
        OutcomeCounters after = default;
        Assert.Equal(Errno.Ok, loaded.ReadOutcomes(ref before));
        BpfTestRun.Result result = BpfTestRun.Run(loaded.ProgramFd, frame);
        Assert.Equal(Errno.Ok, loaded.ReadOutcomes(ref after));
        Assert.Equal(frame, result.Frame);
        int[] changed =
            [.. Enumerable.Range(0, OutcomeCounters.Count).Where(slot => after[slot] != before[slot])];
        int only = Assert.Single(changed);
        Assert.Equal(before[only] + 1, after[only]);
        Assert.Equal(only == 0 ? LibBpf.ActionRedirect : LibBpf.ActionPass, result.Action);
        return (XdpOutcome)only;
    }

    private void Judges(Claim claim, byte[] frame, XdpOutcome expected) =>
        Assert.Equal(expected, OutcomeOf(programs.Get(claim), frame));
}
