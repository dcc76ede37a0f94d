using System.Reflection;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Running;
using LowLatency.Bench.Micro;

// --tiny: every body a few hundred times with its checks, no figures: what keeps a bench from rotting.
// Anything else goes to BenchmarkDotNet (--filter '*Ring*', --job short, …).
Type[] benches = [typeof(RingBench), typeof(PartsBench), typeof(BurstBench), typeof(LaneTurnBench)];
if (args is not ["--tiny"])
{
    BenchmarkSwitcher.FromTypes(benches).Run(args.Length == 0 ? ["--filter", "*"] : args);
    return 0;
}

foreach (Type bench in benches)
{
    object instance = Activator.CreateInstance(bench)!;
    foreach (MethodInfo body in bench.GetMethods().Where(m => m.IsDefined(typeof(BenchmarkAttribute))))
    {
        for (int i = 0; i < 200; i++)
        {
            body.Invoke(instance, null);
        }

        Console.WriteLine($"{bench.Name}.{body.Name} runs");
    }
}

return 0;
