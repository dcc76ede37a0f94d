using System.Text;
using LowLatency.Control.Commands;
using LowLatency.Native.Threads;

namespace LowLatency.Control.Running;

/// <summary>What a self-test item came to.</summary>
/// <param name="Name">What was tried.</param>
/// <param name="Outcome">pass, fail, skip.</param>
/// <param name="Detail">What was seen, or why not.</param>
internal sealed record SelfTestItem(string Name, string Outcome, string Detail);

/// <summary>An item cannot be tried here.</summary>
/// <param name="reason">Why not.</param>
internal sealed class SkipException(string reason) : Exception(reason);

/// <summary>Tries every verb and every native facility once, in a lab of its own that is gone afterwards.
/// What a test run under the just-in-time compiler cannot show: that nothing was trimmed away that is needed.
/// One thread.</summary>
internal sealed class SelfTest : IDisposable
{
    private readonly List<SelfTestItem> _items = [];
    private readonly Action<SelfTestItem> _tell;
    private readonly string _folder = Directory.CreateTempSubdirectory("lowlat-selftest-").FullName;
    private readonly Lab _lab = new($"llself{Environment.ProcessId}");

    /// <summary>Makes one.</summary>
    /// <param name="tell">Hears of each item when it is done.</param>
    public SelfTest(Action<SelfTestItem> tell) => _tell = tell;

    /// <summary>Tries everything.</summary>
    public IReadOnlyList<SelfTestItem> Run()
    {
        bool isRoot = ThreadControl.IsRoot;
        bool hasLab = isRoot && Try("lab up", () =>
        {
            _lab.Up(queues: 1);
            return "three namespaces, three cables";
        });
        string? noLab = isRoot ? hasLab ? null : "there is no lab" : "needs root";
        foreach ((string name, Func<Lab, string> probe) in SelfTestProbes.All)
        {
            Try(name, () => noLab is null ? probe(_lab) : throw new SkipException(noLab));
        }

        foreach ((string name, Func<string, string> writer) in SelfTestProbes.Writers)
        {
            Try(name, () => writer(_folder));
        }

        TryVerbs(noLab);
        if (hasLab)
        {
            Try("lab down",
                () => _lab.Down() ? "gone" : throw new InvalidOperationException("it was not there"));
        }

        return _items;
    }

    /// <summary>Takes the lab and the temporary files away.</summary>
    public void Dispose()
    {
        if (ThreadControl.IsRoot)
        {
            _lab.Down();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private void TryVerbs(string? noLab)
    {
        string config = Path.Combine(_folder, "selftest.toml");
        string runs = Path.Combine(_folder, "runs");
        IReadOnlyList<int> cpus = Planning.HostFacts.Read([]).OnlineCpus;
        string? noLoad = noLab ?? (cpus.Count < 2 ? "needs two CPUs: one for the load, one for the forwarder"
            : File.Exists(Path.Combine(AppContext.BaseDirectory, "lowlatd")) 
                ? null : "there is no lowlatd beside lowlat");
        File.WriteAllText(config, SelfTestConfiguration.Text(_lab.Name, cpus[0], cpus[^1]));
        TryVerb(null, ["version"], "lowlat ");
        TryVerb(null, ["version", "--json"], "lowlat.version/1");
        TryVerb(null, ["ports"], "lo ");
        TryVerb(noLab, ["ports", "--netns", $"{_lab.Name}-dut", "--json"], "dutA");
        TryVerb(noLab, ["lab", "status", "--name", _lab.Name], "is up");
        TryVerb(noLoad, ["plan", "-c", config], "cross-connect");
        TryVerb(noLoad, ["plan", "-c", config, "--json"], "\"cross-connect\"");
        TryVerb(noLoad, ["run", "-c", config, "--duration", "300ms", "--out", runs], "unaccounted");
        TryVerb(noLoad, ["load", "-c", config, "--out", runs, "--json"], "lowlat.run/1");
        TryVerb(noLab, ["status"], "");
        TryVerb(noLab, ["status", "--json"], "lowlat.status/1");
        TryVerb(noLab, ["tune", "history"], "");
        TryVerb(noLab, ["tune", "history", "--json"], "lowlat.history/1");
        string[] found = Directory.Exists(runs) ? Directory.GetDirectories(runs, "*-load") : [];
        string? noRun = noLoad ?? (found.Length > 0 ? null : "the load left no run");
        TryVerb(noRun, ["report", found.FirstOrDefault("")], "Latency");
        TryVerb(noRun, ["report", found.FirstOrDefault(""), found.FirstOrDefault("")], "Frames");
        Try("ledger of the load", () => noRun is null
            ? SelfTestProbes.Ledger(found[0]) : throw new SkipException(noRun));
    }

    // A gate may say no on a busy host: that is an answer, and not what is tested here.
    private void TryVerb(string? whyNot, string[] args, string expected)
    {
        string name = string.Join(' ', args.Select(arg => arg.Contains('/') ? "PATH" : arg));
        Try($"lowlat {name}", () =>
        {
            if (whyNot is not null)
            {
                throw new SkipException(whyNot);
            }

            using StringWriter output = new();
            using StringWriter error = new();
            int code = CommandLine.Run(args, new CommandIo(output, error, false, false));
            string text = output.ToString();
            return code is ExitCode.Ok or ExitCode.Gate && text.Contains(expected, StringComparison.Ordinal)
                ? $"{Encoding.UTF8.GetByteCount(text)} bytes"
                : throw new InvalidOperationException($"exit code {code}: {LastLine(error.ToString())}");
        });
    }

    private bool Try(string name, Func<string> item)
    {
        SelfTestItem result;
        try
        {
            result = new SelfTestItem(name, "pass", item());
        }
        catch (SkipException e)
        {
            result = new SelfTestItem(name, "skip", e.Message);
        }
#pragma warning disable CA1031 // Whatever fails is what this test looks for; the next item is tried.
        catch (Exception e)
#pragma warning restore CA1031
        {
            result = new SelfTestItem(name, "fail",
                $"{e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}");
        }

        _items.Add(result);
        _tell(result);
        return result.Outcome == "pass";
    }

    private static string LastLine(string text) =>
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault("it said nothing");
}
