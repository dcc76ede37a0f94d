using System.Globalization;
using LowLatency.Control.Commands;
using LowLatency.Native;
using LowLatency.Native.Netlink;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Running;

/// <summary>Three network namespaces and three cables that stand in for a rack. All verbs may be repeated,
/// and take away what an interrupted one left. One thread; root.</summary>
/// <param name="name">Prefix of the namespaces.</param>
internal sealed class Lab(string name)
{
    private const string NamespaceFolder = "/run/netns";
    private const long UpLimitNs = 5_000_000_000;

    /// <summary>Prefix of the namespaces.</summary>
    public string Name { get; } = name;

    /// <summary>Path of a role's namespace.</summary>
    public string PathOf(string role) => $"{NamespaceFolder}/{Name}-{role}";

    /// <summary>Raises the lab unless it stands as asked.</summary>
    /// <param name="queues">Queues switched on at each interface.</param>
    /// <returns>False when it stood already.</returns>
    /// <exception cref="CommandFailure">The host refused; nothing is left behind.</exception>
    public bool Up(int queues)
    {
        using FileStream held = Hold();
        if (Faults(queues).Count == 0)
        {
            return false;
        }

        Remove();
        try
        {
            Build(queues);
            AwaitUp(queues);
            return true;
        }
        catch
        {
            Remove();
            throw;
        }
    }

    /// <summary>Takes the lab, or what is there of it, down.</summary>
    /// <returns>False when there was nothing.</returns>
    /// <exception cref="CommandFailure">The host refused.</exception>
    public bool Down()
    {
        using FileStream held = Hold();
        bool wasThere = Remove();
        File.Delete(held.Name); // who comes now holds another file, of a lab that is gone
        return wasThere;
    }

    /// <summary>True when no part of it exists.</summary>
    public bool IsAbsent => !LabPlan.Roles.Any(role => Path.Exists(PathOf(role)));

    /// <summary>What keeps the lab from being up, one line each; empty: it is up.</summary>
    /// <param name="queues">Queues expected; null: any number.</param>
    public IReadOnlyList<string> Faults(int? queues)
    {
        List<string> faults = [];
        foreach (string role in LabPlan.Roles)
        {
            try
            {
                CheckRole(role, queues, faults);
            }
            catch (NativeException e)
            {
                faults.Add($"{Name}-{role}: {e.Message}");
            }
        }

        return faults;
    }

    private void CheckRole(string role, int? queues, List<string> faults)
    {
        if (!Path.Exists(PathOf(role)))
        {
            faults.Add($"namespace {Name}-{role} is missing");
            return;
        }

        using RouteNetlink route = RouteNetlink.Open(PathOf(role));
        using Ethtool ethtool = Ethtool.Open(PathOf(role));
        foreach (LabEnd end in LabPlan.Ends.Where(end => end.Role == role))
        {
            string? fault = CheckEnd(route, ethtool, end, queues);
            if (fault is not null)
            {
                faults.Add($"{end.Interface} in {Name}-{role} {fault}");
            }
        }
    }

    private static string? CheckEnd(RouteNetlink route, Ethtool ethtool, LabEnd end, int? queues)
    {
        LinkInfo? link = route.FindLink(end.Interface);
        if (link is null)
        {
            return "is missing";
        }

        if (link.MacText != end.Mac)
        {
            return $"has MAC {link.MacText}, not {end.Mac}";
        }

        if (link.OperState != OperState.Up)
        {
            return $"is {link.OperState.ToString().ToLowerInvariant()}";
        }

        if (!route.Addresses(link.Index).Any(address => address.Address.ToString() == end.Address))
        {
            return $"has no address {end.Address}";
        }

        int have = ethtool.Channels(end.Interface)?.RxQueues ?? 0;
        return queues is int wanted && have != wanted ? $"has {have} queues, not {wanted}" : null;
    }

    private void Build(int queues)
    {
        foreach (string role in LabPlan.Roles)
        {
            Tool.Run("ip", ["netns", "add", $"{Name}-{role}"]);
            ForbidIpv6(role);
        }

        Tool.Run("ip", ["-batch", "-"], LabPlan.LinkBatch(Name));
        string count = queues.ToString(CultureInfo.InvariantCulture);
        foreach (LabEnd end in LabPlan.Ends)
        {
            using NetworkNamespace scope = NetworkNamespace.Enter(PathOf(end.Role));
            Tool.Run("ethtool", ["-L", end.Interface, "rx", count, "tx", count]);
            Tool.Run("ethtool",
                ["-K", end.Interface, "gro", "off", "gso", "off", "tso", "off", "tx", "off", "rx", "off"]);
        }

        foreach (string role in LabPlan.Roles)
        {
            Tool.Run("ip", ["-n", $"{Name}-{role}", "-batch", "-"], LabPlan.RoleBatch(role));
        }
    }

    // Before any interface is there: no neighbour discovery or router solicitation ever meets a measurement.
    private void ForbidIpv6(string role)
    {
        using NetworkNamespace scope = NetworkNamespace.Enter(PathOf(role));
        foreach (string which in (string[])["all", "default"])
        {
            string path = $"/proc/sys/net/ipv6/conf/{which}/disable_ipv6";
            if (File.Exists(path)) // a kernel without IPv6 has nothing to forbid
            {
                File.WriteAllText(path, "1");
            }
        }
    }

    private void AwaitUp(int queues)
    {
        using Waiter waiter = new();
        List<LinkMonitor> monitors = [.. LabPlan.Roles.Select(role => LinkMonitor.Open(PathOf(role)))];
        try
        {
            waiter.Watch([.. monitors.Select(monitor => monitor.Fd)]);
            long deadline = ThreadControl.NowNs + UpLimitNs;
            IReadOnlyList<string> faults = Faults(queues);
            while (faults.Count > 0)
            {
                long leftMs = (deadline - ThreadControl.NowNs) / 1_000_000;
                if (leftMs <= 0)
                {
                    throw CommandFailure.Host($"the lab did not come up: {string.Join("; ", faults)}");
                }

                waiter.Wait((int)leftMs);
                monitors.ForEach(Empty);
                faults = Faults(queues);
            }
        }
        finally
        {
            monitors.ForEach(monitor => monitor.Dispose());
        }
    }

    private static void Empty(LinkMonitor monitor)
    {
        while (monitor.TryRead(out _))
        {
            // what changed is read anew
        }
    }

    // A link is gone when 'ip link del' returns; a namespace alone would take it away later, in the
    // background.
    private bool Remove()
    {
        bool wasThere = false;
        foreach (string role in LabPlan.Roles.Where(role => Path.Exists(PathOf(role))))
        {
            wasThere = true;
            RemoveLinks(role);
            Tool.Run("ip", ["netns", "del", $"{Name}-{role}"]);
        }

        return wasThere;
    }

    private void RemoveLinks(string role)
    {
        try
        {
            using RouteNetlink route = RouteNetlink.Open(PathOf(role));
            foreach (LabEnd end in LabPlan.Ends.Where(end => end.Role == role))
            {
                if (route.FindLink(end.Interface) is not null)
                {
                    Tool.Run("ip", ["-n", $"{Name}-{role}", "link", "del", end.Interface]);
                }
            }
        }
        catch (NativeException)
        {
            // 'ip netns add' was killed between making the file and mounting the namespace on it: no links
            // there
        }
    }

    private FileStream Hold()
    {
        string path = RuntimeFolder.PathOf($"lab-{Name}.lock");
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            throw CommandFailure.Host($"another 'lowlat lab' works on lab '{Name}' now (it holds {path})");
        }
    }
}
