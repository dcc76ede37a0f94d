using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using LowLatency.Native.Netlink;
using Xunit;

namespace LowLatency.Netns.Tests;

/// <summary>A network namespace of one test, with a veth pair <c>a0</c>–<c>b0</c> in it; gone when
/// disposed.</summary>
public sealed class Lab : IDisposable
{
    private static int made;

    private Lab(string name) => Name = name;

    /// <summary>Name for ip-netns(8): unique on the host.</summary>
    public string Name { get; }

    /// <summary>What <see cref="NetworkNamespace.Enter"/> takes.</summary>
    public string Path => "/run/netns/" + Name;

    /// <summary>Makes one, or skips the test with the reason.</summary>
    public static Lab Create(int queues = 1)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "making a network namespace needs root");
        Lab lab = new($"llx-{Environment.ProcessId}-{Interlocked.Increment(ref made)}");
        Run("ip", "netns", "add", lab.Name);
        try
        {
            string count = queues.ToString(System.Globalization.CultureInfo.InvariantCulture);
            lab.Ip("link", "add", "a0", "numtxqueues", count, "numrxqueues", count, "type", "veth",
                "peer", "name", "b0", "numtxqueues", count, "numrxqueues", count);
            lab.Ip("link", "set", "a0", "addrgenmode", "none", "up");
            lab.Ip("link", "set", "b0", "addrgenmode", "none", "up");
            return lab;
        }
        catch
        {
            lab.Dispose();
            throw;
        }
    }

    /// <summary>Runs <c>ip</c> inside.</summary>
    public string Ip(params string[] arguments) => Run("ip", ["-n", Name, .. arguments]);

    /// <summary>Runs lines of a file as ip(8) does, in JSON, going on after refusals.</summary>
    /// <returns>What it said about refusals.</returns>
    public string IpBatch(string file, out string output)
    {
        (_, string error, output) = Finish("ip", ["-n", Name, "-j", "-force", "-batch", file]);
        return error;
    }

    /// <summary>Runs a program inside.</summary>
    public string Exec(params string[] command) => Run("ip", ["netns", "exec", Name, .. command]);

    /// <summary>ifindex of an interface inside.</summary>
    public int IndexOf(string interfaceName) => int.Parse(
        Ip("-o", "link", "show", "dev", interfaceName).Split(':')[0],
        System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Sends UDP datagrams out of <c>b0</c>, which get to <c>a0</c> as frames without any ARP
    /// before.</summary>
    public void SendFromB(int count, int port, string to = "10.9.0.9")
    {
        Ip("address", "replace", "10.9.0.2/24", "dev", "b0");
        Ip("neighbour", "replace", to, "lladdr", "02:00:00:00:00:09", "dev", "b0");
        using NetworkNamespace scope = NetworkNamespace.Enter(Path);
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        for (int i = 0; i < count; i++)
        {
            socket.SendTo(new byte[18], new IPEndPoint(IPAddress.Parse(to), port));
        }
    }

    /// <summary>Waits for what softirqs do a moment later.</summary>
    public static void Eventually(Func<bool> holds) =>
        Assert.True(SpinWait.SpinUntil(holds, TimeSpan.FromSeconds(5)), "did not come true within 5 s");

    /// <summary>The bytes of an address.</summary>
    public static byte[] Address(string text) => IPAddress.Parse(text).GetAddressBytes();

    /// <summary>Runs a program to its end; its standard output.</summary>
    public static string Run(string program, params string[] arguments)
    {
        (int code, string error, string output) = Finish(program, arguments);
        return code == 0 ? output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {error}");
    }

    /// <summary>Runs a program to its end; its exit code and what it said.</summary>
    public static (int ExitCode, string Error) Try(string program, params string[] arguments)
    {
        (int code, string error, _) = Finish(program, arguments);
        return (code, error);
    }

    private static (int ExitCode, string Error, string Output) Finish(string program, string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        string output = process.StandardOutput.ReadToEnd();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error, output);
    }

    /// <summary>Takes the namespace down, and with it every interface in it.</summary>
    public void Dispose() => Run("ip", "netns", "delete", Name);
}
