namespace LowLatency.Control;

/// <summary>Entry of <c>lowlat</c>.</summary>
internal static class Program
{
    private static int Main() => 0;
}
