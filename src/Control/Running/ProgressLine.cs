using LowLatency.Control.Commands;

namespace LowLatency.Control.Running;

/// <summary>How a run is going: one line that is written over on a terminal, one after the other
/// elsewhere.</summary>
/// <param name="io">Goes to its error side.</param>
internal sealed class ProgressLine(CommandIo io)
{
    private bool _isOpen;

    /// <summary>Shows a line.</summary>
    public void Show(string line)
    {
        if (io.IsErrorTerminal)
        {
            io.Error.Write("\r" + line + "\u001b[K"); // erase to the end of the line
            _isOpen = true;
        }
        else
        {
            io.Error.WriteLine(line);
        }
    }

    /// <summary>What follows starts on a line of its own.</summary>
    public void Close()
    {
        if (_isOpen)
        {
            io.Error.WriteLine();
            _isOpen = false;
        }
    }
}
