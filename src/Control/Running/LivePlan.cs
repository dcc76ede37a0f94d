using LowLatency.Native;
using LowLatency.Native.Layout;
using LowLatency.Native.Memory;

namespace LowLatency.Control.Running;

/// <summary>The plan that a data plane runs now, its generation's, and its tables: what it says by itself,
/// not
/// what it was started with. One thread.</summary>
internal sealed class LivePlan : IDisposable
{
    private const int NoFile = -1;

    private LivePlan(PlanImage plan, int fd, TableMemory? tables)
    {
        Plan = plan;
        Fd = fd;
        Tables = tables;
    }

    /// <summary>The plan.</summary>
    public PlanImage Plan { get; }

    /// <summary>Its table memory, open here; -1: the process is gone, and it with it.</summary>
    public int Fd { get; }

    /// <summary>Its tables; null when the process is gone.</summary>
    public TableMemory? Tables { get; }

    /// <summary>Reads it.</summary>
    /// <exception cref="PlanFormatException">The memory is damaged.</exception>
    public static LivePlan Read(SharedRegion region)
    {
        ref RegionHeader header = ref region.Header;
        int fd = NoFile;
        try
        {
            if (!region.IsOwnerAlive || header.TablesFd < 0)
            {
                return new LivePlan(region.Plan, NoFile, null);
            }

            fd = TableMemory.OpenFile(TableMemory.PathOf(header.Pid, header.TablesFd));
            _ = Volatile.Read(ref header.Generation); // acquire: where its plan stands was written before
            PlanImage plan = header.PlanOffset == 0 ? region.Plan
                : PlanImage.Parse(TableMemory.Read(fd, header.PlanOffset, (uint)header.PlanLength)
                    ?? throw new PlanFormatException("the plan that runs is not in the table memory"));
            return new LivePlan(plan, fd, TableMemory.Map(fd, plan));
        }
        catch (NativeException)
        {
            if (fd != NoFile)
            {
                TableMemory.CloseFile(fd);
            }

            return new LivePlan(region.Plan, NoFile, null); // it ended just now
        }
    }

    /// <summary>Unmaps and closes.</summary>
    public void Dispose()
    {
        Tables?.Dispose();
        if (Fd != NoFile)
        {
            TableMemory.CloseFile(Fd);
        }
    }
}
