namespace LowLatency.Control.Configuring;

/// <summary>What must hold of [host], [[host.waiver]] and [[disk]], whatever the host. Pure.</summary>
internal static class HostRules
{
    /// <summary>Adds what is wrong.</summary>
    public static void Check(Configuration configuration, Findings findings)
    {
        CheckWaivers(configuration, findings);
        PortRules.Unique(configuration.Disks.Select(disk => disk.Section), "disk", findings);
    }

    private static void CheckWaivers(Configuration configuration, Findings findings)
    {
        Dictionary<(string, string), WaiverConfiguration> seen = [];
        foreach (WaiverConfiguration waiver in configuration.Host.Waivers.Where(
            waiver => waiver.Section.IsGood("check") && waiver.Section.IsGood("subject")))
        {
            if (!seen.TryAdd((waiver.Check, waiver.Subject), waiver))
            {
                findings.Error(waiver.Place, "is waived already (line "
                    + $"{seen[(waiver.Check, waiver.Subject)].Place.Line})", "Keep one of the two.");
            }
        }
    }
}
