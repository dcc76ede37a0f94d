using LowLatency.Control.Measuring;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Running;

/// <summary>Tells of the link changes of a data plane's ports as they happen: lowlatd counts them on the ports'
/// pages.</summary>
internal sealed class LinkWatch
{
    private readonly SharedRegion _region;
    private readonly PortPage[] _seen;

    /// <summary>What is there now is the beginning.</summary>
    /// <param name="region">Armed.</param>
    public LinkWatch(SharedRegion region)
    {
        _region = region;
        _seen = [.. Enumerable.Range(0, region.Plan.PortCount).Select(port => region.ReadPort(port))];
    }

    /// <summary>One line for each port whose link changed since the last call.</summary>
    public IReadOnlyList<string> Find()
    {
        List<string> lines = [];
        for (int port = 0; port < _seen.Length; port++)
        {
            PortPage now = _region.ReadPort(port);
            ulong downs = now.LinkDowns - _seen[port].LinkDowns;
            if (now.Link != _seen[port].Link || downs > 0)
            {
                // It went down, perhaps more than once, and may be up again by now.
                bool isBack = now.Link == _seen[port].Link && now.Link == LinkState.Up;
                lines.Add($"port {now.Name} ({now.Interface}): link {(isBack ? "went down, is " : "")}"
                    + RunNames.Of(now.Link) + (isBack ? " again" : "") + (downs > 1 ? $" ({downs} times)" : ""));
            }

            _seen[port] = now;
        }

        return lines;
    }
}
