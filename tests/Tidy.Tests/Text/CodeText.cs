using System.Text;

namespace LowLatency.Tidy.Tests.Text;

/// <summary>
/// Blanks out what is not code in C# and C: comments, and what strings and characters quote. Every other
/// character keeps its place, and so does every line. The holes of interpolated strings are code.
/// </summary>
internal sealed class CodeText
{
    private readonly string _text;
    private readonly StringBuilder _code;
    private int _at;

    private CodeText(string text)
    {
        _text = text;
        _code = new StringBuilder(text);
    }

    /// <summary>The text with blanks for all that is not code.</summary>
    public static string Only(string text)
    {
        var reader = new CodeText(text);
        reader.Code(closesHole: 0);
        return reader._code.ToString();
    }

    /// <summary>Reads code to the end of the text, or to the braces that close a hole.</summary>
    private void Code(int closesHole)
    {
        int depth = 0;
        while (_at < _text.Length)
        {
            char c = _text[_at];
            if (Starts("//"))
            {
                BlankTo(EndOfLine());
            }
            else if (Starts("/*"))
            {
                int end = _text.IndexOf("*/", _at + 2, StringComparison.Ordinal);
                BlankTo(end < 0 ? _text.Length : end + 2);
            }
            else if (c == '\'')
            {
                Quoted('\'');
            }
            else if (c is '"' or '$' or '@'
                && StringAhead(out int dollars, out int quotes, out bool isVerbatim))
            {
                String(dollars, quotes, isVerbatim);
            }
            else if (c == '}' && depth == 0 && closesHole > 0)
            {
                return;
            }
            else
            {
                depth += c == '{' ? 1 : c == '}' ? -1 : 0;
                _at++;
            }
        }
    }

    /// <summary>True if a string starts here; its dollars, its quotes (1, or 3 and more), its kind.</summary>
    private bool StringAhead(out int dollars, out int quotes, out bool isVerbatim)
    {
        int at = _at;
        dollars = 0;
        isVerbatim = false;
        for (; at < _text.Length && _text[at] is '$' or '@'; at++)
        {
            dollars += _text[at] == '$' ? 1 : 0;
            isVerbatim |= _text[at] == '@';
        }

        quotes = Run('"', at);
        if (quotes == 0)
        {
            return false;
        }

        quotes = quotes >= 3 && !isVerbatim ? quotes : 1;
        _at = at + quotes;
        return true;
    }

    /// <summary>The rest of a string whose opening quotes are behind us.</summary>
    private void String(int dollars, int quotes, bool isVerbatim)
    {
        while (_at < _text.Length)
        {
            char c = _text[_at];
            int braces = dollars == 0 || c != '{' ? 0 : Run('{', _at);
            bool isRaw = quotes >= 3;
            if (c == '"' && Run('"', _at) >= quotes)
            {
                if (isVerbatim && Run('"', _at) >= 2)
                {
                    BlankTo(_at + 2);                    // a doubled quote is a quote
                    continue;
                }

                _at += quotes;
                return;
            }

            if (c == '\n' && !isRaw && !isVerbatim)
            {
                return;                                  // not closed: the compiler says so, we go on
            }

            if (c == '\\' && !isRaw && !isVerbatim)
            {
                BlankTo(_at + 2);
            }
            else if (braces > 0 && (isRaw ? braces >= dollars : braces % 2 == 1))
            {
                BlankTo(_at + braces);
                Code(closesHole: isRaw ? dollars : 1);
                BlankTo(_at + (isRaw ? dollars : 1));
            }
            else
            {
                BlankTo(_at + Math.Max(1, braces));
            }
        }
    }

    private void Quoted(char quote)
    {
        _at++;
        while (_at < _text.Length && _text[_at] != quote && _text[_at] != '\n')
        {
            BlankTo(_at + (_text[_at] == '\\' ? 2 : 1));
        }

        _at += _at < _text.Length && _text[_at] == quote ? 1 : 0;
    }

    private bool Starts(string token) => string.CompareOrdinal(_text, _at, token, 0, token.Length) == 0;

    private int Run(char c, int from)
    {
        int at = from;
        while (at < _text.Length && _text[at] == c)
        {
            at++;
        }

        return at - from;
    }

    private int EndOfLine()
    {
        int end = _text.IndexOf('\n', _at);
        return end < 0 ? _text.Length : end;
    }

    private void BlankTo(int end)
    {
        for (end = Math.Min(end, _text.Length); _at < end; _at++)
        {
            if (_text[_at] != '\n')
            {
                _code[_at] = ' ';
            }
        }
    }
}
