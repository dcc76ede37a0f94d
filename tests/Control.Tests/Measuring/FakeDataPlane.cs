using System.Diagnostics;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using Xunit;

namespace LowLatency.Control.Tests.Measuring;

/// <summary>A data plane without a kernel: a real region in /dev/shm, and a thread that does to it what a
/// lane does at its turn boundaries.</summary>
internal sealed class FakeDataPlane : IDisposable
{
    private readonly Thread?[] _threads;
    private volatile bool _isStopping;
    private bool _isDead;

    public FakeDataPlane(params LaneKind[] kinds)
    {
        Plan = MakePlan(kinds);
        Owner = SharedRegion.Create(Plan);
        Reader = SharedRegion.TryOpen(Owner.Path)!;
        Recorded = new long[kinds.Length];
        _threads = new Thread?[kinds.Length];
    }

    public PlanImage Plan { get; }

    /// <summary>lowlatd's mapping.</summary>
    public SharedRegion Owner { get; }

    /// <summary>Control's mapping.</summary>
    public SharedRegion Reader { get; }

    /// <summary>Values recorded per lane and histogram.</summary>
    public long[] Recorded { get; }

    public void Start(int lane)
    {
        _threads[lane] = new Thread(() => Run(lane)) { IsBackground = true };
        _threads[lane]!.Start();
    }

    public void Stop()
    {
        _isStopping = true;
        foreach (Thread thread in _threads.OfType<Thread>())
        {
            Assert.True(thread.Join(10_000));
        }

        _isStopping = false;
        Array.Clear(_threads);
    }

    /// <summary>As kill -9: the owner's lock is gone, the pages say what they said.</summary>
    public void Die()
    {
        Stop();
        Owner.Dispose();
        _isDead = true;
    }

    public void Dispose()
    {
        if (!_isDead)
        {
            Stop();
            Owner.Dispose();
        }

        Reader.Dispose();
        File.Delete(Reader.Path);
    }

    private void Run(int index)
    {
        ref LanePage page = ref Owner.LanePage(index).Value;
        LaneKind kind = Plan.Lane(index).Kind;
        page.State = LaneState.Armed;
        LaneCounters counters = page.Counters;
        while (!_isStopping)
        {
            int bank = (int)page.BankActive;
            for (int i = 0; i < 64; i++)
            {
                foreach (HistogramKind histogram in RegionLayout.Kinds(kind))
                {
                    Owner.Histogram(index, histogram,
                        bank)[HdrGeometry.IndexOf(1000 + (Recorded[index] % 5000))]++;
                }

                Recorded[index]++;
            }

            counters.Turns++;
            counters.RxFrames = counters.TxFrames = counters.Turns * 64;
            if (kind == LaneKind.Generator)
            {
                counters.Sent[0] += 64;
            }
            else if (kind == LaneKind.Receiver)
            {
                counters.Received[0] += 64;
            }

            counters.PublishedNs = Stopwatch.GetTimestamp();
            Seqlock.Write(ref page.Epoch, ref page.Counters, counters);
            GapEvent gap = new() { StartNs = counters.PublishedNs, EndNs = counters.PublishedNs
                + (long)counters.Turns, Turn = counters.Turns };
            _ = counters.Turns % 16 == 0 && Owner.Events(index).TryWrite(gap);
            Volatile.Write(ref page.BankActive, Volatile.Read(ref page.BankWanted));
        }
    }

    private static PlanImage MakePlan(LaneKind[] kinds)
    {
        PlanHeader header = default;
        header.Name.Set("test");
        header.RegionPath.Set(
            $"/dev/shm/lowlat-measure-test-{Environment.ProcessId}-{Guid.NewGuid():N}.region");
        header.Load.RatePps = 1000;
        header.Load.PathCount = 1;
        header.Load.Paths[0].Name.Set("through");
        PlanPort port = default;
        port.Name.Set("p0");
        PlanLane[] lanes = new PlanLane[kinds.Length];
        for (int i = 0; i < kinds.Length; i++)
        {
            lanes[i].Name.Set($"lane{i}");
            lanes[i].Kind = kinds[i];
        }

        lanes[0].PortCount = 1; // the one port is the first lane's

        return PlanImage.Build(header, [port], lanes, [], []);
    }
}
