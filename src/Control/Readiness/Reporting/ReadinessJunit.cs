using System.Globalization;
using System.Text;
using System.Xml;

namespace LowLatency.Control.Readiness.Reporting;

/// <summary>A report as JUnit XML: one test case a check, so that a build server shows a host like a test
/// run. What says nothing or could not be read is skipped, with the reason, unless it refuses
/// go-live.</summary>
internal static class ReadinessJunit
{
    /// <summary>Renders.</summary>
    public static string Render(ReadinessDocument document)
    {
        StringBuilder text = new();
        using (XmlWriter xml = XmlWriter.Create(text, new XmlWriterSettings
        {
            Indent = true,
            NewLineChars = "\n",
            OmitXmlDeclaration = true,
        }))
        {
            Write(xml, document);
        }

        return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + text + "\n";
    }

    private static void Write(XmlWriter xml, ReadinessDocument document)
    {
        xml.WriteStartElement("testsuites");
        foreach (IGrouping<string, CheckPart> group in document.Checks.GroupBy(check => check.Group))
        {
            xml.WriteStartElement("testsuite");
            xml.WriteAttributeString("name", $"lowlat.readiness.{group.Key}");
            xml.WriteAttributeString("timestamp", document.Run.TimeUtc);
            xml.WriteAttributeString("hostname", document.Run.Host ?? "unknown");
            xml.WriteAttributeString("tests", Count(group));
            xml.WriteAttributeString("failures", Count(group.Where(check => Outcome(check) == "failure")));
            xml.WriteAttributeString("errors", Count(group.Where(check => Outcome(check) == "error")));
            xml.WriteAttributeString("skipped", Count(group.Where(check => Outcome(check) == "skipped")));
            foreach (CheckPart check in group)
            {
                WriteCase(xml, check);
            }

            xml.WriteEndElement();
        }

        xml.WriteEndElement();
    }

    private static void WriteCase(XmlWriter xml, CheckPart check)
    {
        string told = string.Join("\n", check.Findings.Select(finding => $"{finding.State}: "
            + (finding.Subject.Kind == "host" ? "" : $"{finding.Subject.Kind} {finding.Subject.Name}: ")
            + finding.Observed));
        xml.WriteStartElement("testcase");
        xml.WriteAttributeString("classname", $"lowlat.readiness.{check.Group}");
        xml.WriteAttributeString("name", check.Id);
        if (Outcome(check) is string outcome)
        {
            xml.WriteStartElement(outcome);
            FindingPart first = check.Findings.First(finding => finding.State == check.State);
            xml.WriteAttributeString("message", Clean($"{check.State}: {first.Observed}"));
            if (outcome != "skipped")
            {
                xml.WriteAttributeString("type", $"{check.State}/{check.Severity}");
                xml.WriteString(Clean($"expected: {check.Expected}\n{told}\nremedy: {check.Remedy.Do}"));
            }

            xml.WriteEndElement();
        }
        else if (check.State == "warn")
        {
            xml.WriteElementString("system-out", Clean(told));
        }

        xml.WriteEndElement();
    }

    private static string? Outcome(CheckPart check) => check.State switch
    {
        "fail" => "failure",
        "error" => "error",
        "unknown" => check.Refuses ? "failure" : "skipped",
        "unsupported" or "not-applicable" or "waived" => "skipped",
        _ => null,
    };

    private static string Clean(string text) =>
        new([.. text.Select(c => XmlConvert.IsXmlChar(c) || char.IsSurrogate(c) ? c : '?')]);

    private static string Count(IEnumerable<CheckPart> checks) =>
        checks.Count().ToString(CultureInfo.InvariantCulture);
}
