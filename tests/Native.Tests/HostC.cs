using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace LowLatency.Native.Tests;

/// <summary>What the host's C compiler says of the kernel's headers and of xdp/lowlat.h.</summary>
internal static class HostC
{
    private const string Headers = """
        #include <errno.h>
        #include <liburing.h>
        #include <stddef.h>
        #include <stdio.h>
        #include <bpf/bpf.h>
        #include <bpf/libbpf.h>
        #include <linux/audit.h>
        #include <linux/ethtool.h>
        #include <linux/fs.h>
        #include <linux/ethtool_netlink.h>
        #include <linux/genetlink.h>
        #include <linux/if.h>
        #include <linux/if_addr.h>
        #include <linux/if_link.h>
        #include <linux/io_uring.h>
        #include <linux/mount.h>
        #include <linux/net_tstamp.h>
        #include <linux/netfilter/nfnetlink.h>
        #include <linux/netfilter/nfnetlink_hook.h>
        #include <linux/nvme_ioctl.h>
        #include <linux/pkt_sched.h>
        #include <linux/ptp_clock.h>
        #include <linux/rtnetlink.h>
        #include <linux/sock_diag.h>
        #include <linux/xdp_diag.h>
        #include <sys/timex.h>
        #include "lowlat.h"

        """;

    /// <summary>Asserts that each C expression has the value that C# has.</summary>
    public static void Compare(params (string C, long CSharp)[] pairs)
    {
        Dictionary<string, long> c = Values([.. pairs.Select(pair => pair.C)]);
        foreach ((string expression, long value) in pairs)
        {
            Assert.Equal((expression, c[expression]), (expression, value));
        }
    }

    /// <summary>The repository's folder.</summary>
    public static string Root()
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "LowLatency.sln")))
        {
            folder = Path.GetDirectoryName(folder)
                ?? throw new InvalidOperationException("not in the repository");
        }

        return folder;
    }

    /// <summary>Values of C expressions.</summary>
    public static Dictionary<string, long> Values(IReadOnlyList<string> expressions)
    {
        string folder = Directory.CreateTempSubdirectory("lowlat-layout-").FullName;
        try
        {
            string source = Path.Combine(folder, "layout.c");
            string program = Path.Combine(folder, "layout");
            File.WriteAllText(source,
                Headers + "int main(void)\n{\n"
                + string.Concat(expressions.Select(text => $"\tprintf(\"%lld\\n\", (long long)({text}));\n"))
                + "\treturn 0;\n}\n");
            Run("gcc", "-Wall", "-Werror", "-I", Path.Combine(Root(), "xdp"), source, "-o", program);
            long[] values = [.. Run(program).Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => long.Parse(line, CultureInfo.InvariantCulture))];
            return expressions.Zip(values).DistinctBy(pair => pair.First)
                .ToDictionary(pair => pair.First, pair => pair.Second);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Runs a program; its standard output.</summary>
    public static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        string output = process.StandardOutput.ReadToEnd();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {error}");
        return output;
    }
}
