using System.Globalization;
using System.Text;

namespace LowLatency.Control.Reporting;

/// <summary>Pieces of a page: escaped text, tables, the style. Pages are XHTML-compatible, need no network
/// and no script, and follow the reader's light or dark setting.</summary>
internal static class HtmlText
{
    /// <summary>The colours of curves, by class c0…c5; chosen to differ in lightness too.</summary>
    public const string Style = """
        :root { color-scheme: light dark; --bg:#fbfbfa; --fg:#1d2125; --soft:#626a73; --line:#dcdfe3;
          --card:#fff;
          --good:#17703c; --bad:#b3261e; --warn:#8a5a00;
          --c0:#0b62c4; --c1:#c2410c; --c2:#157f57; --c3:#7c3aed; --c4:#57606a; --c5:#b0307a; }
        @media (prefers-color-scheme: dark) { :root { --bg:#14171a; --fg:#e4e7ea; --soft:#98a1ab;
          --line:#32383e;
          --card:#1b1f23; --good:#5bc98a; --bad:#ff8a80; --warn:#e0b050;
          --c0:#6cb0ff; --c1:#ff9d5c; --c2:#56cfa0; --c3:#b79bff; --c4:#a9b3bd; --c5:#f28bc4; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--bg); color: var(--fg);
          font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
        main { max-width: 1000px; margin: 0 auto; padding: 28px 20px 56px; }
        h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; font-weight: 650; }
        h2 { font-size: 17px; margin: 36px 0 10px; font-weight: 650; }
        p { margin: 6px 0; }
        .soft { color: var(--soft); } .small { font-size: 13px; }
        .good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
        .verdict { display: inline-block; padding: 2px 12px; border-radius: 999px;
          border: 1.5px solid currentColor;
          font-weight: 650; font-size: 15px; }
        ul.plain { margin: 10px 0; padding: 0; list-style: none; } ul.plain li { margin: 3px 0; }
        .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
          margin: 20px 0; }
        .card { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
          padding: 12px 14px; }
        .card b { display: block; font-size: 22px; line-height: 1.25; font-weight: 650;
          font-variant-numeric: tabular-nums; white-space: nowrap; }
        .card span { color: var(--soft); font-size: 13px; }
        .scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line);
          border-radius: 8px; }
        table { border-collapse: collapse; width: 100%; font-size: 13.5px;
          font-variant-numeric: tabular-nums; }
        th, td { padding: 6px 9px; text-align: right; white-space: nowrap;
          border-top: 1px solid var(--line); }
        thead th { border-top: 0; color: var(--soft); font-weight: 600; }
        th:first-child, td:first-child, th.l, td.l { text-align: left; }
        td.wrap { white-space: normal; min-width: 200px; line-height: 1.35; overflow-wrap: anywhere; }
        thead th { white-space: normal; vertical-align: bottom; line-height: 1.3; }
        td small { color: var(--soft); font-size: 11.5px; display: inline-block; min-width: 40px;
          padding-left: 6px; }
        tr.sum td { border-top: 2px solid var(--soft); font-weight: 650; }
        figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
          padding: 10px; }
        svg { display: block; width: 100%; height: auto; }
        svg text { font: 12px system-ui, "Segoe UI", Roboto, sans-serif; fill: var(--soft); }
        svg .grid { stroke: var(--line); stroke-width: 1; } svg .axis { stroke: var(--soft);
          stroke-width: 1; }
        svg .curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
        svg .shade { fill: var(--soft); opacity: .12; }
        .s0 { stroke: var(--c0); } .s1 { stroke: var(--c1); } .s2 { stroke: var(--c2); }
        .s3 { stroke: var(--c3); } .s4 { stroke: var(--c4); } .s5 { stroke: var(--c5); }
        .f0 { fill: var(--c0); } .f1 { fill: var(--c1); } .f2 { fill: var(--c2); }
        .f3 { fill: var(--c3); } .f4 { fill: var(--c4); } .f5 { fill: var(--c5); }
        svg text.key { fill: var(--fg); }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 0;
          font-size: 13.5px; }
        dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
        """;

    /// <summary>Text as it may stand in an element or an attribute.</summary>
    public static string Escape(string text)
    {
        StringBuilder escaped = new(text.Length);
        foreach (char c in text)
        {
            _ = c switch
            {
                '&' => escaped.Append("&amp;"),
                '<' => escaped.Append("&lt;"),
                '>' => escaped.Append("&gt;"),
                '"' => escaped.Append("&quot;"),
                '\n' or '\t' => escaped.Append(c),
                // not in XML
                < ' ' or (>= '\uD800' and <= '\uDFFF') or '\uFFFE' or '\uFFFF' => escaped.Append('?'),
                _ => escaped.Append(c),
            };
        }

        return escaped.ToString();
    }

    /// <summary>A coordinate: one decimal.</summary>
    public static string At(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);

    /// <summary>A whole page around a body.</summary>
    public static string Page(string title, string body) => $"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{Escape(title)}</title>
        <style>
        {Style}
        </style>
        </head>
        <body>
        <main>
        {body}</main>
        </body>
        </html>

        """.ReplaceLineEndings("\n");

    /// <summary>A table; heads and cells are escaped here. A head that starts with '&lt;' is left-aligned,
    /// with '=' it also wraps; a cell may have a second, smaller part after '|'.</summary>
    public static string Table(string[] heads, IEnumerable<string[]> rows, bool isLastSum = false)
    {
        StringBuilder html = new("<div class=\"scroll\"><table>\n<thead><tr>");
        string[] classes = [.. heads.Select(h => h.Length == 0 ? ""
            : h[0] switch { '<' => "l", '=' => "l wrap", _ => "" })];
        for (int i = 0; i < heads.Length; i++)
        {
            html.Append("<th").Append(Class(classes[i])).Append('>')
                .Append(Escape(heads[i].TrimStart('<', '=')))
                .Append("</th>");
        }

        html.Append("</tr></thead>\n<tbody>\n");
        List<string[]> all = [.. rows];
        for (int r = 0; r < all.Count; r++)
        {
            html.Append(isLastSum && r == all.Count - 1 ? "<tr class=\"sum\">" : "<tr>");
            for (int i = 0; i < heads.Length; i++)
            {
                string[] parts = all[r][i].Split('|', 2);
                html.Append("<td").Append(Class(classes[i])).Append('>').Append(Escape(parts[0]));
                html.Append(parts.Length > 1 ? $"<small>{Escape(parts[1])}</small>" : "").Append("</td>");
            }

            html.Append("</tr>\n");
        }

        return html.Append("</tbody></table></div>\n").ToString();
    }

    private static string Class(string name) => name.Length == 0 ? "" : $" class=\"{name}\"";
}
