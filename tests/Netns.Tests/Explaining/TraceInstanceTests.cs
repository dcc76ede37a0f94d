using System.Buffers.Binary;
using LowLatency.Native.Threads;
using LowLatency.Native.Tracing;
using Xunit;

namespace LowLatency.Netns.Tests.Explaining;

/// <summary>The kernel's own tracefs.</summary>
public sealed class TraceInstanceTests
{
    private const string Name = "lowlat-test-instance";

    [Fact]
    public void EventsOfACpuAreReadWithTimesOfTheMonotonicClockAndTheInstanceIsGoneAfterwards()
    {
        using TraceFileSystem files = TraceFileSystem.Open();
        long fromNs = ThreadControl.NowNs;
        using (TraceInstance instance = TraceInstance.Create(files, Name, [0], 256))
        {
            EventFormat format = instance.Format("sched/sched_switch")!;
            Assert.NotNull(format["next_comm"]);
            Assert.Null(instance.Format("sched/no_such_event"));
            Assert.True(instance.TryEnable("sched/sched_switch"));
            Assert.False(instance.TryEnable("sched/sched_switch", "no_such_field == 1"));
            Assert.Contains(Name, files.InstancesOf("lowlat-test"));
            instance.Switch(isOn: true);
            List<ulong> times = [];
            Assert.True(SpinWait.SpinUntil(() => Read(instance, format, times) > 10, 5000),
                "CPU 0 switches threads");
            Assert.Equal(times.Order(), times);
            Assert.All(times, time => Assert.InRange((long)time, fromNs, ThreadControl.NowNs));
            Assert.Equal(0, instance.Dropped(0));
        }

        Assert.Empty(files.InstancesOf("lowlat-test"));
    }

    [Fact]
    public void AFullBufferCountsWhatItDrops()
    {
        using TraceFileSystem files = TraceFileSystem.Open();
        using TraceInstance instance = TraceInstance.Create(files, Name, [0, 1], 4);
        Assert.True(instance.TryEnable("raw_syscalls/sys_enter"));
        instance.Switch(isOn: true);
        Assert.True(SpinWait.SpinUntil(() => instance.Dropped(0) + instance.Dropped(1) > 0, 10_000));
    }

    [Fact]
    public void ASecondInstanceOfAnotherNameLivesBesideIt()
    {
        using TraceFileSystem files = TraceFileSystem.Open();
        using TraceInstance one = TraceInstance.Create(files, Name, [0], 64);
        using TraceInstance other = TraceInstance.Create(files, Name + "-2", [0], 64);
        Assert.Equal(2, files.InstancesOf(Name).Count);
    }

    private static int Read(TraceInstance instance, EventFormat format, List<ulong> times)
    {
        while (instance.TryRead(0, out ReadOnlySpan<byte> page))
        {
            RingPage records = new(page);
            while (records.TryNext(out ulong time, out ReadOnlySpan<byte> record))
            {
                Assert.Equal(format.Id, BinaryPrimitives.ReadUInt16LittleEndian(record));
                times.Add(time);
            }
        }

        return times.Count;
    }
}
