using System.Diagnostics;
using System.Text.Json;
using Xunit;

namespace LowLatency.Netns.Tests.Control;

/// <summary>The published <c>lowlat check</c> on this machine, with a lab up.</summary>
public sealed class CheckTests
{
    [Fact]
    public void What_it_says_of_the_lab_is_what_the_files_say()
    {
        using ControlLab lab = ControlLab.Create();
        (int code, string output, string error) = lab.Run("check", "-c", lab.ConfigurationPath, "--profile",
            "lab", "--json");
        Assert.True(code is 0 or 3, error);
        using JsonDocument document = JsonDocument.Parse(output);
        JsonElement root = document.RootElement;
        Assert.Equal("lowlat.readiness/1", root.GetProperty("schema").GetString());
        Assert.Equal(120, root.GetProperty("checks").GetArrayLength());
        Assert.Equal(code == 0 ? "ready" : "not-ready", root.GetProperty("verdict").GetString());
        Assert.Equal(0, root.GetProperty("counts").GetProperty("error").GetInt32());

        Assert.Equal(File.ReadAllText("/sys/devices/system/cpu/isolated").Trim().Length > 0 ? "pass" : "fail",
            State(root, "cpu.isolated.covers-dataplane"));
        Assert.Equal(File.ReadAllLines("/proc/swaps").Length > 1 ? "warn"
            : "pass", State(root, "mem.swap.none-for-us"));
        Assert.Equal(File.ReadAllText("/sys/devices/system/clocksource/clocksource0/current_clocksource")
            .Trim() switch
        {
            "tsc" => "pass",
            "kvm-clock" => "warn",
            _ => "fail",
        }, State(root, "clk.source.tsc"));
        Assert.Equal(int.Parse(File.ReadAllText("/proc/sys/vm/stat_interval")) >= 10 ? "pass" : "warn",
            State(root, "mem.vmstat.interval"));
        Assert.Equal(File.Exists("/sys/devices/system/cpu/nohz_full")
            ? State(root, "cpu.nohz_full.covers-dataplane") : "unsupported",
            State(root, "cpu.nohz_full.covers-dataplane"));
        Assert.Equal("warn", State(root, "nic.xdp.zerocopy-advertised")); // veth only copies
        Assert.Equal("pass", State(root, "nic.queues.count"));
        Assert.Equal("not-applicable", State(root, "app.threads.placement"));
    }

    [Fact]
    public void Kept_evidence_is_judged_the_same_without_the_host()
    {
        using ControlLab lab = ControlLab.Create();
        string evidence = Path.Combine(lab.Folder, "evidence.json");
        (int code, string now, string error) = lab.Run(
            "check", "-c", lab.ConfigurationPath, "--profile", "lab", "--window", "300ms", "--capture",
                evidence, "--json");
        Assert.True(code is 0 or 3, error);
        Assert.Equal(0, lab.Run("lab", "down", "--name", lab.Name).Code);
        (int later, string text, string why) = lab.Run("check", "--from", evidence, "--json");
        Assert.True(later == code, why);
        Assert.Equal(now, text);
    }

    [Fact]
    public void It_leaves_the_host_as_it_was()
    {
        using ControlLab lab = ControlLab.Create();
        string before = Settings();
        (_, string ports, _) = lab.Run("ports", "--netns", lab.Name + "-dut", "--json");
        (int code, _, string error) = lab.Run(
            "check", "-c", lab.ConfigurationPath, "--profile", "lab", "--window", "200ms", "--maintenance",
                "--json");
        Assert.True(code is 0 or 3, error);
        Assert.Equal(before, Settings());
        Assert.Equal(ports, lab.Run("ports", "--netns", lab.Name + "-dut", "--json").Output);
    }

    [Fact]
    public void It_sees_the_running_data_plane_and_judges_its_threads()
    {
        using ControlLab lab = ControlLab.Create();
        using Process run = lab.Start("run", "-c", lab.ConfigurationPath);
        try
        {
            int[] pids = lab.WaitUntilArmed(1);
            (int code, string output, string error) = lab.Run(
                "check", "-c", lab.ConfigurationPath, "--profile", "lab", "--window", "500ms", "--json");
            Assert.True(code is 0 or 3, error);
            using JsonDocument document = JsonDocument.Parse(output);
            Assert.Equal(pids[0], document.RootElement.GetProperty("topology").GetProperty("dataPlanePid")
                .GetInt32());
            Assert.Equal("pass", State(document.RootElement, "app.threads.placement"));
            Assert.Equal("pass", State(document.RootElement, "app.gc.silent"));
            Assert.Equal("pass", State(document.RootElement, "app.jit.quiesced"));
            // Copied, and mode = "auto" accepts it.
            Assert.Equal("warn", State(document.RootElement, "nic.xdp.zerocopy-effective"));
        }
        finally
        {
            lab.Run("stop", "--name", lab.Name);
            ControlLab.Finish(run);
        }
    }

    [Theory]
    [InlineData(1, "--profile moon: must be one of bare-metal, sriov, lab", "check", "--profile", "moon")]
    [InlineData(1, "--format pdf: must be one of text, json, junit, html, openmetrics", "check", "--format",
        "pdf")]
    [InlineData(1, "there is no check 'irq.nonsense'; near it: irq.affinity.effective-off", "check",
        "explain", "irq.nonsense")]
    [InlineData(1, "--from /nowhere.json: cannot be read", "check", "--from", "/nowhere.json")]
    [InlineData(1, "is not what 'lowlat check --capture' writes", "check", "--from", "/proc/version")]
    [InlineData(1, "--window 5: must be a duration", "check", "--window", "5")]
    [InlineData(1, "--window does not go with --from", "check", "--from", "/nowhere.json", "--window", "5s")]
    [InlineData(1, "ask for two formats", "check", "--json", "--format", "html")]
    [InlineData(1, "/nowhere.toml: no such file", "check", "-c", "/nowhere.toml")]
    public void A_wrong_command_line_is_one_clear_error(int expected, string says, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(ControlLab.Program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        (int code, string output, string error) = ControlLab.Finish(process);
        Assert.Equal((expected, ""), (code, output));
        Assert.Contains(says, error, StringComparison.Ordinal);
        Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private static string State(JsonElement root, string id) => root.GetProperty("checks").EnumerateArray()
        .First(check => check.GetProperty("id").GetString() == id).GetProperty("state").GetString()!;

    // Everything a read or a trial could have touched.
    private static string Settings() => string.Join('\n', new[]
    {
        "/proc/sys/kernel/sched_rt_runtime_us", "/proc/sys/vm/nr_hugepages", "/proc/irq/default_smp_affinity",
        "/sys/kernel/mm/transparent_hugepage/enabled", "/proc/sys/kernel/watchdog_cpumask",
            "/proc/sys/net/core/busy_poll",
    }.Where(File.Exists).Select(path => $"{path} {File.ReadAllText(path)}"))
        + string.Concat(Directory.GetFiles("/proc/irq", "smp_affinity_list", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal).Select(File.ReadAllText));
}
