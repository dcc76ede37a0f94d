namespace LowLatency.Control.Running;

/// <summary>The configuration that <c>lowlat selftest</c> plans and runs in a lab of its own. It changes
/// nothing of the host: no FIFO, no locked memory, no huge pages.</summary>
internal static class SelfTestConfiguration
{
    /// <summary>Its text.</summary>
    /// <param name="lab">Prefix of the lab's namespaces, and name of the instance.</param>
    /// <param name="loadCpu">CPU of generator and receiver.</param>
    /// <param name="forwardCpu">CPU of the forwarder.</param>
    public static string Text(string lab, int loadCpu, int forwardCpu) => $"""
        name = "{lab}"

        [host]
        lock_memory = false

        {Port("a", lab, "dut", "dutA", isRx: true)}
        {Port("b", lab, "dut", "dutB", isRx: true)}
        {Port("g", lab, "gen", "genA", isRx: false)}
        {Port("s", lab, "sink", "sinkB", isRx: true)}
        {Port("gd", lab, "gen", "genD", isRx: false)}
        {Port("sd", lab, "sink", "sinkD", isRx: true)}
        [[lane]]
        name = "fwd"
        cpu = {forwardCpu}
        policy = "other"
        ports = ["a", "b"]

        [[lane.stage]]
        kind = "cross-connect"
        ports = ["a", "b"]

        [load]
        cpu = {loadCpu}
        policy = "other"
        rate = "5k"
        flows = 4
        duration = "400ms"
        warmup = "100ms"

        [load.through]
        tx = "g"
        rx = "s"

        [load.direct]
        tx = "gd"
        rx = "sd"
        """;

    private static string Port(string name, string lab, string role, string link, bool isRx) => $"""
        [[port]]
        name = "{name}"
        netns = "{lab}-{role}"
        interface = "{link}"
        {(isRx ? "claim = \"udp\"\nclaim_ports = \"4000\"" : "claim = \"none\"")}

        """;
}
