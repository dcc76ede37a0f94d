using System.Globalization;
using System.Text;
using LowLatency.Control.Running;
using LowLatency.Native;
using LowLatency.Native.Host;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Netlink;
using Microsoft.Win32.SafeHandles;

namespace LowLatency.Control.Readiness;

/// <summary>The machine this program runs on. One thread.</summary>
internal sealed class LiveHost : IHost, IDisposable
{
    private const int MostBytes = 4 << 20; // the largest good file is /proc/interrupts: 1 MB on 512 CPUs

    private readonly Dictionary<string, NamespaceView> _namespaces = [];
    private readonly byte[] _buffer = new byte[64 << 10];

    /// <inheritdoc/>
    public Fact Read(string source, Intrusion intrusion)
    {
        Fact fact = new()
        {
            Source = source,
            State = FactState.Missing,
            TimeNs = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick,
            Intrusion = intrusion,
        };
        try
        {
            return source switch
            {
                ['/', ..] => ReadFile(fact, source),
                ['[', ..] => InNamespace(fact, source),
                _ => source[..source.IndexOf(':', StringComparison.Ordinal)] switch
                {
                    "link" => ReadLink(fact, source["link:".Length..]),
                    "netlink" => ReadNetlink(fact, source["netlink:".Length..]),
                    "stat" => Stat(fact, source["stat:".Length..]),
                    "driver" => ReadDriver(fact, source["driver:".Length..]),
                    "kmsg" => With(fact, Encoding.UTF8.GetBytes(KernelLog.ReadAll())),
                    "msr" => ReadRegister(fact, source["msr:".Length..]),
                    "instance" => ReadRegion(fact, Instance.RegionPath(
                        source["instance:".Length..]), region => string.Create(
                            CultureInfo.InvariantCulture, $"{region.Header.Pid}\n")),
                    "region" => ReadRegion(fact, Instance.RegionPath(source["region:".Length..]),
                        RegionText.Write),
                    "probe" => Probes.Run(fact, source["probe:".Length..]),
                    _ => throw new ArgumentException($"'{source}' is no source"),
                },
            };
        }
        catch (NativeException e)
        {
            return Failed(fact, e.Errno, e.Call);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return fact with { Problem = "there is no such file" };
        }
        catch (UnauthorizedAccessException)
        {
            return fact with { State = FactState.Denied, Problem = "reading it is not allowed (EACCES)" };
        }
        catch (IOException e)
        {
            return Failed(fact, (Errno)e.HResult, "read");
        }
    }

    /// <summary>Reads an anchor of the topology.</summary>
    public Fact Peek(string source) => Read(source, Intrusion.I0);

    /// <inheritdoc/>
    public IReadOnlyList<string>? List(string directory, out string problem)
    {
        problem = "";
        try
        {
            string path = directory.StartsWith('[') ? Resolve(directory) : directory;
            return [.. Directory.EnumerateFileSystemEntries(path).Select(entry => Path.GetFileName(entry)!)];
        }
        catch (Exception e) when (e is DirectoryNotFoundException or FileNotFoundException)
        {
            return null;
        }
        catch (UnauthorizedAccessException)
        {
            problem = "listing it is not allowed (EACCES)";
            return null;
        }
        catch (Exception e) when (e is IOException or NativeException)
        {
            // A process that ended between two reads is not a problem; nor is a file where a directory may
            // be.
            Errno errno = e is NativeException native ? native.Errno : (Errno)e.HResult;
            problem = errno is Errno.ENOENT or Errno.ESRCH or Errno.ENODEV or Errno.ENOTDIR ? ""
                : $"listing it fails ({errno.Name()})";
            return null;
        }
    }

    /// <summary>Closes what was opened in namespaces.</summary>
    public void Dispose()
    {
        foreach (NamespaceView view in _namespaces.Values)
        {
            view.Dispose();
        }
    }

    /// <summary>What was read.</summary>
    internal static Fact With(Fact fact, byte[] bytes) => fact with { State = FactState.Read, Bytes = bytes };

    /// <summary>What an error number says of a read.</summary>
    internal static Fact Failed(Fact fact, Errno errno, string call) => fact with
    {
        State = errno switch
        {
            Errno.ENOENT or Errno.ENODEV or Errno.ENOSYS or Errno.EOPNOTSUPP or Errno.ESRCH
                or Errno.EPROTONOSUPPORT =>  FactState.Missing,
            Errno.EACCES or Errno.EPERM => FactState.Denied,
            _ => FactState.Refused,
        },
        Problem = $"{call}: {errno.Name()}",
    };

    private Fact ReadLink(Fact fact, string source) =>
        new FileInfo(source.StartsWith('[') ? Resolve(source) : source).LinkTarget is string target
            ? With(fact, Encoding.UTF8.GetBytes(target + "\n"))
            : fact with { Problem = "there is no such link" };

    private static Fact Stat(Fact fact, string path)
    {
        FileIdentity identity = FileIdentity.Of(path);
        return With(fact, Encoding.UTF8.GetBytes(identity + "\n"));
    }

