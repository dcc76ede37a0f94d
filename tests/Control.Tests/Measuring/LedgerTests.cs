using LowLatency.Control.Measuring;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Control.Tests.Measuring;

public sealed class LedgerTests
{
    private static readonly string[] Paths = ["through", "direct"];

    [Fact]
    public void Sent_is_received_and_every_named_drop_and_in_flight()
    {
        LaneCounters generator = default, receiver = default, forward = default;
        generator.Sent[0] = 1000;
        generator.Sent[1] = 500;
        receiver.Received[0] = 900;
        receiver.Received[1] = 498;
        receiver.Corrupt[0] = 3;
        receiver.Reordered[0] = 5;
        receiver.Duplicated[1] = 2;
        receiver.Drops[(int)DropReason.Received] = 1398;
        receiver.Drops[(int)DropReason.Foreign] = 7;
        forward.Drops[(int)DropReason.TxRingFull] = 40;
        forward.Drops[(int)DropReason.FilterRule] = 7;
        PortPage dut = Port("dutA", "veth");
        dut.Xdp.RxRingFull = 30;
        dut.Xdp.RxDropped = 12;
        dut.Xdp.RxFillRingEmpty = 12;
        PortPage gen = Port("genA", "veth");
        gen.Device.TxDropped = 10;

        Loss loss = Ledger.Make(Paths, Lanes(generator, receiver, forward),
            [Delta("a", dut), Delta("b", gen)]);

        Assert.Equal(0, loss.Residual);
        Assert.Equal((1500L, 1398L, 102L, 5L, 2L, 7L),
            (loss.Sent, loss.Received, loss.Lost, loss.Reordered, loss.Duplicated, loss.Foreign));
        Assert.Equal(
            [("fill-ring-empty(dutA)", 12L), ("rx-ring-full(dutA)", 30), ("device-tx-dropped(genA)", 10),
                ("tx-ring-full", 40), ("filter-rule", 7), ("corrupt", 3)],
            loss.Drops.Select(d => (d.Key, d.Value)));
        Assert.Equal([new PathLoss("through", 1000, 900, 100), new PathLoss("direct", 500, 498, 2)],
            loss.Paths);
        Assert.Equal(loss.Sent, loss.Received + loss.Drops.Values.Sum() + loss.InFlight + loss.Residual);
    }

    [Fact]
    public void What_no_name_explains_is_the_residual()
    {
        Loss loss = Ledger.Make(Paths, Lanes(Sent(1000), Received(990), default), []);
        Assert.Equal((10L, 0L), (loss.Residual, loss.InFlight));
    }

    [Fact]
    public void More_drops_than_missing_frames_is_a_negative_residual()
    {
        PortPage port = Port("dutA", "veth");
        port.Xdp.RxRingFull = 4;
        Loss loss = Ledger.Make(Paths, Lanes(Sent(1000), Received(999), default), [Delta("a", port)]);
        Assert.Equal(-3, loss.Residual);
    }

    [Fact]
    public void Frames_on_the_tx_side_are_in_flight_but_never_more_than_are_missing()
    {
        LaneCounters forward = default;
        forward.FramesTxSide = 32;
        Assert.Equal((8L, 0L), InFlight(Ledger.Make(Paths, Lanes(Sent(1000), Received(992), forward), [])));
        Assert.Equal((32L, 8L), InFlight(Ledger.Make(Paths, Lanes(Sent(1000), Received(960), forward), [])));
        Assert.Equal((0L, 0L), InFlight(Ledger.Make(Paths, Lanes(Sent(1000), Received(1000), forward), [])));
    }

    [Fact]
    public void An_invalid_tx_descriptor_is_not_in_flight_too()
    {
        LaneCounters forward = default;
        forward.FramesTxSide = 5;
        PortPage port = Port("dutB", "veth");
        port.Xdp.TxInvalidDescs = 5;
        Loss loss = Ledger.Make(Paths, Lanes(Sent(1000), Received(990), forward), [Delta("a", port)]);
        Assert.Equal((0L, 5L), InFlight(loss));
    }

