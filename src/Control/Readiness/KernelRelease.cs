namespace LowLatency.Control.Readiness;

/// <summary>Which kernel runs. Pure.</summary>
internal static class KernelRelease
{
    /// <summary>Its version, from <see cref="HostIdentity.Kernel"/>: "6.12.94-rt-amd64" is 6.12.</summary>
    /// <exception cref="NotReadException">It cannot be read, or names none.</exception>
    public static Version Of(Facts facts)
    {
        string line = facts.Line(HostIdentity.Kernel);
        return line.Split('.', '-', '+') is [var major, var minor, ..]
            && Version.TryParse($"{major}.{minor}", out Version? version) ? version
            : throw new NotReadException($"{HostIdentity.Kernel}: '{Facts.Short(line)}' is no release of a "
                + "kernel");
    }
}
