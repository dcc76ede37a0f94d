using System.Text;

namespace LowLatency.Control.Reporting;

/// <summary>Columns for eyes: the first column left, names; the others as asked. Never wider than
/// <see cref="WidthMax"/>: the widest column gives way.</summary>
internal sealed class TextTable
{
    /// <summary>Characters of a line at most: fits a terminal beside a margin, and a mail.</summary>
    public const int WidthMax = 100;

    private readonly string[] _heads;
    private readonly bool[] _isLeft;
    private readonly List<string[]> _rows = [];

    /// <summary>Starts a table.</summary>
    /// <param name="heads">Heads; one that starts with '&lt;' makes its column left-aligned.</param>
    public TextTable(params string[] heads)
    {
        _isLeft = [.. heads.Select((h, i) => i == 0 || h.StartsWith('<'))];
        _heads = [.. heads.Select(h => h.TrimStart('<'))];
    }

    /// <summary>Adds a row of as many cells as there are heads.</summary>
    public void Add(params string[] cells)
    {
        if (cells.Length != _heads.Length)
        {
            throw new ArgumentException($"{cells.Length} cells for {_heads.Length} columns", nameof(cells));
        }

        _rows.Add(cells);
    }

    /// <summary>Appends heads and rows, each line indented by two.</summary>
    public void WriteTo(StringBuilder text)
    {
        int[] widths = [.. _heads.Select((h, i) => _rows.Select(r => r[i].Length).Append(h.Length).Max())];
        while (2 + widths.Sum() + (2 * (widths.Length - 1)) > WidthMax)
        {
            widths[Array.IndexOf(widths, widths.Max())]--;
        }

        WriteLine(text, _heads, widths);
        foreach (string[] row in _rows)
        {
            WriteLine(text, row, widths);
        }
    }

    /// <summary>Cuts a text that is too long and shows that it was cut.</summary>
    public static string Clip(string value, int width) =>
        value.Length <= width ? value : string.Concat(value.AsSpan(0, Math.Max(0, width - 1)), "~");

    private void WriteLine(StringBuilder text, string[] cells, int[] widths)
    {
        StringBuilder line = new("  ");
        for (int i = 0; i < cells.Length; i++)
        {
            string cell = Clip(cells[i], widths[i]);
            line.Append(i == 0 ? "" : "  ")
                .Append(_isLeft[i] ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i]));
        }

        text.Append(line.ToString().TrimEnd()).Append('\n');
    }
}
