using LowLatency.Native.Layout;
using LowLatency.Native.Memory;
using LowLatency.Native.Tests.Layout;
using Xunit;

namespace LowLatency.Native.Tests.Memory;

public sealed class SharedRegionTests : IDisposable
{
    private readonly string _path = $"/dev/shm/lowlat-unit-{Environment.ProcessId}-{Guid.NewGuid():N}.region";

    private PlanImage Plan => TestPlan.Make([LaneKind.Forward, LaneKind.Receiver], 3, "unit", _path);

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void ASecondOwnerOfANameIsRefusedByName()
    {
        using SharedRegion first = SharedRegion.Create(Plan);
        NativeException refusal = Assert.Throws<NativeException>(() => SharedRegion.Create(Plan));
        Assert.Equal(Errno.EBUSY, refusal.Errno);
        Assert.Contains("'unit'", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(RegionHeader.MagicValue, first.Header.Magic); // the first one's memory is untouched
    }

    [Fact]
    public void AReaderSeesTheOwnersPlanAndItsEndAndTheNameIsFreeAgain()
    {
        Assert.Null(SharedRegion.TryOpen(_path));
        SharedRegion owner = SharedRegion.Create(Plan);
        using SharedRegion? reader = SharedRegion.TryOpen(_path);
        Assert.NotNull(reader);
        Assert.Equal(Plan.Bytes, reader.Plan.Bytes);
        Assert.Equal(Environment.ProcessId, reader.Header.Pid);
        Assert.Equal("unit", reader.Header.Name.ToString());
        Assert.True(reader.IsOwnerAlive);
        owner.LanePage(1).Value.ThreadId = 77;
        Assert.Equal(77, reader.LanePage(1).Value.ThreadId);
        reader.Header.StopLoad = 1;
        Assert.Equal(1, owner.Header.StopLoad);
        owner.Dispose();
        // A process that another test is starting right now has the file open until its exec.
        Assert.True(SpinWait.SpinUntil(() => !reader.IsOwnerAlive, TimeSpan.FromSeconds(5)));
        using SharedRegion next = SharedRegion.Create(Plan);
        Assert.Equal(0, next.LanePage(1).Value.ThreadId); // nothing is left of the dead one
    }

    [Fact]
    public void AskingTheOwnerWhetherItLivesDoesNotGiveItsNameAway()
    {
        using SharedRegion owner = SharedRegion.Create(Plan);
        Assert.True(owner.IsOwnerAlive);
        Assert.True(owner.IsOwnerAlive);
        Assert.Throws<NativeException>(() => SharedRegion.Create(Plan));
    }

    [Fact]
    public void ManyReadersMayAskAndNoneHoldsTheLock()
    {
        SharedRegion owner = SharedRegion.Create(Plan);
        using SharedRegion one = SharedRegion.TryOpen(_path)!;
        using SharedRegion two = SharedRegion.TryOpen(_path)!;
        owner.Dispose();
        Assert.False(one.IsOwnerAlive);
        Assert.False(two.IsOwnerAlive);
        SharedRegion.Create(Plan).Dispose();
    }

    [Fact]
    public void ARegionOfAnotherReleaseIsRefusedAndOneThatIsNotReadyIsNone()
    {
        using SharedRegion owner = SharedRegion.Create(Plan);
        owner.Header.Version = 99;
        string refusal = Assert.Throws<PlanFormatException>(() => SharedRegion.TryOpen(_path)).Message;
        Assert.Contains("region version 99", refusal, StringComparison.Ordinal);
        owner.Header.Version = RegionHeader.VersionValue;
        owner.Header.Magic = 0;
        Assert.Null(SharedRegion.TryOpen(_path));
        owner.Header.Magic = RegionHeader.MagicValue;
        SharedRegion.TryOpen(_path)!.Dispose();
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(100u)]
    [InlineData(1u << 30)]
    [InlineData(uint.MaxValue)]
    public void ADamagedPlanSizeIsRefusedAndEndsNoOne(uint planBytes)
    {
        using SharedRegion owner = SharedRegion.Create(Plan);
        owner.Header.PlanBytes = planBytes;
        Assert.Throws<PlanFormatException>(() => SharedRegion.TryOpen(_path));
    }

    [Fact]
    public void AnEmptyOrShortFileIsNoRegion()
    {
        File.WriteAllBytes(_path, []);
        Assert.Null(SharedRegion.TryOpen(_path));
        File.WriteAllBytes(_path, new byte[100]);
        Assert.Null(SharedRegion.TryOpen(_path));
        File.WriteAllBytes(_path, new byte[5000]);
        Assert.Null(SharedRegion.TryOpen(_path));
    }

    [Fact]
    public void ARegionInAFolderThatIsNotThereIsRefusedByItsPath()
    {
        PlanImage plan = TestPlan.Make([LaneKind.Forward], 0, "unit", "/nonexistent/x.region");
        NativeException refusal = Assert.Throws<NativeException>(() => SharedRegion.Create(plan));
        Assert.Equal(Errno.ENOENT, refusal.Errno);
        Assert.Contains("/nonexistent/x.region", refusal.Message, StringComparison.Ordinal);
    }
}