    // "34 2": register 0x34 of CPU 2 (msr(4)).
    private static Fact ReadRegister(Fact fact, string request)
    {
        string[] words = request.Split(' ');
        using SafeFileHandle file = File.OpenHandle($"/dev/cpu/{words[1]}/msr");
        byte[] value = new byte[8];
        return RandomAccess.Read(file, value, long.Parse(words[0], NumberStyles.AllowHexSpecifier,
            CultureInfo.InvariantCulture)) == 8
            ? With(fact, Encoding.UTF8.GetBytes($"{BitConverter.ToUInt64(value)}\n"))
            : fact with { Problem = "the CPU has no such register" };
    }

    // What has no netlink request: ETHTOOL_GDRVINFO.
    private static Fact ReadDriver(Fact fact, string target)
    {
        (string space, string link) = Split(target);
        using Ethtool ethtool = Ethtool.Open(PathOf(space));
        return ethtool.Driver(link) is EthtoolDriver driver
            ? With(fact, Encoding.UTF8.GetBytes($"driver {driver.Name}\nfirmware {driver.Firmware}\nbus "
                + $"{driver.BusInfo}\n"))
            : fact with { Problem = "the driver does not name itself (EOPNOTSUPP)" };
    }

    /// <summary>What a live data plane's region says; missing only where it is certain that none
    /// runs.</summary>
    /// <param name="fact">To be filled in.</param>
    /// <param name="path">Path of the region.</param>
    /// <param name="write">What to say of it.</param>
    internal static Fact ReadRegion(Fact fact, string path, Func<SharedRegion, string> write)
    {
        try
        {
            using SharedRegion? region = SharedRegion.TryOpen(path, out Errno errno);
            return region is { IsOwnerAlive: true } ? With(fact, Encoding.UTF8.GetBytes(write(region)))
                : region is null && errno != Errno.ENOENT ? Failed(fact, errno, $"open({path})")
                : fact with { Problem = "no data plane of this name runs" };
        }
        catch (PlanFormatException e)
        {
            return fact with { State = FactState.Refused, Problem = e.Message };
        }
    }

    private Fact ReadNetlink(Fact fact, string request)
    {
        (string name, string target) = request.Split(' ') is [var first, var second] ? (first, second)
            : throw new ArgumentException($"'{request}' is no request and interface");
        (string space, string link) = Split(target);
        NetlinkAnswer answer = View(space).Netlink.Ask(name, link);
        return answer.Errno == Errno.Ok ? With(fact, answer.Messages)
            : Failed(fact, answer.Errno, answer.Refusal.Length > 0 ? $"{name} ({answer.Refusal})" : name);
    }

    private Fact InNamespace(Fact fact, string source)
    {
        (string space, string path) = Split(source);
        if (!path.StartsWith("/proc/", StringComparison.Ordinal))
        {
            return ReadFile(fact, Resolve(source));
        }

        // /proc/net is that of the thread.
        using NetworkNamespace scope = NetworkNamespace.Enter(PathOf(space));
        return ReadFile(fact, path.Replace("/proc/net/", "/proc/thread-self/net/", StringComparison.Ordinal));
    }

    private Fact ReadFile(Fact fact, string path)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Read,
            FileShare.ReadWrite);
        using MemoryStream bytes = new();
        int count;
        while ((count = RandomAccess.Read(file, _buffer, bytes.Length)) > 0)
        {
            bytes.Write(_buffer, 0, count);
            if (bytes.Length > MostBytes)
            {
                return fact with { State = FactState.Refused, Problem = "it is larger than 4 MiB" };
            }
        }

        return With(fact, bytes.ToArray());
    }

    private string Resolve(string source)
    {
        (string space, string path) = Split(source);
        return path.StartsWith("/sys/", StringComparison.Ordinal) ? View(space).Sysfs.RootPath
            + path["/sys".Length..]
            : throw new ArgumentException($"'{source}' is no file of a network namespace");
    }

    private NamespaceView View(string space)
    {
        if (!_namespaces.TryGetValue(space, out NamespaceView? view))
        {
            view = new NamespaceView(PathOf(space));
            _namespaces[space] = view;
        }

        return view;
    }

    private static (string Space, string Path) Split(string source) => source.StartsWith('[')
        && source.IndexOf(']', StringComparison.Ordinal) is > 0 and int end
        ? (source[1..end], source[(end + 1)..]) : ("", source);

    private static string PathOf(string space) =>
        space.Length == 0 || space.StartsWith('/') ? space : "/run/netns/" + space;

    private sealed class NamespaceView(string path) : IDisposable
    {
        private NetlinkQuery? _netlink;
        private NamespaceSysfs? _sysfs;

        public NetlinkQuery Netlink => _netlink ??= NetlinkQuery.Open(path);

        public NamespaceSysfs Sysfs => _sysfs ??= NamespaceSysfs.Open(path);

        public void Dispose()
        {
            _netlink?.Dispose();
            _sysfs?.Dispose();
        }
    }
}
