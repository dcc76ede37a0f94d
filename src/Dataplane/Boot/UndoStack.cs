namespace LowLatency.Dataplane.Boot;

/// <summary>What boot has acquired, given back in reverse: by a failing step at once, otherwise at disarm.
/// Main thread.
/// </summary>
internal sealed class UndoStack : IDisposable
{
    private readonly Stack<IDisposable> _acquired = new();

    /// <summary>Takes over a resource.</summary>
    public T Keep<T>(T resource)
        where T : IDisposable
    {
        _acquired.Push(resource);
        return resource;
    }

    /// <summary>Gives everything back, last acquired first.</summary>
    public void Dispose()
    {
        while (_acquired.TryPop(out IDisposable? resource))
        {
            resource.Dispose();
        }
    }
}
