using LowLatency.Control.Configuring;
using LowLatency.Control.Planning;
using Xunit;

namespace LowLatency.Control.Tests.Planning;

/// <summary>A small configuration with one of everything, and hosts that it fits.</summary>
internal static class Sample
{
    /// <summary>Valid; tests break one thing each. Line numbers in tests are those of this text.</summary>
    public const string Text = """
        name = "t"
        [host]
        rt_throttling = "off"
        [[port]]
        name = "a"
        netns = "ll-dut"
        interface = "dutA"
        [[port]]
        name = "b"
        netns = "ll-dut"
        interface = "dutB"
        [[port]]
        name = "g"
        netns = "ll-gen"
        interface = "genA"
        [[port]]
        name = "s"
        netns = "ll-sink"
        interface = "sinkB"
        [[lane]]
        name = "f"
        cpu = 1
        ports = ["a", "b"]
        [[lane.stage]]
        kind = "cross-connect"
        ports = ["a", "b"]
        [load]
        cpu = 0
        rate = "100k"
        quiet_every = "20ms"
        quiet_for = "1ms"
        [load.through]
        tx = "g"
        rx = "s"
        """;

    /// <summary>A machine with two CPUs, where 'lowlat lab up' has run.</summary>
    public static HostFacts Lab { get; } = new()
    {
        OnlineCpus = [0, 1],
        RtRuntimeUs = 950_000,
        RtPeriodUs = 1_000_000,
        MemAvailableBytes = 4L << 30,
        HugePagesFree = 0,
        Namespaces =
        [
            new NamespaceFacts("/run/netns/ll-gen", "", [Veth(2, "genA"), Veth(3, "genD")]),
            new NamespaceFacts("/run/netns/ll-dut", "", [Veth(4, "dutA"), Veth(5, "dutB")]),
            new NamespaceFacts("/run/netns/ll-sink", "", [Veth(6, "sinkB"), Veth(7, "sinkD")]),
        ],
    };

    /// <summary>A machine with four CPUs, two network cards and no throttling.</summary>
    public static HostFacts Metal { get; } = new()
    {
        OnlineCpus = [0, 1, 2, 3],
        RtRuntimeUs = -1,
        RtPeriodUs = 1_000_000,
        MemAvailableBytes = 32L << 30,
        HugePagesFree = 64,
        NodeOfCpu = new Dictionary<int, int> { [0] = 0, [1] = 0, [2] = 0, [3] = 0 },
        Namespaces = [new NamespaceFacts("", "", [Card(2, "eth1"), Card(3, "eth2"), Card(4, "eth3")])],
    };

    /// <summary>Text with one change, which must apply.</summary>
    public static string With(string old, string now)
    {
        Assert.Contains(old, Text, StringComparison.Ordinal);
        int at = Text.IndexOf(old, StringComparison.Ordinal);
        return string.Concat(Text.AsSpan(0, at), now, Text.AsSpan(at + old.Length));
    }

    /// <summary>Reads a text that is right.</summary>
    public static Configuring.Configuration Read(string text, string file = "t.toml")
    {
        ConfigurationResult result = ConfigurationReader.ReadText(text, file);
        Assert.True(result.Errors.Count == 0, string.Join('\n', result.Errors));
        return result.Configuration!;
    }

    /// <summary>Expects lines, and shows all there are otherwise.</summary>
    public static void Expect(IEnumerable<ConfigurationError> actual, params string[] lines)
    {
        string got = string.Join('\n', actual);
        string wanted = string.Join('\n', lines);
        Assert.True(got == wanted, $"wanted:\n{wanted}\ngot:\n{got}\nend");
    }

    /// <summary>One interface changed.</summary>
    public static HostFacts Change(
        HostFacts facts, string name, Func<InterfaceFacts, InterfaceFacts> change) => facts with
    {
        Namespaces = [.. facts.Namespaces.Select(space => space with
        {
            Interfaces = [.. space.Interfaces.Select(link => link.Name == name ? change(link) : link)],
        })],
    };

    private static InterfaceFacts Veth(int index, string name) => new()
    {
        Index = index,
        Name = name,
        Mac = ((ulong)index << 40) | 0x02,
        MtuBytes = 1500,
        RxQueues = 1,
        TxQueues = 1,
        Driver = "veth",
    };

    private static InterfaceFacts Card(int index, string name) => new()
    {
        Index = index,
        Name = name,
        Mac = ((ulong)index << 40) | 0x02,
        MtuBytes = 1500,
        RxQueues = 4,
        TxQueues = 4,
        NumaNode = 0,
        Driver = "ice",
    };
}
