using CsCheck;
using LowLatency.Control.Readiness;
using LowLatency.Control.Readiness.Reporting;
using Xunit;

namespace LowLatency.Control.Tests.Readiness;

public sealed class BootLineTests
{
    private static readonly CpuMask Eight = new(Enumerable.Range(0, 8));

    [Fact]
    public void Quotes_hold_a_value_together_and_init_s_arguments_are_not_the_kernel_s()
    {
        BootLine line = BootLine.Parse("  a b=1 c=\"x y\" d.e-f=2 a=3 -- nohz_full=1\n");
        Assert.Equal(["a", "b=1", "c=\"x y\"", "d.e-f=2", "a=3"], line.Arguments.Select(argument =>
            argument.ToString()));
        Assert.Equal(("3", "2", null), (line.Last("a"), line.Last("d.e_f"), line.Last("nohz_full")));
    }

    [Theory]
    [InlineData("isolcpus=domain,managed_irq,2-5", "2-5", "domain,managed_irq")]
    [InlineData("isolcpus=managed_irq,domain,2-5", "2-5", "managed_irq,domain")]
    [InlineData("isolcpus=2-5", "2-5", "domain")]
    [InlineData("isolcpus=nohz,4-N", "4-7", "nohz")]
    [InlineData("isolcpus=domains,managed_irq,2", "2", "managed_irq")]
    [InlineData("isolcpus=0-7:1/2", "0,2,4,6", "domain")]
    [InlineData("isolcpus=1 isolcpus=2", "1", "domain")]
    [InlineData("ro", "none", "")]
    public void The_CPUs_and_flags_of_isolcpus_are_the_kernel_s(string line, string cpus, string flags)
    {
        BootLine parsed = BootLine.Parse(line);
        Assert.Equal(cpus, parsed.Cpus("isolcpus", Eight).ToString());
        Assert.Equal(flags, string.Join(',', parsed.IsolationFlags()));
    }

    [Fact]
    public void A_list_that_is_none_names_the_argument() => Assert.Contains("nohz_full=4-",
        Assert.Throws<NotReadException>(() => BootLine.Parse("nohz_full=4-").Cpus("nohz_full", Eight))
            .Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("isolcpus=all")]
    [InlineData("isolcpus=domain,N")]
    [InlineData("isolcpus=domain,managed_irq")]
    [InlineData("isolcpus=x9,2")]
    [InlineData("isolcpus=4-3")]
    [InlineData("isolcpus=2,8")]
    public void A_list_that_the_kernel_refuses_is_none(string line) =>
        Assert.Throws<NotReadException>(() => BootLine.Parse(line).Cpus("isolcpus", Eight));

    [Theory]
    [InlineData("isolcpus=domain,managed_irq,2-5", "isolcpus=managed_irq,domain,2,3,4-5", "isolcpus", true)]
    [InlineData("isolcpus=2-5", "isolcpus=domain,2-5", "isolcpus", true)]
    [InlineData("isolcpus=nohz,2-5", "isolcpus=2-5", "isolcpus", false)]
    [InlineData("rcu_nocbs=4-N", "rcu-nocbs=4-7", "rcu_nocbs", true)]
    [InlineData("rcu_nocbs", "rcu_nocbs=4-7", "rcu_nocbs", false)]
    [InlineData("irqaffinity=0-1", "", "irqaffinity", false)]
    [InlineData("hugepages=1 hugepages=2", "hugepages=2 hugepages=1", "hugepages", false)]
    [InlineData("nvme.poll_queues=1", "nvme.poll-queues=1", "nvme.poll_queues", true)]
    public void Two_lines_say_the_same_where_the_kernel_does_the_same(
        string one, string other, string name, bool isSame) =>
        Assert.Equal(isSame, BootLine.IsSameOn(BootLine.Parse(one), BootLine.Parse(other), name, Eight));

    [Fact]
    public void No_line_makes_it_throw_another_way() => Gen.String.Sample(text =>
    {
        try
        {
            _ = BootLine.Parse("isolcpus=" + text).Cpus("isolcpus", Eight);
        }
        catch (NotReadException)
        {
        }
    });

    [Fact]
    public void A_host_that_boots_as_it_should_has_nothing_to_change()
    {
        RecordedHost host = RecordedHost.Load("bare-metal").With(
            "-- /proc/cmdline --\nro rcu_nocbs=2 irqaffinity=0-1,3-N isolcpus=managed_irq,domain,2 "
                + "nohz_full=2 tsc=nowatchdog "
            + "hugepagesz=2M hugepages=0:16 nvme.poll_queues=1\n");
        string[] lines = BootPlan.Render(host.Judge(Catalogue.All)).Split('\n');
        Assert.Equal("isolcpus=domain,managed_irq,2 nohz_full=2 rcu_nocbs=2 irqaffinity=0-1,3-7 "
            + "tsc=nowatchdog hugepagesz=2M "
            + "hugepages=0:16 nvme.poll_queues=1", lines[0]);
        Assert.Contains("# the running line has all of it", lines);
    }

    [Theory]
    [InlineData("3", "# = nvme.poll_queues=3\n")]
    [InlineData("0", "# ~ nvme.poll_queues=0 -> nvme.poll_queues=1 ")]
    [InlineData("many", "# ~ nvme.poll_queues=many -> nvme.poll_queues=1 ")]
    public void More_polling_queues_than_needed_stay(string running, string line) => Assert.Contains(line,
        BootPlan.Render(RecordedHost.Load("bare-metal").With(
            $"-- /proc/cmdline --\nro nvme.poll_queues={running}\n").Judge(Catalogue.All)),
                StringComparison.Ordinal);

    [Fact]
    public void A_clock_that_is_called_reliable_stays_so()
    {
        string text = BootPlan.Render(RecordedHost.Load("bare-metal").With(
            "-- /proc/cmdline --\nro tsc=reliable\n").Judge(Catalogue.All));
        Assert.Contains("# = tsc=reliable\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("nowatchdog", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_host_of_one_node_is_asked_for_huge_pages_without_naming_it() =>
        Assert.Contains(" hugepages=16 ",
        BootPlan.Render(RecordedHost.Load("bare-metal").With(
            "-- /sys/devices/system/node/node1/cpulist ! ENOENT --\n").Judge(Catalogue.All)),
        StringComparison.Ordinal);

    [Fact]
    public void What_differs_is_told_with_its_reason()
    {
        string text = BootPlan.Render(RecordedHost.Load("stock-server").With(
            "-- /proc/cmdline --\nro isolcpus=3 idle=poll\n").Judge(Catalogue.All));
        Assert.Contains("# ~ isolcpus=3 -> isolcpus=domain,managed_irq,2 ", text, StringComparison.Ordinal);
        Assert.Contains("# + nohz_full=2 ", text, StringComparison.Ordinal);
        Assert.Contains("# - idle=poll ", text, StringComparison.Ordinal);
        Assert.Contains("built without NO_HZ_FULL", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_lanes_it_says_what_is_missing() => Assert.StartsWith("# No lane is declared",
        BootPlan.Render(RecordedHost.Load("container").With("-- config --\n").Judge(Catalogue.All)),
            StringComparison.Ordinal);
}
