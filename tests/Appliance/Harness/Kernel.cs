namespace LowLatency.Appliance.Tests.Harness;

/// <summary>A kernel that <c>scripts/bootstrap --appliance</c> keeps: image, version, modules.</summary>
/// <param name="Name">What the suite calls it.</param>
public sealed record Kernel(string Name)
{
    /// <summary>PREEMPT_RT, long term: Debian's linux-image-rt-amd64 of bookworm-backports.</summary>
    public static readonly Kernel Rt = new("rt");

    /// <summary>The same without PREEMPT_RT.</summary>
    public static readonly Kernel Stock = new("stock");

    /// <summary>PREEMPT_RT, new enough for zero-copy of virtio_net and igb: trixie-backports.</summary>
    public static readonly Kernel ZeroCopy = new("zero-copy");

    /// <summary>Where it lies, laid out as depmod(8) wants its base directory.</summary>
    public string Folder => Path.Combine(
        Environment.GetEnvironmentVariable("LOWLAT_CACHE") ?? "/var/cache/lowlatency", "kernels", Name);

    /// <summary>The bootable image.</summary>
    public string Image => Path.Combine(Folder, "vmlinuz");

    /// <summary>Its release, as <c>uname -r</c> says it.</summary>
    public string Release
    {
        get
        {
            string path = Path.Combine(Folder, "version");
            return File.Exists(path) ? File.ReadAllText(path).Trim() : throw new InvalidOperationException(
                $"{path} is missing: run scripts/bootstrap --appliance, which fetches the kernels");
        }
    }
}
