using System.Globalization;

namespace LowLatency.Control.Commands;

/// <summary>What a PCI device's folder in sysfs says of SR-IOV
/// (Documentation/ABI/testing/sysfs-bus-pci: physfn, virtfnN, sriov_*).</summary>
internal static class SriovReader
{
    /// <summary>Reads it; null: the device has no part in SR-IOV.</summary>
    /// <param name="device">Path of the device's folder.</param>
    /// <param name="interfaceOf">Interface of a PCI address; null: none in this namespace.</param>
    public static SriovRow? Read(string device, Func<string, string?> interfaceOf)
    {
        if (TargetOf(device + "/physfn") is string physical)
        {
            string own = Path.GetFileName(device);
            int? number = Functions(Path.Combine(Path.GetDirectoryName(device)!, physical), interfaceOf)
                .FirstOrDefault(function => function.Device == own)?.Number;
            return new SriovRow("virtual", null, null, physical, interfaceOf(physical), number, []);
        }

        return Number(device + "/sriov_totalvfs") is > 0 and int most
            ? new SriovRow("physical", Number(device + "/sriov_numvfs"), most, null, null, null,
                Functions(device, interfaceOf))
            : null;
    }

    private static List<VirtualFunctionRow> Functions(string device, Func<string, string?> interfaceOf)
    {
        const string prefix = "virtfn";
        List<VirtualFunctionRow> functions = [];
        foreach (string path in Directory.Exists(device) ? Directory.GetFileSystemEntries(device, prefix + "*") : [])
        {
            if (int.TryParse(Path.GetFileName(path)[prefix.Length..], NumberStyles.None,
                CultureInfo.InvariantCulture, out int number) && TargetOf(path) is string address)
            {
                functions.Add(new VirtualFunctionRow(number, address, interfaceOf(address)));
            }
        }

        return [.. functions.OrderBy(function => function.Number)];
    }

    private static string? TargetOf(string link) =>
        new DirectoryInfo(link).LinkTarget is string target ? Path.GetFileName(target) : null;

    private static int? Number(string path)
    {
        try
        {
            return int.Parse(File.ReadAllText(path).Trim(), NumberStyles.None, CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return null;
        }
    }
}
