using System.IO.Pipes;
using System.Runtime.ExceptionServices;
using LowLatency.Native.Layout;
using LowLatency.Native.Threads;
using Xunit;

namespace LowLatency.Native.Tests.Threads;

public sealed class ThreadTests
{
    // On a thread of its own: affinity and policy must not stay on a test runner's thread.
    private static void OnOwnThread(Action body)
    {
        ExceptionDispatchInfo? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                body();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
    }

    [Fact]
    public void APinnedThreadIsOnItsCpuAndNowhereElse() => OnOwnThread(() =>
    {
        foreach (int cpu in new[] { 0, Environment.ProcessorCount - 1 })
        {
            ThreadControl.Pin(cpu);
            Assert.Equal(cpu, ThreadControl.CurrentCpu);
            string status = File.ReadAllText($"/proc/self/task/{ThreadControl.ThreadId}/status");
            Assert.Contains($"Cpus_allowed_list:\t{cpu}\n", status, StringComparison.Ordinal);
        }

        Assert.Equal(Errno.EINVAL,
            Assert.Throws<NativeException>(() => ThreadControl.Pin(Limits.CpusMax - 1)).Errno);
    });

    [Fact]
    public void APolicyReadsBackAsSet() => OnOwnThread(() =>
    {
        Assert.Equal((LanePolicy.Other, 0), ThreadControl.ReadPolicy());
        ThreadControl.SetPolicy(LanePolicy.Other, 5);
        Assert.Equal((LanePolicy.Other, 5), ThreadControl.ReadPolicy());
        if (!ThreadControl.IsRoot)
        {
            return; // what follows needs CAP_SYS_NICE
        }

        ThreadControl.SetPolicy(LanePolicy.Other, -3);
        Assert.Equal((LanePolicy.Other, -3), ThreadControl.ReadPolicy());
        ThreadControl.SetPolicy(LanePolicy.Fifo, 7);
        Assert.Equal((LanePolicy.Fifo, 7), ThreadControl.ReadPolicy());
        OnOwnThread(() => Assert.Equal(LanePolicy.Other, ThreadControl.ReadPolicy().Policy)); // reset on fork
        ThreadControl.SetPolicy(LanePolicy.Other, 0);
        Assert.Equal((LanePolicy.Other, 0), ThreadControl.ReadPolicy());
        Assert.Equal(Errno.EINVAL,
            Assert.Throws<NativeException>(() => ThreadControl.SetPolicy(LanePolicy.Fifo, 100)).Errno);
    });

    [Fact]
    public void UsageOnlyGrowsAndCountsAPauseAsAVoluntarySwitch() => OnOwnThread(() =>
    {
        ThreadUsage before = ThreadControl.Usage();
        for (int i = 0; i < 20; i++)
        {
            // Far ahead: a time that a busy host lets pass before the call is a pause without a switch.
            ThreadControl.PauseUntil(ThreadControl.NowNs + 50_000_000);
            ThreadUsage after = ThreadControl.Usage();
            Assert.True(after.MinorFaults >= before.MinorFaults && after.MajorFaults >= before.MajorFaults);
            Assert.True(after.VoluntarySwitches > before.VoluntarySwitches);
            Assert.True(after.InvoluntarySwitches >= before.InvoluntarySwitches);
            before = after;
        }
    });

    [Fact]
    public void APauseNeverEndsEarly() => OnOwnThread(() =>
    {
        for (int i = 0; i < 300; i++)
        {
            long untilNs = ThreadControl.NowNs + (i * 1_000) - 50_000; // some lie in the past
            ThreadControl.PauseUntil(untilNs);
            Assert.True(ThreadControl.NowNs >= untilNs);
        }
    });

    [Fact]
    public void AWakeBeforeAWaitEndsItAtOnceAndOnlyOnce()
    {
        using Waiter waiter = new();
        waiter.Wake();
        waiter.Wake(); // two wakes are one
        Assert.True(waiter.Wait(10_000));
        Assert.False(waiter.Wait(0));
    }

    [Fact]
    public void AWakeDuringAWaitEndsIt()
    {
        using Waiter waiter = new();
        long wokenNs = 0;
        Thread waker = new(() =>
        {
            ThreadControl.PauseUntil(ThreadControl.NowNs + 20_000_000);
            Volatile.Write(ref wokenNs, ThreadControl.NowNs);
            waiter.Wake();
        });
        waker.Start();
        Assert.True(waiter.Wait(10_000));
        Assert.NotEqual(0, Volatile.Read(ref wokenNs)); // not before the wake
        waker.Join();
    }

    [Fact]
    public void AWaitEndsAtItsTimeoutAndNotBefore()
    {
        using Waiter waiter = new();
        long fromNs = ThreadControl.NowNs;
        Assert.False(waiter.Wait(20));
        Assert.True(ThreadControl.NowNs - fromNs >= 19_000_000);
    }

    [Fact]
    public void AReadableFdEndsAWaitUntilItIsRead()
    {
        using AnonymousPipeServerStream write = new(PipeDirection.Out);
        using AnonymousPipeClientStream read = new(PipeDirection.In, write.ClientSafePipeHandle);
        using Waiter waiter = new();
        waiter.Watch([(int)read.SafePipeHandle.DangerousGetHandle()]);
        Assert.False(waiter.Wait(0));
        write.WriteByte(1);
        Assert.True(waiter.Wait(10_000));
        Assert.True(waiter.Wait(10_000)); // what others own, others read
        Assert.Equal(1, read.ReadByte());
        Assert.False(waiter.Wait(0));
        waiter.Wake();
        Assert.True(waiter.Wait(10_000));
    }
}
