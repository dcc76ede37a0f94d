using System.Diagnostics;
using System.IO.Pipes;
using System.Net;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Netlink;
using LowLatency.Native.Xdp;
using Xunit;

namespace LowLatency.Netns.Tests.Xdp;

/// <summary>Who owns an XDP hook, and for how long.</summary>
public sealed class XdpProgramTests
{
    private const string HoldVariable = "LOWLAT_TEST_HOLD";

    [Theory]
    [InlineData(XdpAttachMode.Native, "xdp")]
    [InlineData(XdpAttachMode.Generic, "xdpgeneric")]
    public void It_attaches_in_the_mode_asked_for_and_leaves_the_hook_free(XdpAttachMode mode, string shown)
    {
        using Lab lab = Lab.Create();
        using (XdpProgram program = XdpProgram.Attach(Request(lab, mode)))
        {
            string link = lab.Ip("link", "show", "dev", "a0");
            Assert.Contains($" {shown} ", link, StringComparison.Ordinal);
            Assert.Contains($"prog/xdp id {program.ProgramId} ", link, StringComparison.Ordinal);
            Assert.Equal(mode, program.Mode);
        }

        Assert.DoesNotContain("xdp", lab.Ip("link", "show", "dev", "a0"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_second_attach_names_program_and_process_of_the_first()
    {
        using Lab lab = Lab.Create();
        using XdpProgram first = XdpProgram.Attach(Request(lab, XdpAttachMode.Native));
        NativeException refused = Assert.Throws<NativeException>(
            () => XdpProgram.Attach(Request(lab, XdpAttachMode.Native)));
        Assert.Equal(Errno.EBUSY, refused.Errno);
        Assert.Contains("lowlat_xdp", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"(id {first.ProgramId})", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"pid {Environment.ProcessId} (", refused.Message, StringComparison.Ordinal);
        Assert.Contains("bpftool link detach id ", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_second_attach_in_the_other_mode_is_refused_with_the_owner_too()
    {
        using Lab lab = Lab.Create();
        using XdpProgram first = XdpProgram.Attach(Request(lab, XdpAttachMode.Generic));
        NativeException refused = Assert.Throws<NativeException>(
            () => XdpProgram.Attach(Request(lab, XdpAttachMode.Native)));
        Assert.True(refused.Errno is Errno.EEXIST or Errno.EBUSY, refused.Message);
        Assert.Contains($"pid {Environment.ProcessId} (", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_command_in_the_message_takes_an_orphan_away()
    {
        using Lab lab = Lab.Create();
        string program = Path.Combine(AppContext.BaseDirectory, "orphan.o");
        using (Stream embedded = typeof(XdpProgram).Assembly.GetManifestResourceStream("lowlat.bpf.o")!)
        using (FileStream file = File.Create(program))
        {
            embedded.CopyTo(file);
        }

        // No link: stays without a process.
        lab.Ip("link", "set", "dev", "a0", "xdp", "obj", program, "sec", "xdp");
        NativeException refused = Assert.Throws<NativeException>(
            () => XdpProgram.Attach(Request(lab, XdpAttachMode.Native)));
        Assert.Contains("no live process", refused.Message, StringComparison.Ordinal);
        string[] command = refused.Message.Split('\'')[^2].Split(' ');
        Assert.Equal($"ip netns exec {lab.Name} ip link set dev a0 xdp off", string.Join(' ', command));
        Lab.Run(command[0], command[1..]);
        using XdpProgram attached = XdpProgram.Attach(Request(lab, XdpAttachMode.Native));
    }

    [Fact]
    public void A_killed_process_leaves_the_hook_free()
    {
        using Lab lab = Lab.Create();
        using AnonymousPipeServerStream ready = new(PipeDirection.In, HandleInheritability.Inheritable);
        ProcessStartInfo start = new(Environment.ProcessPath!)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string assembly = typeof(XdpProgramTests).Assembly.Location;
        string[] arguments = [.. Environment.ProcessPath!.EndsWith("dotnet", StringComparison.Ordinal)
            ? (string[])["exec", assembly]
            : [], "-explicit", "only", "-method", $"*.{nameof(Holder_attaches_and_waits)}"];
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment[HoldVariable] = $"{lab.Name} {ready.GetClientHandleAsString()}";
        using Process holder = Process.Start(start)!;
        ready.DisposeLocalCopyOfClientHandle();
        int answer = ready.ReadByte(); // blocks until it is attached, or has ended (-1)
        Assert.True(answer == 1, answer == 1 ? "" : holder.StandardOutput.ReadToEnd());
        NativeException refused = Assert.Throws<NativeException>(
            () => XdpProgram.Attach(Request(lab, XdpAttachMode.Native)));
        Assert.Contains($"pid {holder.Id} (", refused.Message, StringComparison.Ordinal);
        holder.Kill(); // SIGKILL: no handler, no clean-up
        holder.WaitForExit();
        Assert.DoesNotContain("xdp", lab.Ip("link", "show", "dev", "a0"), StringComparison.Ordinal);
        using XdpProgram attached = XdpProgram.Attach(Request(lab, XdpAttachMode.Native));
    }

    /// <summary>The victim of the test above, in a process of its own.</summary>
    [Fact(Explicit = true)]
    public void Holder_attaches_and_waits()
    {
        string? hold = Environment.GetEnvironmentVariable(HoldVariable);
        Assert.SkipWhen(hold == null, "runs only as another test's child");
        string[] parts = hold.Split(' ');
        using AnonymousPipeClientStream ready = new(PipeDirection.Out, parts[1]);
        string path = "/run/netns/" + parts[0];
        using RouteNetlink route = RouteNetlink.Open(path);
        using XdpProgram program = XdpProgram.Attach(new XdpAttachRequest
        {
            Interface = "a0",
            InterfaceIndex = route.FindLink("a0")!.Index,
            NetworkNamespace = path,
            QueueCount = 1,
            Mode = XdpAttachMode.Native,
            Claim = Claim.Ip,
        });
        ready.WriteByte(1);
        ready.Flush();
        _ = Console.In.Read(); // until killed, or until the parent is gone
    }

    [Fact]
    public void An_interface_that_is_deleted_under_the_program_does_not_trouble_dispose()
    {
        using Lab lab = Lab.Create();
        using XdpProgram program = XdpProgram.Attach(Request(lab, XdpAttachMode.Native));
        lab.Ip("link", "delete", "a0");
        OutcomeCounters outcomes = default;
        program.ReadOutcomes(ref outcomes);
    }

    [Fact]
    public void An_interface_without_native_mode_answers_not_supported()
    {
        using Lab lab = Lab.Create();
        lab.Ip("link", "add", "d0", "type", "bridge");
        NativeException refused = Assert.Throws<NativeException>(
            () => XdpProgram.Attach(Request(lab, XdpAttachMode.Native, "d0")));
        Assert.Equal(Errno.EOPNOTSUPP, refused.Errno);
        using XdpProgram generic = XdpProgram.Attach(Request(lab, XdpAttachMode.Generic, "d0"));
    }

    [Fact]
    public void A_peer_with_a_large_MTU_is_refused_with_a_hint_of_the_MTU()
    {
        using Lab lab = Lab.Create();
        lab.Ip("link", "set", "a0", "mtu", "9000");
        lab.Ip("link", "set", "b0", "mtu", "9000");
        NativeException refused = Assert.Throws<NativeException>(
            () => XdpProgram.Attach(Request(lab, XdpAttachMode.Native)));
        Assert.Equal(Errno.ERANGE, refused.Errno);
        Assert.Contains("MTU", refused.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public void An_interface_that_is_gone_is_said_to_be_gone()
    {
        using Lab lab = Lab.Create();
        XdpAttachRequest request = Request(lab, XdpAttachMode.Native);
        lab.Ip("link", "delete", "a0");
        NativeException refused = Assert.Throws<NativeException>(() => XdpProgram.Attach(request));
        Assert.Equal(Errno.ENODEV, refused.Errno);
        Assert.Contains("gone", refused.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public void Outcomes_count_frames_that_arrive_and_the_stack_gets_what_passes()
    {
        using Lab lab = Lab.Create();
        using RouteNetlink route = RouteNetlink.Open(lab.Path);
        using XdpProgram program = XdpProgram.Attach(Request(lab, XdpAttachMode.Native));
        lab.SendFromB(count: 5, port: 4000);
        OutcomeCounters outcomes = default;
        Lab.Eventually(() =>
        {
            program.ReadOutcomes(ref outcomes);
            return outcomes[(int)XdpOutcome.PassedNoSocket] == 5; // ours, and no socket yet
        });
        Assert.Equal(0UL, outcomes[(int)XdpOutcome.Redirected]);

        Assert.Equal(Errno.Ok, program.AddLocalAddress(Lab.Address("10.9.0.9")));
        lab.SendFromB(count: 3, port: 4000);
        Lab.Eventually(() =>
        {
            program.ReadOutcomes(ref outcomes);
            return outcomes[(int)XdpOutcome.PassedLocal] == 3;
        });
        LinkStatistics statistics = default;
        Assert.Equal(Errno.Ok, route.ReadStatistics(lab.IndexOf("a0"), ref statistics));
        Assert.True(statistics.RxPackets >= 8);
        Assert.Equal(0UL, statistics.RxDropped);
    }

    [Fact]
    public void Local_addresses_that_were_changed_unseen_are_put_right()
    {
        using Lab lab = Lab.Create();
        using XdpProgram program = XdpProgram.Attach(Request(lab, XdpAttachMode.Native));
        Assert.Equal(Errno.Ok, program.AddLocalAddress(Lab.Address("10.9.0.8")));
        Assert.Equal(Errno.Ok, program.AddLocalAddress(Lab.Address("fd00:9::8")));
        LinkAddress now = new(lab.IndexOf("a0"), IPAddress.Parse("10.9.0.9"), 24);
        Assert.Equal(Errno.Ok, program.ReplaceLocalAddresses([now]));
        OutcomeCounters outcomes = default;
        lab.SendFromB(count: 2, port: 4000);                    // to 10.9.0.9: local now
        lab.SendFromB(count: 3, port: 4000, to: "10.9.0.8");    // no longer
        Lab.Eventually(() =>
        {
            program.ReadOutcomes(ref outcomes);
            return outcomes[(int)XdpOutcome.PassedLocal] == 2
                && outcomes[(int)XdpOutcome.PassedNoSocket] == 3;
        });
    }

    private static XdpAttachRequest Request(Lab lab, XdpAttachMode mode, string interfaceName = "a0") => new()
    {
        Interface = interfaceName,
        InterfaceIndex = lab.IndexOf(interfaceName),
        NetworkNamespace = lab.Path,
        QueueCount = 1,
        Mode = mode,
        Claim = Claim.Ip,
    };
}
