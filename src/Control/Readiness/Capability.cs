using System.Globalization;

namespace LowLatency.Control.Readiness;

/// <summary>Capabilities of a process, bits of linux/capability.h. Pure.</summary>
internal static class Capability
{
    /// <summary>CAP_IPC_LOCK: locks memory beyond the limit.</summary>
    public const int IpcLock = 14;

    /// <summary>CAP_SYS_NICE: real-time policies beyond the limit.</summary>
    public const int SysNice = 23;

    private const int NetAdmin = 12;
    private const int NetRaw = 13;
    private const int Bpf = 39;
    private const int NamesShown = 8;

    private static readonly string[] Names =
    [
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK",
            "IPC_OWNER",
        "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT",
            "SYS_NICE",
        "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL",
            "SETFCAP",
        "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
        "CHECKPOINT_RESTORE",
    ];

    private static readonly int[] Wanted = [NetAdmin, NetRaw, IpcLock, SysNice, Bpf];

    /// <summary>A set from the hexadecimal digits of /proc/PID/status.</summary>
    /// <exception cref="NotReadException">It is none.</exception>
    public static ulong Parse(string source, string digits) =>
        ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong set)
            ? set
            : throw new NotReadException($"{source}: '{Facts.Short(digits)}' is no set of capabilities");

    /// <summary>It is in the set.</summary>
    public static bool Has(ulong set, int capability) => (set >> capability & 1) != 0;

    /// <summary>A uid_map is that of the first namespace of users: it maps all of them to themselves
    /// (user_namespaces(7)).</summary>
    public static bool IsFirstNamespace(string[] users) => users.Length == 1
        && users[0].Split(' ', StringSplitOptions.RemoveEmptyEntries) is ["0", "0", "4294967295"];

    /// <summary>It is a uid_map at all.</summary>
    public static bool IsMapOfUsers(string[] users) => users.Length > 0 && Array.TrueForAll(users, line =>
        line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is { Length: 3 } words
        && Array.TrueForAll(words, word => word.All(char.IsAsciiDigit)));

    /// <summary>Judges what is in force against what the data plane needs.</summary>
    /// <param name="source">For the message.</param>
    /// <param name="digits">CapEff.</param>
    /// <param name="users">Lines of uid_map: where the capabilities hold.</param>
    /// <param name="whose">Of which process.</param>
    public static IEnumerable<Finding> Judge(string source, string digits, string[] users, string whose)
    {
        ulong set = Parse(source, digits);
        int[] missing = [.. Wanted.Where(one => !Has(set, one))];
        int[] excess = [.. Enumerable.Range(0, 64).Where(one => Has(set, one) && !Wanted.Contains(one))];
        bool isGood = true;

        if (!IsFirstNamespace(users))
        {
            isGood = false;
            yield return !IsMapOfUsers(users)
                ? Finding.Unknown("uid_map is no map of users")
                : Finding.Fail($"{whose} lives in a user namespace: its capabilities do not count for "
                    + "devices");
        }

        if (missing.Length > 0)
        {
            isGood = false;
            yield return Finding.Fail($"{whose} lacks {List(missing)}");
        }

        if (excess.Length > 0)
        {
            isGood = false;
            yield return Finding.Warn($"{whose} has more than it needs: {List(excess)}");
        }

        if (isGood)
        {
            yield return Finding.Pass($"{whose} has {List(Wanted)} and nothing else");
        }
    }

    // SYS_ADMIN first: it is nearly root.
    private static string List(int[] capabilities)
    {
        string[] names =
        [
            .. capabilities.OrderBy(one => one != Array.IndexOf(Names, "SYS_ADMIN")).Select(one =>
                one < Names.Length ? Names[one] : $"number {one.ToString(CultureInfo.InvariantCulture)}"),
        ];
        return string.Join(", ", names.Take(NamesShown))
            + (names.Length > NamesShown ? $" and {names.Length - NamesShown} more" : "");
    }
}
