using System.Text.Json;
using LowLatency.Bench.Gates;

// gates GATES RESULT…: judges measured values. A gate is judged when some result has its value; several
// results of one name are judged each. Exit: 0 all hold, 1 wrong input, 3 a gate said no (also when nothing
// was judged).
if (args.Length < 2)
{
    Console.Error.WriteLine("usage: gates GATES.json RESULT.json…");
    return 1;
}

try
{
    Gate[] gates = Gate.ReadAll(File.ReadAllText(args[0]));
    int judged = 0;
    int refused = 0;
    foreach (string path in args[1..])
    {
        using JsonDocument result = JsonDocument.Parse(File.ReadAllText(path));
        JsonElement values = result.RootElement.GetProperty("values");
        foreach (Gate gate in gates)
        {
            if (values.TryGetProperty(gate.Id, out JsonElement value))
            {
                bool holds = gate.Holds(value.GetDouble());
                judged++;
                refused += holds ? 0 : 1;
                Console.WriteLine($"{(holds ? "yes" : "NO "),-4} {gate.Id,-32} {value.GetDouble(),12:0.####}   "
                    + $"{gate.Rule}   ({Path.GetFileName(path)})");
            }
        }
    }

    Console.WriteLine($"{judged} judged, {refused} refused");
    return judged > 0 && refused == 0 ? 0 : 3;
}
catch (Exception e) when (e is IOException or JsonException or KeyNotFoundException or InvalidOperationException)
{
    Console.Error.WriteLine($"gates: {e.Message}");
    return 1;
}
