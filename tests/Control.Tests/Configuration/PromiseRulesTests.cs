using LowLatency.Control.Configuring;
using LowLatency.Control.Measuring;
using LowLatency.Control.Planning;
using LowLatency.Control.Tests.Planning;
using Xunit;

namespace LowLatency.Control.Tests.ConfigurationTexts;

/// <summary>[objective] says what is to hold, and the load that shows it.</summary>
public sealed class PromiseRulesTests
{
    private const string Promised = Sample.Text + """

        [objective]
        "p99.99" = "50us"
        loss = 0
        rate = "40k"
        duration = "3s"
        """;

    [Fact]
    public void The_load_is_sent_as_the_objective_says()
    {
        PlanResult plan = Planner.PlanLoad(Sample.Read(Promised), Sample.Lab, LoadOverrides.None);
        Assert.Equal((40_000, 3_000_000_000), (plan.Plan!.Header.Load.RatePps,
            plan.Plan.Header.Load.DurationNs));
        Promise promise = Promise.Of(plan.Slo, plan.PromisedRatePps, plan.PromisedNs);
        Assert.Equal(new Objective(99.99m, 50_000), Assert.Single(promise.Percentiles));
        Assert.Equal((0, 40_000, 3_000_000_000), (promise.LossMax, promise.RatePps, promise.DurationNs));
    }

    [Fact]
    public void The_command_line_stands_over_it_and_the_promise_stays()
    {
        LoadOverrides overrides = new() { Rate = "5k", Duration = "1s", Slo = ["p99.99=20us"] };
        PlanResult plan = Planner.PlanLoad(Sample.Read(Promised), Sample.Lab, overrides);
        Assert.Equal((5_000, 1_000_000_000), (plan.Plan!.Header.Load.RatePps,
            plan.Plan.Header.Load.DurationNs));
        Promise promise = Promise.Of(plan.Slo, plan.PromisedRatePps, plan.PromisedNs);
        Assert.Equal(20_000, promise.Percentiles[0].LimitNs);
        Assert.Equal((40_000, 3_000_000_000), (promise.RatePps, promise.DurationNs));
    }

    [Fact]
    public void An_empty_objective_promises_nothing() => Expect("[objective]\nrate = \"1k\"",
        "t.toml:35:1: objective: promises nothing. Add \"p99.99\" = \"50us\" or loss = 0, for example.");

    [Fact]
    public void A_limit_is_said_once() =>
        Expect("[load.slo]\np99 = \"1us\"\n[objective]\np99 = \"2us\"",
            "t.toml:38:7: p99 = \"2us\": [load.slo] says it already. Write it in one of them.");

    [Fact]
    public void A_wrong_limit_is_told_with_its_place() =>
        Expect("[objective]\np99 = 5",
            "t.toml:36:7: p99 = 5: must be a duration of at least 1ns with its unit: ns, us, ms, s or min, "
                + "not an integer. Write p99 = \"50us\", for example.");

    private static void Expect(string text, params string[] lines) => Sample.Expect(
        ConfigurationReader.ReadText(Sample.Text + "\n" + text, "t.toml").Errors, lines);
}
