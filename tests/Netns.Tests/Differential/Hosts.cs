using System.Diagnostics;
using LowLatency.Native.Netlink;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>Ordinary Linux hosts in place of the tester: behind each port of a bed a namespace of its own,
/// with address .2 of that port's subnet and the router as its gateway.</summary>
public sealed class Hosts : IDisposable
{
    private readonly Bed _bed;
    private readonly List<Process> _servers = [];

    /// <summary>Moves the tester's ends of the wires into the hosts.</summary>
    public Hosts(Bed bed)
    {
        _bed = bed;
        for (int port = 0; port < bed.PortCount; port++)
        {
            string host = NameOf(port);
            Lab.Run("ip", "netns", "add", host);
            string mac = Convert.ToHexStringLower(RouterNet.MacOf(port, 2));
            mac = string.Join(':', Enumerable.Range(0, 6).Select(i => mac.Substring(i * 2, 2)));
            Bed.Ip(bed.Tester, [$"link set t{port} down", $"link set t{port} netns {host}"]);
            Bed.Ip(host,
            [
                "link set lo up",
                $"link set t{port} address {mac} mtu 1500 promisc off up",
                $"address add {RouterNet.Host4(port, 2)}/24 dev t{port}",
                $"address add {RouterNet.Host6(port, 2)}/64 dev t{port} nodad",
                $"route add default via {RouterNet.Own4(port)}",
                $"route add default via {RouterNet.Own6(port)}",
            ]);
        }
    }

    /// <summary>Name of a host's namespace.</summary>
    public string NameOf(int port) => $"{_bed.Name}-h{port}";

    /// <summary>Runs a program on a host to its end, at most half a minute; its exit code and all it
    /// said.</summary>
    public (int Code, string Text) Run(int port, params string[] command) => RunIn(NameOf(port), command);

    /// <summary>Runs a program in a namespace to its end, at most half a minute.</summary>
    public static (int Code, string Text) RunIn(string networkNamespace, params string[] command)
    {
        using Process process = Start(networkNamespace, ["timeout", "30", .. command]);
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.GetAwaiter().GetResult());
    }

    /// <summary>Starts a program that runs until the hosts go.</summary>
    public void Serve(string networkNamespace, params string[] command)
    {
        Process process = Start(networkNamespace, command);
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _servers.Add(process);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Process server in _servers)
        {
            server.Kill();
            server.WaitForExit();
            server.Dispose();
        }

        _servers.Clear();
        for (int port = 0; port < _bed.PortCount; port++)
        {
            Lab.Try("ip", "netns", "delete", NameOf(port));
        }
    }

    // Not behind ip-netns(8): a kill would end that, not the program.
    private static Process Start(string networkNamespace, string[] command)
    {
        using NetworkNamespace scope = NetworkNamespace.Enter("/run/netns/" + networkNamespace);
        return Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
    }
}
