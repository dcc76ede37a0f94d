using System.Globalization;
using System.Text;

namespace LowLatency.Control.Reporting;

/// <summary>One axis: a range of values on a range of pixels, linear or logarithmic, with ticks people
/// read.</summary>
internal sealed class ChartScale
{
    private readonly double _low, _high, _from, _to;
    private readonly bool _isLog;

    /// <summary>Makes an axis.</summary>
    public ChartScale(double low, double high, double from, double to, bool isLog)
    {
        _isLog = isLog;
        _low = isLog ? Math.Log10(Math.Max(low, 1e-3)) : low;
        _high = Math.Max(isLog ? Math.Log10(Math.Max(high, 1e-3)) : high, _low + 1e-9);
        _from = from;
        _to = to;
    }

    /// <summary>The pixel of a value; outside values sit on the edge.</summary>
    public double At(double value)
    {
        double v = _isLog ? Math.Log10(Math.Max(value, 1e-3)) : value;
        return _from + ((Math.Clamp(v, _low, _high) - _low) / (_high - _low) * (_to - _from));
    }

    /// <summary>Values for ticks: powers of ten, or 1-2-5 steps.</summary>
    public List<double> Ticks(int about)
    {
        List<double> ticks = [];
        if (_isLog)
        {
            bool isFine = _high - _low < 2.2;
            for (int power = (int)Math.Floor(_low); power <= Math.Ceiling(_high); power++)
            {
                foreach (int digit in isFine ? new[] { 1, 2, 5 } : [1])
                {
                    AddInside(ticks, Math.Log10(digit) + power, digit * Math.Pow(10, power));
                }
            }

            return ticks;
        }

        double raw = (_high - _low) / about;
        double magnitude = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        double step = magnitude * (raw / magnitude) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 };
        for (double tick = Math.Ceiling(_low / step) * step; tick <= _high + (step * 1e-6); tick += step)
        {
            ticks.Add(tick);
        }

        return ticks;
    }

    private void AddInside(List<double> ticks, double position, double value)
    {
        if (position >= _low - 1e-9 && position <= _high + 1e-9)
        {
            ticks.Add(value);
        }
    }
}

/// <summary>An SVG drawing with axes, curves, dots and a legend; inline, no script.</summary>
internal sealed class Chart
{
    /// <summary>Size in its own units; the page scales it.</summary>
    public const double Width = 960;

    private const double Left = 74, Right = 20, Top = 34;
    private readonly StringBuilder _body = new();
    private readonly double _height;
    private readonly double _bottom;
    private double _legendAt = Left;

    /// <summary>Starts a drawing.</summary>
    public Chart(double height, string label)
    {
        _height = height;
        _bottom = height - 44;
        _body.Append(CultureInfo.InvariantCulture,
            $"<svg viewBox=\"0 0 {Width} {height}\" role=\"img\" aria-label=\"{HtmlText.Escape(label)}\">\n");
    }

    /// <summary>Pixels of the plot area.</summary>
    public static (double From, double To) X => (Left, Width - Right);

    /// <summary>Pixels of the plot area, bottom first.</summary>
    public (double From, double To) Y => (_bottom, Top);

    /// <summary>Draws the x axis.</summary>
    public void DrawX(ChartScale scale, IEnumerable<(double Value, string Text)> ticks, string title)
    {
        foreach ((double value, string text) in ticks)
        {
            double x = scale.At(value);
            Line(x, Top, x, _bottom, "grid");
            Text(x, _bottom + 17, text, "middle");
        }

        Line(Left, _bottom, Width - Right, _bottom, "axis");
        Text((Left + Width - Right) / 2, _height - 6, title, "middle");
    }

    /// <summary>Draws the y axis.</summary>
    public void DrawY(ChartScale scale, IEnumerable<(double Value, string Text)> ticks, string title)
    {
        foreach ((double value, string text) in ticks)
        {
            double y = scale.At(value);
            Line(Left, y, Width - Right, y, "grid");
            Text(Left - 8, y + 4, text, "end");
        }

        double middle = (Top + _bottom) / 2;
        _body.Append($"<text x=\"14\" y=\"{HtmlText.At(middle)}\" text-anchor=\"middle\" ")
            .Append($"transform=\"rotate(-90 14 {HtmlText.At(middle)})\">{HtmlText.Escape(title)}</text>\n");
    }

    /// <summary>Draws a curve through points.</summary>
    public void Curve(IReadOnlyList<(double X, double Y)> points, int colour)
    {
        if (points.Count == 0)
        {
            return;
        }

        string path = string.Join(' ', points.Select(p => $"{HtmlText.At(p.X)},{HtmlText.At(p.Y)}"));
        _body.Append($"<polyline class=\"curve s{colour}\" points=\"{path}\" />\n");
    }

    /// <summary>Draws a dot with a tip.</summary>
    public void Dot(double x, double y, double radius, int colour, string tip) =>
        _body.Append($"<circle class=\"f{colour}\" cx=\"{HtmlText.At(x)}\" cy=\"{HtmlText.At(y)}\" ")
            .Append($"r=\"{HtmlText.At(radius)}\" "
                + $"fill-opacity=\"0.7\"><title>{HtmlText.Escape(tip)}</title></circle>\n");

    /// <summary>Shades a stretch of the x axis.</summary>
    public void Shade(double from, double to, string text)
    {
        _body.Append($"<rect class=\"shade\" x=\"{HtmlText.At(from)}\" y=\"{HtmlText.At(Top)}\" ")
            .Append($"width=\"{HtmlText.At(Math.Max(0, to - from))}\" "
                + $"height=\"{HtmlText.At(_bottom - Top)}\" />\n");
        Text(from + 6, Top + 15, text, "start");
    }

    /// <summary>Adds a legend entry.</summary>
    public void Legend(string name, int colour)
    {
        _body.Append($"<rect class=\"f{colour}\" x=\"{HtmlText.At(_legendAt)}\" y=\"12\" width=\"16\" "
            + "height=\"4\" rx=\"2\" />\n")
            .Append($"<text class=\"key\" x=\"{HtmlText.At(_legendAt + 22)}\" "
                + $"y=\"18\">{HtmlText.Escape(name)}</text>\n");
        _legendAt += 44 + (name.Length * 6.6);
    }

    /// <summary>The drawing as a figure.</summary>
    public string Finish() => $"<figure>{_body}</svg></figure>\n";

    private void Line(double x1, double y1, double x2, double y2, string kind) =>
        _body.Append($"<line class=\"{kind}\" x1=\"{HtmlText.At(x1)}\" y1=\"{HtmlText.At(y1)}\" ")
            .Append($"x2=\"{HtmlText.At(x2)}\" y2=\"{HtmlText.At(y2)}\" />\n");

    private void Text(double x, double y, string text, string anchor) =>
        _body.Append($"<text x=\"{HtmlText.At(x)}\" y=\"{HtmlText.At(y)}\" text-anchor=\"{anchor}\">")
            .Append($"{HtmlText.Escape(text)}</text>\n");
}
