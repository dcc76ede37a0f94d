using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using LowLatency.Dataplane.Boot;
using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Threads;

namespace LowLatency.Dataplane;

/// <summary>Entry of <c>lowlatd</c>: reads a plan, boots, watches, stops. It never parses a
/// configuration.</summary>
internal static class Program
{
    private const int RefreshMs = 100; // kernel counters ten times a second: what `status` and a ledger need
    private const string Help = """
        lowlatd: the LowLatency data plane. `lowlat run` and `lowlat load` start it; by hand:

          lowlatd --plan FILE [--tables FILE]
                                 run a plan made by `lowlat plan --output FILE`, until SIGTERM or SIGINT; its
                                 tables are those of a file that lowlat has filled, or empty
          lowlatd --version      version and exit
          lowlatd --help         this text

        Exit codes: 0 stopped as asked, 1 the plan or the command line is wrong, 2 the host or kernel refused.
        """;

    private static int Main(string[] args)
    {
        switch (args)
        {
            case ["--plan", string path]:
                return RunPlan(path, "");
            case ["--plan", string plan, "--tables", string tables]:
                return RunPlan(plan, tables);
            case ["--version"]:
                Console.Out.WriteLine("lowlatd " + Version());
                return 0;
            case ["--help"]:
                Console.Out.WriteLine(Help);
                return 0;
            default:
                return Fail(1, args.Length == 0 ? "nothing to do: --plan FILE is missing; see lowlatd --help"
                    : $"'{string.Join(' ', args)}' is not understood; see lowlatd --help");
        }
    }

    private static int RunPlan(string path, string tables)
    {
        PlanImage plan;
        try
        {
            plan = PlanImage.Parse(File.ReadAllBytes(path));
            PlanRecheck.Check(plan);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or PlanFormatException)
        {
            return Fail(1, $"{path}: {e.Message}");
        }

        try
        {
            ThreadControl.PinProcess(plan.Header.HousekeepingCpus); // before anything inherits another place
            using SharedRegion region = SharedRegion.Create(plan);
            try
            {
                region.Header.TablesFd = tables.Length > 0 ? TableMemory.OpenFile(tables)
                    : TableMemory.MakeFile(plan.Header.Name.ToString());
                return Run(region);
            }
            finally
            {
                region.Remove();
            }
        }
        catch (NativeException e)
        {
            return Fail(2, e.Message);
        }
    }

    private static int Run(SharedRegion region)
    {
        region.Header.BootNs = ThreadControl.NowNs;
        using Waiter waiter = new();
        bool isAsked = false;
        void Ask(PosixSignalContext context)
        {
            context.Cancel = true;
            Volatile.Write(ref isAsked, true);
            waiter.Wake();
        }

        using PosixSignalRegistration term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Ask);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Ask);
        Appliance appliance;
        try
        {
            appliance = Appliance.Boot(region, TableMemory.Map(region.Header.TablesFd, region.Plan));
        }
        catch (NativeException e)
        {
            string line = $"boot step '{region.Header.Step}': {e.Message}";
            region.Header.Failure.Set(line);
            region.Header.State = RegionState.Failed;
            return Fail(2, line);
        }

        using (appliance)
        {
            Announce(region);
            Watch(appliance, waiter, ref isAsked);
            appliance.Disarm();
        }

        return 0;
    }

    private static void Watch(Appliance appliance, Waiter waiter, ref bool isAsked)
    {
        waiter.Watch(appliance.WatchFds());
        long refreshAtNs = 0;
        while (!Volatile.Read(ref isAsked))
        {
            if (waiter.Wait(RefreshMs))
            {
                appliance.HandleEvents();
            }

            long nowNs = ThreadControl.NowNs;
            if (nowNs >= refreshAtNs)
            {
                appliance.Refresh();
                appliance.PollReload();
                refreshAtNs = nowNs + (RefreshMs * 1_000_000L);
            }
        }
    }

    private static void Announce(SharedRegion region)
    {
        ref RegionHeader header = ref region.Header;
        header.RtRuntimeUs = long.Parse(
            File.ReadAllText("/proc/sys/kernel/sched_rt_runtime_us"), CultureInfo.InvariantCulture);
        header.ResidentBytes = HostMemory.ResidentBytesWithoutUmem(region);
        header.Generation = region.Plan.Header.Generation;
        header.ArmedNs = ThreadControl.NowNs;
        header.State = RegionState.Armed;
    }

    private static string Version() =>
        typeof(Program).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    private static int Fail(int code, string line)
    {
        Console.Error.WriteLine("lowlatd: " + line);
        return code;
    }
}
