using LowLatency.Control.Configuring;
using LowLatency.Native.Layout;

namespace LowLatency.Control.Planning;

/// <summary>What planning gave.</summary>
internal sealed record PlanResult
{
    /// <summary>The plan; null when there are errors.</summary>
    public required PlanImage? Plan { get; init; }

    /// <summary>What its tables are filled with.</summary>
    public TableBuilder? Tables { get; init; }

    /// <summary>What must be changed.</summary>
    public required IReadOnlyList<ConfigurationError> Errors { get; init; }

    /// <summary>What is unlikely to be meant.</summary>
    public required IReadOnlyList<ConfigurationError> Warnings { get; init; }

    /// <summary>What is good to know.</summary>
    public required IReadOnlyList<ConfigurationError> Notes { get; init; }

    /// <summary>Objectives of a load, the command line's over the file's; empty for a forward plan.</summary>
    public IReadOnlyList<SloLimit> Slo { get; init; } = [];

    /// <summary>Rate at which the objectives are to hold; null: any.</summary>
    public double? PromisedRatePps { get; init; }

    /// <summary>Measured time over which they are to hold, ns; null: any.</summary>
    public long? PromisedNs { get; init; }
}

/// <summary>A configuration and a host to a plan that lowlatd can run, or everything that is wrong.
/// Pure.</summary>
internal static class Planner
{
    /// <summary>Plans the forward lanes.</summary>
    public static PlanResult PlanForward(Configuration configuration, HostFacts facts)
    {
        Findings findings = new();
        findings.Warnings.AddRange(configuration.Warnings);
        if (configuration.Lanes.Count == 0)
        {
            findings.Error(PortRules.FileOf(configuration, "lane"), "this configuration has no lane to run",
                "Add a [[lane]], or use lowlat load.");
            return Result(findings, null);
        }

        LaneShape[] lanes = [.. configuration.Lanes.Select(lane => LaneShape.From(configuration, lane))];
        Check(configuration, facts, lanes, findings);
        if (findings.Errors.Count > 0)
        {
            return Result(findings, null);
        }

        PlanBuilder builder = new(configuration, facts, lanes);
        PlanImage plan = builder.Build(configuration.Name, default);
        OffloadChecks.Check(plan, lanes, facts, findings);
        return Result(findings, findings.Errors.Count > 0 ? null : plan) with { Tables = builder.Tables };
    }

    /// <summary>Plans the load pair: a generator lane "gen" and a receiver lane "rcv".</summary>
    public static PlanResult PlanLoad(Configuration configuration, HostFacts facts, LoadOverrides overrides)
    {
        Findings findings = new();
        findings.Warnings.AddRange(configuration.Warnings);
        if (configuration.Load is not { } load)
        {
            findings.Error(PortRules.FileOf(configuration, "load"), "this configuration has no [load]",
                "Add [load] and [load.through], as configs/lab.toml does.");
            return Result(findings, null);
        }

        LoadRequest request = LoadRequest.From(load, configuration.Promise, overrides, findings);
        LaneShape[] lanes = LoadShapes.From(configuration, load, request, facts);
        Check(configuration, facts, lanes, findings);
        LoadShapes.CheckSizes(lanes, request, facts, findings);
        if (findings.Errors.Count > 0)
        {
            return Result(findings, null) with { Slo = request.Slo };
        }

        PlanBuilder builder = new(configuration, facts, lanes);
        request.Replay?.AddTo(builder.Tables);
        PlanImage plan = builder.Build(
            configuration.Name + "-load", LoadShapes.PlanOf(configuration, load, request, facts));
        return Result(findings, plan) with
        {
            Slo = request.Slo,
            PromisedRatePps = configuration.Promise?.RatePps,
            PromisedNs = configuration.Promise?.DurationNs,
            Tables = builder.Tables,
        };
    }

    /// <summary>Plans the sending of a capture: one lane of one port.</summary>
    public static PlanResult PlanReplay(Configuration configuration, HostFacts facts, ReplayRequest request)
    {
        Findings findings = new();
        LaneShape shape = request.ShapeIn(configuration);
        Check(configuration, facts, [shape], findings);
        if (findings.Errors.Count > 0)
        {
            return Result(findings, null);
        }

        PlanBuilder builder = new(configuration, facts, [shape]);
        PlanImage plan = builder.Build(configuration.Name + "-replay", default);
        return Result(findings, plan) with { Tables = builder.Tables };
    }

    private static void Check(
        Configuration configuration, HostFacts facts, LaneShape[] lanes, Findings findings)
    {
        InterfaceChecks.Check(facts, lanes, findings);
        CpuChecks.Check(configuration, facts, lanes, findings);
        MemoryChecks.Check(facts, lanes, findings);
    }

    private static PlanResult Result(Findings findings, PlanImage? plan) => new()
    {
        Plan = plan,
        Errors = [.. findings.Errors.OrderBy(error => error.Place.Line).ThenBy(error => error.Place.Column)],
        Warnings = findings.Warnings,
        Notes = findings.Notes,
    };
}
