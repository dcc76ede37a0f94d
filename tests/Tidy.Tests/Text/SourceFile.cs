namespace LowLatency.Tidy.Tests.Text;

/// <summary>One text of the repository, whole and with only its code.</summary>
internal sealed class SourceFile
{
    /// <summary>A text at a path from the repository's folder.</summary>
    public SourceFile(string path, string text)
    {
        Path = path;
        Text = text.ReplaceLineEndings("\n");
        Lines = Text.Split('\n');
        Code = IsCode ? CodeText.Only(Text) : Text;
        CodeLines = Code.Split('\n');
    }

    /// <summary>From the repository's folder, with slashes.</summary>
    public string Path { get; }

    /// <summary>As it stands in the file.</summary>
    public string Text { get; }

    /// <summary>Lines of <see cref="Text"/>.</summary>
    public string[] Lines { get; }

    /// <summary>As <see cref="Text"/>, with blanks for comments and for what is quoted.</summary>
    public string Code { get; }

    /// <summary>Lines of <see cref="Code"/>, as many as <see cref="Lines"/>.</summary>
    public string[] CodeLines { get; }

    /// <summary>C#.</summary>
    public bool IsCSharp => Path.EndsWith(".cs", StringComparison.Ordinal);

    /// <summary>C# or C.</summary>
    public bool IsCode => IsCSharp
        || Path.EndsWith(".c", StringComparison.Ordinal) || Path.EndsWith(".h", StringComparison.Ordinal);

    /// <summary>How many lines an editor shows.</summary>
    public int LineCount => Lines.Length - (Text.EndsWith('\n') ? 1 : 0);

    /// <summary>The line, from 1, of a position in <see cref="Text"/> or <see cref="Code"/>.</summary>
    public int LineAt(int position) => 1 + Text.AsSpan(0, position).Count('\n');

    /// <summary>True if the file is in this folder, at any depth.</summary>
    public bool IsIn(string folder) => Path.StartsWith(folder + "/", StringComparison.Ordinal);
}
