using System.Collections.Concurrent;
using System.Text.RegularExpressions;

namespace LowLatency.Appliance.Tests.Harness;

/// <summary>The guest's file system: busybox, both programs, what they link to, iproute2, and the modules
/// that the
/// scenarios load. Made once per kernel and test process.</summary>
internal static partial class Initramfs
{
    // Drivers of the emulated devices, what the data plane asks of the kernel, and nothing else.
    private static readonly string[] Modules =
    [
        "virtio_net", "igb", "igbvf", "e1000e", "nvme", "xsk_diag", "veth", "tun", "virtio_balloon", "ext4",
            "msr",
    ];

    private static readonly string[] Programs = ["/bin/ip", "/sbin/ethtool", "/sbin/tc"];

    private static readonly ConcurrentDictionary<string, string> Made = [];

    /// <summary>The folder of the repository's checkout that this test was built in.</summary>
    public static string Repository { get; } = FindRepository();

    /// <summary>Path of the image for a kernel.</summary>
    public static string For(Kernel kernel) => Made.GetOrAdd(kernel.Name, _ => Make(kernel));

    private static string Make(Kernel kernel)
    {
        string image = Path.Combine(Repository, "out", "appliance", kernel.Name + ".cpio");
        Directory.CreateDirectory(Path.GetDirectoryName(image)!);
        string root = Directory.CreateTempSubdirectory("lowlat-initramfs-").FullName;
        try
        {
            foreach (string folder in (string[])["bin", "dev", "proc", "sys", "run", "tmp", "root", "etc",
                "mnt"])
            {
                Directory.CreateDirectory(Path.Combine(root, folder));
            }

            File.Copy("/bin/busybox", Path.Combine(root, "bin/busybox"));
            WriteInit(Path.Combine(root, "init"));
            foreach (string program in Programs)
            {
                Add(root, program, "bin");
            }

            Add(root, Path.Combine(Repository, "out/lowlat"), "opt/lowlatency");
            Add(root, Path.Combine(Repository, "out/lowlatd"), "opt/lowlatency");
            AddModules(root, kernel);
            Shell.Run("sh", "-c", $"cd '{root}' && find . | cpio --quiet -o -H newc > '{image}'");
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }

        return image;
    }

    private static void WriteInit(string path)
    {
        using (Stream source = typeof(Initramfs).Assembly.GetManifestResourceStream("init")!)
        using (FileStream target = File.Create(path))
        {
            source.CopyTo(target);
        }

        Shell.Run("chmod", "755", path);
    }

    // A program with the shared libraries that ld.so would load, at the paths where it looks for them.
    private static void Add(string root, string program, string folder)
    {
        Directory.CreateDirectory(Path.Combine(root, folder));
        File.Copy(program, Path.Combine(root, folder, Path.GetFileName(program)));
        foreach (Match match in Library().Matches(Shell.Run("ldd", program)))
        {
            string target = root + match.Value;
            if (!File.Exists(target))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Copy(match.Value, target);
            }
        }
    }

    private static void AddModules(string root, Kernel kernel)
    {
        string home = $"lib/modules/{kernel.Release}";
        Directory.CreateDirectory(Path.Combine(root, home));
        foreach (string list in (string[])["modules.builtin", "modules.order", "modules.builtin.modinfo",
            "config"])
        {
            File.Copy(Path.Combine(kernel.Folder, home, list), Path.Combine(root, home, list));
        }

        foreach (string module in Modules)
        {
            string lines = Shell.Run("modprobe", "-d", kernel.Folder, "-S", kernel.Release, "-D", module);
            foreach (Match match in ModuleFile().Matches(lines))
            {
                string target = Path.Combine(root, Path.GetRelativePath(kernel.Folder,
                    match.Groups[1].Value));
                if (!File.Exists(target))
                {
                    Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                    string unpack = match.Groups[2].Value switch { ".xz" => "xz -dc", ".zst" =>
                        "zstd -dc", _ => "cat" };
                    Shell.Run("sh", "-c", $"{unpack} '{match.Groups[1].Value}{match.Groups[2].Value}' > "
                        + $"'{target}'");
                }
            }
        }

        Shell.Run("depmod", "-b", root, kernel.Release);
    }

    private static string FindRepository()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder != null && !File.Exists(Path.Combine(folder.FullName, "LowLatency.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("the tests run from their checkout "
            + "only");
    }

    [GeneratedRegex(@"/\S+(?= \(0x)")]
    private static partial Regex Library();

    [GeneratedRegex(@"^insmod (\S+?\.ko)(\.xz|\.zst)?\s", RegexOptions.Multiline)]
    private static partial Regex ModuleFile();
}