    [Theory]
    [InlineData("veth", BindMode.Copy, 0)]         // rx_dropped holds the socket's 42 as well
    [InlineData("virtio_net", BindMode.ZeroCopy, 0)]
    [InlineData("veth", BindMode.Generic, 42)]     // generic redirects are refused without a device counter
    [InlineData("i40e", BindMode.ZeroCopy, 42)]
    public void A_refused_redirect_counts_once(string driver, BindMode mode, long device)
    {
        PortPage port = Port("dutA", driver);
        port.EffectiveMode = mode;
        port.Xdp.RxRingFull = 30;
        port.Xdp.RxDropped = 12;
        port.Device.RxDropped = 42;
        Loss loss = Ledger.Make(Paths, Lanes(Sent(1000), Received(1000 - 42 - device), default),
            [Delta("a", port)]);
        Assert.Equal(0, loss.Residual);
        Assert.Equal(device, loss.Drops.GetValueOrDefault("device-rx-dropped(dutA)"));
        Assert.Equal(12, loss.Drops["rx-dropped(dutA)"]); // the fill ring was never found empty
    }

    [Fact]
    public void Two_queues_of_one_interface_count_its_device_and_program_once()
    {
        PortPage first = Port("q0", "veth"), second = Port("q1", "veth");
        first.Xdp.RxRingFull = 3;
        second.Xdp.RxRingFull = 4;
        foreach (ref PortPage page in new[] { first, second }.AsSpan())
        {
            page.Device.RxDropped = 9;
            page.Outcomes[(int)XdpOutcome.PassedNoSocket] = 1;
            (page.Name.ToString() == "q0" ? ref first : ref second) = page;
        }

        Loss loss = Ledger.Make(Paths, Lanes(Sent(100), Received(91), default),
            [Delta("if", first), Delta("if", second)]);
        Assert.Equal(
            [("rx-ring-full(q0)", 3L), ("rx-ring-full(q1)", 4), ("passed-no-socket(q0)", 1),
                ("device-rx-dropped(q0)", 1)],
            loss.Drops.Select(d => (d.Key, d.Value)));
        Assert.Equal(0, loss.Residual);
    }

    [Fact]
    public void Kernel_chatter_that_the_program_passes_is_no_loss_and_frames_for_the_port_are()
    {
        PortPage port = Port("dutA", "veth");
        port.Outcomes[(int)XdpOutcome.PassedControl] = 100;
        port.Outcomes[(int)XdpOutcome.PassedDiscovery] = 100;
        port.Outcomes[(int)XdpOutcome.PassedNotOurs] = 100;
        port.Outcomes[(int)XdpOutcome.PassedMalformed] = 100;
        port.Outcomes[(int)XdpOutcome.PassedLocal] = 6;
        port.Device.RxDropped = 300; // the stack had no use for most of them
        LaneDelta[] lanes = Lanes(Sent(1000), Received(994), default);
        Loss loss = Ledger.Make(Paths, lanes, [Delta("a", port)]);
        Assert.Equal([("passed-local(dutA)", 6L)], loss.Drops.Select(d => (d.Key, d.Value)));
        Assert.Equal(0, loss.Residual);

        Loss outside = Ledger.Make(Paths, lanes, [Delta("a", port) with { ClaimsLoad = false }]);
        Assert.Equal(100, outside.Drops["passed-not-ours(dutA)"]);
    }

    [Fact]
    public void Counters_count_from_the_baseline()
    {
        LaneCounters before = Sent(5000), after = Sent(6000);
        LaneCounters got = Received(4000), gotAfter = Received(5000);
        Loss loss = Ledger.Make(Paths,
            [new(LaneKind.Generator, before, after), new(LaneKind.Receiver, got, gotAfter)], []);
        Assert.Equal((1000L, 1000L, 0L), (loss.Sent, loss.Received, loss.Residual));
    }

    private static (long InFlight, long Residual) InFlight(Loss loss) => (loss.InFlight, loss.Residual);

    private static LaneDelta[] Lanes(LaneCounters generator, LaneCounters receiver, LaneCounters forward) =>
    [
        new(LaneKind.Generator, default, generator), new(LaneKind.Receiver, default, receiver),
        new(LaneKind.Forward, default, forward),
    ];

    private static LaneCounters Sent(ulong frames)
    {
        LaneCounters counters = default;
        counters.Sent[0] = frames;
        return counters;
    }

    private static LaneCounters Received(long frames)
    {
        LaneCounters counters = default;
        counters.Received[0] = (ulong)frames;
        return counters;
    }

    private static PortPage Port(string name, string driver)
    {
        PortPage port = default;
        port.Name.Set(name);
        port.Driver.Set(driver);
        port.EffectiveMode = BindMode.Copy;
        return port;
    }

    private static PortDelta Delta(string key, PortPage last)
    {
        PortPage first = default;
        return new PortDelta(key, first, last, true);
    }
}
