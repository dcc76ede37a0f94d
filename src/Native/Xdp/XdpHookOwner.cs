using System.Globalization;
using System.Text;
using LowLatency.Native.Interop;
using LowLatency.Native.Netlink;

namespace LowLatency.Native.Xdp;

/// <summary>A process that keeps an XDP program alive.</summary>
/// <param name="Pid">Process id.</param>
/// <param name="Command">Its comm.</param>
public sealed record XdpHolder(int Pid, string Command);

/// <summary>Whose program is on an interface's XDP hook: for the message that says why ours is not. Cold
/// path, may read all of /proc.</summary>
/// <param name="ProgramId">The kernel's id.</param>
/// <param name="ProgramName">Its name, empty when it went meanwhile.</param>
/// <param name="Mode">Where it runs.</param>
/// <param name="LinkId">Id of the bpf_link that holds it there; 0: attached by netlink (iproute2,
/// libxdp).</param>
/// <param name="Holders">Live processes with a descriptor of program or link.</param>
public sealed record XdpHookOwner(
    uint ProgramId, string ProgramName, XdpAttachMode Mode, uint LinkId, IReadOnlyList<XdpHolder> Holders)
{
    /// <summary>Looks at an interface of the calling thread's network namespace; null when the hook is free,
    /// or when the kernel does not tell us.</summary>
    public static XdpHookOwner? Find(int interfaceIndex)
    {
        using RouteNetlink route = RouteNetlink.Open("");
        LinkInfo? link = route.FindLink(interfaceIndex);
        if (link is null || link.XdpProgramId == 0)
        {
            return null;
        }

        uint id = link.XdpProgramId;
        XdpAttachMode mode = link.XdpMode ?? XdpAttachMode.Native;
        return new XdpHookOwner(id, NameOf(id), mode, FindLink(id, interfaceIndex), FindHolders(id));
    }

    /// <summary>One sentence: whose it is, and the command that takes it away.</summary>
    /// <param name="interfaceName">The interface.</param>
    /// <param name="networkNamespace">Path of its network namespace, empty for the present one.</param>
    public string Describe(string interfaceName, string networkNamespace)
    {
        ArgumentNullException.ThrowIfNull(networkNamespace);
        string name = ProgramName.Length == 0 ? "(unnamed)" : ProgramName;
        string holders = string.Join(", ", Holders.Select(holder => $"pid {holder.Pid} ({holder.Command})"));
        string prefix = networkNamespace.Length == 0
            ? ""
            : networkNamespace.StartsWith("/run/netns/", StringComparison.Ordinal)
                || networkNamespace.StartsWith("/var/run/netns/", StringComparison.Ordinal)
                ? $"ip netns exec {Path.GetFileName(networkNamespace)} "
                : $"nsenter --net={networkNamespace} ";
        string flag = Mode == XdpAttachMode.Generic ? "xdpgeneric" : "xdp";
        string remedy = LinkId != 0
            ? $"bpftool link detach id {LinkId}"
            : $"{prefix}ip link set dev {interfaceName} {flag} off";
        string whose = Holders.Count > 0
            ? $"held by {holders}; stop that process, or detach it: '{remedy}'"
            : LinkId != 0
                ? $"held by a pinned bpf_link, no live process; detach it: '{remedy}'"
                : $"left by iproute2 or libxdp, no live process; remove it: '{remedy}'";
        return $"The XDP hook of {interfaceName} belongs to program '{name}' (id {ProgramId}), {whose}.";
    }

    private static unsafe string NameOf(uint programId)
    {
        int fd = LibBpf.ProgramFdById(programId);
        if (fd < 0)
        {
            return "";
        }

        LibBpf.ProgramInfo info = default;
        uint bytes = (uint)sizeof(LibBpf.ProgramInfo);
        int rc = LibBpf.InfoByFd(fd, &info, &bytes);
        Libc.CloseFile(fd);
        ReadOnlySpan<byte> name = new(info.Name, LibBpf.ProgramInfo.NameBytes); // in bounds: the field itself
        int end = name.IndexOf((byte)0);
        return rc < 0 ? "" : Encoding.UTF8.GetString(end < 0 ? name : name[..end]);
    }

    private static unsafe uint FindLink(uint programId, int interfaceIndex)
    {
        uint id = 0;
        while (LibBpf.LinkNextId(id, &id) == 0)
        {
            int fd = LibBpf.LinkFdById(id);
            if (fd < 0)
            {
                continue; // went meanwhile
            }

            LibBpf.LinkInfo info = default;
            uint bytes = (uint)sizeof(LibBpf.LinkInfo);
            int rc = LibBpf.InfoByFd(fd, &info, &bytes);
            Libc.CloseFile(fd);
            if (rc == 0 && info.Type == LibBpf.LinkTypeXdp && info.ProgramId == programId
                && info.InterfaceIndex == (uint)interfaceIndex)
            {
                return id;
            }
        }

        return 0;
    }

    private static List<XdpHolder> FindHolders(uint programId)
    {
        // fdinfo of a program and of a link both have the line "prog_id:\t<id>" (kernel/bpf/syscall.c).
        string line = "prog_id:\t" + programId.ToString(CultureInfo.InvariantCulture);
        List<XdpHolder> holders = [];
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out int pid))
            {
                continue;
            }

            if (Lines(Path.Combine(folder, "fdinfo")).Contains(line))
            {
                string command = Lines(folder, "comm").FirstOrDefault("");
                holders.Add(new XdpHolder(pid, command));
            }
        }

        return holders;
    }

    /// <summary>The lines of every file in a folder that match; what ends or is refused meanwhile has
    /// none.</summary>
    private static IEnumerable<string> Lines(string folder, string pattern = "*")
    {
        string[] files = Try(() => Directory.GetFiles(folder, pattern));
        return files.SelectMany(file => Try(() => File.ReadAllLines(file)));
    }

    private static string[] Try(Func<string[]> read)
    {
        try
        {
            return read();
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return []; // the process or the descriptor ended while we looked, or is not ours to see
        }
    }
}
