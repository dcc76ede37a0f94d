using LowLatency.Control.Explaining;
using Xunit;

namespace LowLatency.Control.Tests.Explaining;

/// <summary>What is found by time is what a list would give.</summary>
public sealed class OrderedWindowTests
{
    [Fact]
    public void FindsAndDropsAsAListDoes()
    {
        Random random = new(1);
        OrderedWindow<long> window = new(ns => ns);
        List<long> list = [];
        long now = 0;
        for (int i = 0; i < 5_000; i++)
        {
            now += random.Next(3); // equal times, too
            long ns = Math.Max(now - random.Next(9), 0); // a little out of order
            window.Add(ns);
            list.Add(ns);
            list.Sort();
            if (i % 97 == 0)
            {
                long old = now - random.Next(3000);
                window.DropBefore(old);
                list.RemoveAll(added => added < old);
                long from = now - random.Next(3000);
                Assert.Equal(list.Where(added => added >= from), window.From(from));
            }
        }
    }
}
