using System.Text;

namespace LowLatency.Control.Readiness;

/// <summary>What files of boot loaders say the next kernel's line will be. Pure; lines that are comments say
/// nothing.</summary>
internal static class BootFiles
{
    private static readonly string[] Joined = ["GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT",
        "TUNED_BOOT_CMDLINE"];

    /// <summary>The line that grub-mkconfig(8) makes of its settings.</summary>
    /// <param name="texts">Text of /etc/default/grub and of what follows it, in the order they are
    /// read.</param>
    public static string OfSettings(IEnumerable<string> texts)
    {
        Dictionary<string, string> variables = [];
        foreach (string text in texts)
        {
            Assign(variables, text);
        }

        return string.Join(' ', Joined.Select(name => variables.GetValueOrDefault(name, "")));
    }

    /// <summary>The line of the first entry of a grub.cfg; null: it has none.</summary>
    /// <param name="text">Its text.</param>
    /// <param name="environment">Text of its grubenv.</param>
    public static string? OfGrub(string text, string environment)
    {
        Dictionary<string, string> variables = [];
        Assign(variables, environment);
        foreach (string line in Meant(text))
        {
            if (line.Split((char[]?)null, 3, StringSplitOptions.RemoveEmptyEntries) is
                ["linux" or "linux16" or "linuxefi", _, var arguments])
            {
                return Filled(arguments, variables);
            }

            Assign(variables, line.StartsWith("set ", StringComparison.Ordinal) ? line[4..] : "");
        }

        return null;
    }

    /// <summary>The line of an entry of the Boot Loader Specification.</summary>
    /// <param name="text">Its text.</param>
    /// <param name="environment">Text of the boot loader's grubenv, whose variables it may use.</param>
    public static string OfEntry(string text, string environment)
    {
        Dictionary<string, string> variables = [];
        Assign(variables, environment);
        return Filled(string.Join(' ', Meant(text).Where(line => line.Split(' ', '\t')[0] == "options")
            .Select(line => line["options".Length..].Trim())), variables);
    }

    /// <summary>The line that a file holds that is nothing but one, such as /etc/kernel/cmdline.</summary>
    public static string OfPlain(string text) => string.Join(' ', Meant(text));

    private static IEnumerable<string> Meant(string text) => text.Split('\n').Select(line => line.Trim())
        .Where(line => line.Length > 0 && line[0] != '#');

    private static void Assign(Dictionary<string, string> variables, string text)
    {
        foreach (string line in Meant(text))
        {
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? "" : line[..equals].TrimEnd('+');
            if (name.Length > 0 && name.All(IsOfName))
            {
                string before = line[equals - 1] == '+' ? variables.GetValueOrDefault(name, "") : "";
                variables[name] = before + Filled(Unquoted(line[(equals + 1)..]), variables);
            }
        }
    }

    // To the quote that closes, where one opens; a backslash keeps a quote within.
    private static string Unquoted(string value)
    {
        value = value.Trim();
        if (value.Length == 0 || value[0] is not ('"' or '\''))
        {
            return value;
        }

        StringBuilder text = new();
        for (int i = 1; i < value.Length && value[i] != value[0]; i++)
        {
            i += value[i] == '\\' && i + 1 < value.Length && value[i + 1] == value[0] ? 1 : 0;
            text.Append(value[i]);
        }

        return text.ToString();
    }

    // $name and ${name}; what is not set is nothing.
    private static string Filled(string text, Dictionary<string, string> variables)
    {
        StringBuilder filled = new();
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] != '$')
            {
                filled.Append(text[i]);
                continue;
            }

            bool isBraced = i + 1 < text.Length && text[i + 1] == '{';
            int start = i + (isBraced ? 2 : 1);
            int end = start;
            while (end < text.Length && IsOfName(text[end]))
            {
                end++;
            }

            filled.Append(variables.GetValueOrDefault(text[start..end], ""));
            i = isBraced && end < text.Length ? end : end - 1;
        }

        return filled.ToString();
    }

    private static bool IsOfName(char c) => char.IsAsciiLetterOrDigit(c) || c == '_';
}
