using LowLatency.Control.Running;
using LowLatency.Control.Tests.Measuring;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Control.Tests.Running;

public sealed class ForwardLedgerTests
{
    [Fact]
    public void Received_is_sent_and_dropped_by_name_and_what_is_left_is_unaccounted()
    {
        using FakeDataPlane plane = new(LaneKind.Forward, LaneKind.Forward, LaneKind.Receiver);
        Set(plane, 0, received: 1000, sent: 990, DropReason.FilterRule, dropped: 10);
        Set(plane, 1, received: 500, sent: 480, DropReason.TxRingFull, dropped: 17);
        Set(plane, 2, received: 9999, sent: 0, DropReason.Received,
            dropped: 9999); // no forwarder: not counted
        ForwardLedger ledger = ForwardLedger.Read(plane.Reader);
        Assert.Equal((1500L, 1470L, 3L), (ledger.Received, ledger.Sent, ledger.Unaccounted));
        Assert.Equal(
            "forwarder: 1 500 received = 1 470 sent + 27 dropped (filter-rule 10, tx-ring-full 17) "
                + "+ 3 unaccounted",
            ledger.Line);
    }

    [Fact]
    public void What_was_put_into_a_tx_ring_and_did_not_come_back_was_not_sent_and_has_a_name()
    {
        using FakeDataPlane plane = new(LaneKind.Forward);
        Set(plane, 0, received: 1000, sent: 990, DropReason.PortDown, dropped: 10);
        ref LaneCounters counters = ref plane.Owner.LanePage(0).Value.Counters;
        counters.FramesTxSide = 90; // put there, not given back
        counters.FramesTxRing = 64; // of these, never taken
        plane.Owner.PortPage((int)plane.Plan.Lane(0).Ports[0]).Value.Xdp.TxInvalidDescs = 2;
        ForwardLedger ledger = ForwardLedger.Read(plane.Reader);
        Assert.Equal((900L, 0L), (ledger.Sent, ledger.Unaccounted));
        Assert.Equal(
            "forwarder: 1 000 received = 900 sent + 90 held (tx-not-taken 64, tx-invalid-descs 2, "
                + "tx-not-completed 24) + 10 dropped (port-down 10) + 0 unaccounted",
            ledger.Line);
    }

    [Fact]
    public void A_lane_that_saw_nothing_balances()
    {
        using FakeDataPlane plane = new(LaneKind.Forward);
        ForwardLedger ledger = ForwardLedger.Read(plane.Reader);
        Assert.Equal(0, ledger.Unaccounted);
        Assert.Equal("forwarder: 0 received = 0 sent + 0 dropped + 0 unaccounted", ledger.Line);
    }

    private static void Set(FakeDataPlane plane, int lane, ulong received, ulong sent, DropReason why,
        ulong dropped)
    {
        ref LaneCounters counters = ref plane.Owner.LanePage(lane).Value.Counters;
        counters.RxFrames = received;
        counters.TxFrames = sent;
        counters.Drops[(int)why] = dropped;
    }
}
