namespace LowLatency.Dataplane;

/// <summary>Entry of <c>lowlatd</c>.</summary>
internal static class Program
{
    private static int Main() => 0;
}
