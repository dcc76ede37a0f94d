using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace LowLatency.Appliance.Tests.Harness;

/// <summary>QEMU's machine protocol (docs/interop/qmp-spec.rst): one JSON object a line, a greeting
/// first.</summary>
internal sealed class Qmp : IDisposable
{
    private readonly NetworkStream _stream;
    private readonly StreamReader _reader;

    public Qmp(Socket socket)
    {
        _stream = new NetworkStream(socket, ownsSocket: true) { ReadTimeout = 60_000 };
        _reader = new StreamReader(_stream, Encoding.UTF8);
        _reader.ReadLine();
        Execute("qmp_capabilities", null);
    }

    /// <summary>Runs a command; what it returns. Events in between are passed over.</summary>
    public JsonElement Execute(string command, object? arguments)
    {
        string request = JsonSerializer.Serialize(arguments == null
            ? new Dictionary<string, object> { ["execute"] = command }
            : new Dictionary<string, object> { ["execute"] = command, ["arguments"] = arguments });
        _stream.Write(Encoding.UTF8.GetBytes(request + "\n"));
        while (true)
        {
            string line = _reader.ReadLine() ?? throw new InvalidOperationException("QEMU is gone");
            using JsonDocument answer = JsonDocument.Parse(line);
            if (answer.RootElement.TryGetProperty("return", out JsonElement result))
            {
                return result.Clone();
            }

            if (answer.RootElement.TryGetProperty("error", out JsonElement error))
            {
                throw new InvalidOperationException($"QEMU refuses {request}: {error}");
            }
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _stream.Dispose();
    }
}
