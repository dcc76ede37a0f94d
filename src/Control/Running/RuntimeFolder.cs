using LowLatency.Control.Commands;

namespace LowLatency.Control.Running;

/// <summary><c>/run/lowlatency</c>: what belongs to this boot of the host and to no run folder.</summary>
internal static class RuntimeFolder
{
    /// <summary>The folder.</summary>
    public const string Root = "/run/lowlatency";

    /// <summary>Path of a file in it; makes the folder.</summary>
    /// <exception cref="CommandFailure">The host refused: exit code 2.</exception>
    public static string PathOf(string name)
    {
        try
        {
            Directory.CreateDirectory(Root);
            return Path.Combine(Root, name);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.Host($"cannot make {Root}: {e.Message}; run as root");
        }
    }
}
