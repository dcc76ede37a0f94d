namespace LowLatency.Native.Layout;

/// <summary>What a route stage needs besides its three tables.</summary>
/// <param name="IsKernels">Its tables mirror the kernel's: what it cannot do goes to the kernel's
/// stack.</param>
public readonly record struct RouteSettings(bool IsKernels)
{
    /// <summary>Place of its IPv4 routes among its tables.</summary>
    public const int Routes4 = 0;

    /// <summary>Place of its IPv6 routes.</summary>
    public const int Routes6 = 1;

    /// <summary>Place of its next hops; the table's capacity is their count, groups follow them.</summary>
    public const int NextHops = 2;

    /// <summary>Count of its tables.</summary>
    public const int Tables = 3;

    /// <summary>Reads them from a plan.</summary>
    public static RouteSettings Read(in PlanStage stage) => new(stage.Settings[0] != 0);

    /// <summary>Writes them into a plan.</summary>
    public void Write(ref PlanStage stage) => stage.Settings[0] = IsKernels ? 1 : 0;
}
