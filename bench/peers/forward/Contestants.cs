using LowLatency.Native.Layout;

namespace LowLatency.Bench.Forward;

/// <summary>What every forwarder under measurement gets.</summary>
/// <param name="Rack">Where it runs.</param>
/// <param name="Parts">C programs.</param>
/// <param name="Huge">Huge pages.</param>
/// <param name="Lowlatd">Path of the published lowlatd.</param>
/// <param name="Tuning">What lowlatd is told.</param>
internal sealed record Setting(Rack Rack, CParts Parts, HugePagePool Huge, string Lowlatd, Tuning Tuning);

/// <summary>A forwarder that runs between dutA and dutB until disposed.</summary>
internal interface IForwarder : IDisposable
{
    /// <summary>Its data plane, when it is ours.</summary>
    Daemon? Ours { get; }
}

/// <summary>The forwarders by name.</summary>
internal static class Contestants
{
    /// <summary>Names that <see cref="Start"/> knows.</summary>
    public static readonly string[] Names = ["lowlatd", "testpmd", "kernel", "offload", "routed", "linux"];

    /// <summary>Starts one; it forwards when this returns.</summary>
    public static IForwarder Start(string name, Setting setting) => name switch
    {
        "lowlatd" => new LowlatdForwarder(setting),
        "testpmd" => new TestpmdForwarder(setting),
        "kernel" => new KernelForwarder(setting),
        "offload" => new OffloadForwarder(setting, routes: false),
        "routed" => new OffloadForwarder(setting, routes: true),
        "linux" => new LinuxForwarder(setting),
        _ => throw new BenchException($"no contestant '{name}'"),
    };

    private sealed class LowlatdForwarder(Setting setting) : IForwarder
    {
        public Daemon? Ours { get; } =
            Daemon.Start(setting.Lowlatd, setting.Parts, Plans.Forwarder(setting.Rack, setting.Tuning));

        public void Dispose() => Ours!.Dispose();
    }

    // lowlatd's XDP program forwards in the lane's place, in the softirq of the CPU that sends: by the same
    // stages, or by the lane's route tables (one route, one next hop, as Linux has beside it).
    private sealed class OffloadForwarder : IForwarder
    {
        private readonly Rack _rack;
        private readonly (string Space, string Interface)[] _ways; // must be able to take redirected frames

        public OffloadForwarder(Setting setting, bool routes)
        {
            _rack = setting.Rack;
            _ways = routes ? [("dut", "dutA"), ("sink", "sinkB")] : [("sink", "sinkB")];
            SetGro(isOn: true);
            try
            {
                PlanImage plan = routes ? Plans.Router(setting.Rack, setting.Tuning)
                    : Plans.Forwarder(setting.Rack, setting.Tuning, Offload.Kernel);
                Ours = Daemon.Start(setting.Lowlatd, setting.Parts, plan);
                if (routes)
                {
                    Plans.FillRoutes(setting.Rack, plan, Ours.Region.Header);
                }

                string who = Ours.Region.ReadPort(0).Offload.ToString();
                bool isKernel = routes ? who.StartsWith("kernel: to ", StringComparison.Ordinal)
                    && who.Split(';')[0].Contains("dutB", StringComparison.Ordinal) : who == "kernel: to dutB";
                if (!isKernel)
                {
                    throw new BenchException($"the kernel does not {(routes ? "route" : "forward")}: {who}");
                }
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        public Daemon? Ours { get; }

        public void Dispose()
        {
            Ours?.Dispose();
            SetGro(isOn: false);
        }

        private void SetGro(bool isOn)
        {
            foreach ((string space, string name) in _ways)
            {
                _rack.SetGro(space, name, isOn);
            }
        }
    }

    // The stack's own IPv4 forwarding: one route, one neighbour, no filter; in the softirq of the CPU that
    // sends.
    private sealed class LinuxForwarder : IForwarder
    {
        private readonly Rack _rack;
        private readonly string _dut;

        public LinuxForwarder(Setting setting)
        {
            _rack = setting.Rack;
            _dut = _rack.Name("dut");
            _rack.SetGro("dut", "dutA", isOn: true); // the flood is redirected into it
            Tool.Run("ip", "netns", "exec", _dut, "sysctl", "-qw", "net.ipv4.ip_forward=1",
                "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.dutA.rp_filter=0");
            Tool.Run("ip", "-n", _dut, "address", "replace", "198.18.0.254/24", "dev", "dutA");
            Tool.Run("ip", "-n", _dut, "address", "replace", "198.19.0.254/24", "dev", "dutB");
            Tool.Run("ip", "-n", _dut, "neighbour", "replace", "198.19.0.1",
                "lladdr", Rack.TextOf(Plans.NextHopMac), "dev", "dutB");
        }

        public Daemon? Ours => null;

        public void Dispose()
        {
            _rack.SetGro("dut", "dutA", isOn: false);
            Tool.Run("ip", "-n", _dut, "address", "flush", "dev", "dutA");
            Tool.Run("ip", "-n", _dut, "address", "flush", "dev", "dutB");
        }
    }

    // DPDK's own forwarder with its AF_XDP driver. busy_budget=0 is its fast setting on veth: with busy
    // polling its median latency is 30 times as long. The forwarding core is the second of the list.
    private sealed class TestpmdForwarder : IForwarder
    {
        private readonly Tool _tool;

        public TestpmdForwarder(Setting setting)
        {
            _tool = Tool.Start("0,1", setting.Rack.Name("dut"),
                "env", "LD_PRELOAD=" + setting.Parts.Path("answer_zero.so"),
                "dpdk-testpmd", "-l", "0,1", "--main-lcore", "0", "-n", "1",
                "--huge-dir", setting.Huge.Folder, "--in-memory", "--no-pci",
                "--vdev", "net_af_xdp0,iface=dutA,busy_budget=0",
                "--vdev", "net_af_xdp1,iface=dutB,busy_budget=0",
                "--", "--forward-mode=macswap", "--auto-start", "--nb-cores=1", "--rxq=1", "--txq=1",
                "--total-num-mbufs=32768");
            try
            {
                _tool.WaitFor("macswap packet forwarding", 20_000, "testpmd");
            }
            catch
            {
                _tool.Dispose();
                throw;
            }
        }

        public Daemon? Ours => null;

        public void Dispose()
        {
            if (_tool.IsRunning)
            {
                _tool.Enter(); // "Press enter to exit"
                _tool.WaitForExit(5000);
            }

            _tool.Dispose();
        }
    }

    // XDP redirect inside the kernel: no socket and no copy; it runs in the softirq of the CPU that sends.
    private sealed class KernelForwarder : IForwarder
    {
        private readonly Rack _rack;
        private readonly Tool _tool;

        public KernelForwarder(Setting setting)
        {
            _rack = setting.Rack;
            _rack.SetGro("sink", "sinkB", isOn: true);
            _tool = Tool.Start("0", _rack.Name("dut"), setting.Parts.Path("redirect"),
                setting.Parts.Path("redirect.bpf.o"), "dutA", "dutB");
            try
            {
                _tool.WaitFor("ready", 10_000, "redirect");
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        public Daemon? Ours => null;

        public void Dispose()
        {
            if (_tool.IsRunning)
            {
                _tool.Terminate();
                _tool.WaitForExit(2000);
            }

            _tool.Dispose();
            _rack.SetGro("sink", "sinkB", isOn: false);
        }
    }
}
