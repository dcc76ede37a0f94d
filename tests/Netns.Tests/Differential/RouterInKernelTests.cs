using System.Net;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Netns.Tests.Differential;

/// <summary>A router whose XDP programs route in the lane's place: tables of the file, and other ones by a
/// reload.</summary>
public sealed class RouterInKernelTests
{
    private static readonly IPAddress From = IPAddress.Parse("30.1.1.1");
    private static readonly IPAddress To = IPAddress.Parse("77.1.2.3");

    [Fact]
    public void AReloadGivesTheKernelTheNewTableAndKeepsWhatIsTheSame()
    {
        using Bed bed = Bed.Create(RouterNet.Ports);
        bed.TakeRedirected();
        using Plane plane = Plane.Start(bed, Table("10.1.0.2"), offload: "kernel");
        Lab.Eventually(() => plane.Region.ReadPort(0).Offload.ToString() == "kernel: to p0, p1, p2");
        Expect(bed, plane, port: 1);
        for (int turn = 0; turn < 3; turn++)
        {
            plane.Reload(bed, Table("10.2.0.2"), offload: "kernel");
            Expect(bed, plane, port: 2);
            plane.Reload(bed, Filter + Table("10.2.0.2"), offload: "kernel"); // the same table, another path
            Expect(bed, plane, port: 2);
            plane.Reload(bed, Table("10.1.0.2"), offload: "kernel");
            Expect(bed, plane, port: 1);
        }

        Assert.Equal(0UL, plane.Drops(DropReason.RouteNone));
        Assert.Equal(0, plane.Stop().ExitCode);
    }

    private const string Filter = """
        [[lane.stage]]
        kind = "filter"
        default = "pass"

        """;

    private static string Table(string next) => $"""
        [[lane.stage]]
        kind = "route"
        table = "edge"
        routes_max = 64
        routes6_max = 64

        [[table]]
        name = "edge"
        {Neighbour(1)}
        {Neighbour(2)}
        [[table.route]]
        prefix = "77.0.0.0/8"
        via = ["{next}"]
        """;

    private static string Neighbour(int port) => $"""
        [[table.neighbour]]
        address = "10.{port}.0.2"
        port = "p{port}"
        mac = "02:00:00:00:0{port}:99"
        """;

    // Sent on by the program, and by none of the lanes.
    private static void Expect(Bed bed, Plane plane, int port)
    {
        ulong before = plane.Offloaded;
        ulong lane = plane.Region.ReadCounters(0).RxFrames;
        Assert.True(bed.Send(new Stimulus(0, Packets.Ethernet(Bed.MacOf(0), RouterNet.MacOf(0, 2),
            Packets.Ipv4Type,
            Packets.Ipv4(From, To, Packets.Udp, Packets.UdpDatagram(From, To, 7, 8, new byte[30]))))));
        List<Captured> came = [];
        Lab.Eventually(() =>
        {
            bed.Collect(came);
            return came.Count > 0 && plane.Offloaded > before;
        });
        Captured only = Assert.Single(came);
        Assert.Equal(port, only.Port);
        Assert.Equal([2, 0, 0, 0, (byte)port, 0x99], only.Frame[..6]);
        Assert.Equal(lane, plane.Region.ReadCounters(0).RxFrames);
    }
}
