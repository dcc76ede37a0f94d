using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Xunit;

namespace LowLatency.Appliance.Tests.Harness;

/// <summary>A machine under QEMU's software emulation, with a shell that the test commands. Its speed says
/// nothing,
/// its kernel is a real one. Disposing ends it; what it printed stays in its run folder.</summary>
public sealed class Guest : IDisposable
{
    private static readonly TimeSpan BootLimit = TimeSpan.FromSeconds(40);
    private const int BootTries = 5; // an emulated timer gets lost now and then, and with it a kernel's start

    private readonly Process _qemu;
    private readonly Socket _shell;
    private readonly Qmp _qmp;
    private readonly GuestSetup _setup;

    private Guest(GuestSetup setup, string folder, Process qemu, Socket shell, Socket monitor)
    {
        _setup = setup;
        Folder = folder;
        _qemu = qemu;
        _shell = shell;
        _qmp = new Qmp(monitor);
    }

    /// <summary>Run folder: serial log, sockets, drives.</summary>
    public string Folder { get; }

    /// <summary>What the guest's kernel printed.</summary>
    public string SerialLog => File.ReadAllText(Path.Combine(Folder, "serial.log"));

    /// <summary>Boots one and waits for its shell; anew where the kernel does not come that far.</summary>
    public static Guest Boot(GuestSetup setup)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "the kernels are kept where root reads them");
        for (int tries = 1; ; tries++)
        {
            try
            {
                return BootOnce(setup);
            }
            catch (Xunit.Sdk.XunitException e) when (tries < BootTries)
            {
                TestContext.Current.SendDiagnosticMessage($"boot {tries} of {setup.Scenario} failed: "
                    + $"{e.Message}");
            }
        }
    }

    private static Guest BootOnce(GuestSetup setup)
    {
        string folder = Path.Combine(Initramfs.Repository, "out", "appliance", setup.Scenario);
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        Directory.CreateDirectory(folder);
        using Socket shells = Listen(folder, "shell");
        using Socket monitors = Listen(folder, "monitor");
        Process qemu = Start(setup, folder);
        try
        {
            Socket monitor = Accept(monitors, qemu, folder);
            Socket shell = Accept(shells, qemu, folder);
            Guest guest = new(setup, folder, qemu, shell, monitor);
            string ready = guest.ReadLine(BootLimit);
            Assert.StartsWith("ready ", ready, StringComparison.Ordinal);
            guest.NamePorts();
            return guest;
        }
        catch
        {
            qemu.Kill(entireProcessTree: true);
            qemu.Dispose();
            throw;
        }
    }

    /// <summary>Runs a shell script inside to its end.</summary>
    public GuestAnswer Run(string script, int limitSeconds = 120)
    {
        _shell.Send(Encoding.ASCII.GetBytes(Convert.ToBase64String(Encoding.UTF8.GetBytes(script)) + "\n"));
        TimeSpan limit = TimeSpan.FromSeconds(limitSeconds);
        string[] header = ReadLine(limit).Split(' ');
        int[] numbers = [.. header.Select(word => int.Parse(word, CultureInfo.InvariantCulture))];
        return new GuestAnswer(numbers[0], ReadText(numbers[1], limit), ReadText(numbers[2], limit));
    }

    /// <summary>Runs a script that must succeed; its output.</summary>
    public string Do(string script, int limitSeconds = 120)
    {
        GuestAnswer answer = Run(script, limitSeconds);
        Assert.True(answer.Code == 0, $"{script}\nexit code "
            + $"{answer.Code}\n{answer.Output}{answer.Error}\n{Tail()}");
        return answer.Output;
    }

    /// <summary>Writes a file inside.</summary>
    public void Write(string path, string text)
    {
        string bytes = Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
        Do($"mkdir -p \"$(dirname '{path}')\" && echo {bytes} | base64 -d > '{path}'");
    }

    /// <summary>Starts a program inside that goes on; <c>/run/NAME.{out,err,pid,code}</c> tell of
    /// it.</summary>
    public void Start(string name, string command)
    {
        Do($"""
            rm -f /run/{name}.code
            (sh -c 'echo $$ > /run/{name}.pid; exec {command}' > /run/{name}.out 2> /run/{name}.err
             echo $? > /run/{name}.code.new; mv /run/{name}.code.new /run/{name}.code) > /dev/null 2>&1 &
            until [ -s /run/{name}.pid ]; do sleep 0.05; done
            """);
    }

    /// <summary>Waits until a shell condition holds inside; fails with what <paramref name="onFailure"/>
    /// prints.
    /// </summary>
    public void Until(string condition, int limitSeconds = 60, string onFailure = "true")
    {
        GuestAnswer answer = Run(
            $"i=0; until {condition}; do i=$((i+1)); [ $i -lt {limitSeconds * 5} ] || exit 1; sleep 0.2; "
                + $"done",
            limitSeconds * 4);
        if (answer.Code != 0)
        {
            Assert.Fail($"did not come true within {limitSeconds} s: {condition}\n{Do(onFailure)}\n{Tail()}");
        }
    }

    /// <summary>Waits for the end of what <see cref="Start"/> started; its answer.</summary>
    public GuestAnswer Await(string name, int limitSeconds = 60)
    {
        Until($"[ -e /run/{name}.code ]", limitSeconds, $"cat /run/{name}.out /run/{name}.err");
        return new GuestAnswer(
            int.Parse(Do($"cat /run/{name}.code"), CultureInfo.InvariantCulture),
            Do($"cat /run/{name}.out"), Do($"cat /run/{name}.err"));
    }

    /// <summary>Asks QEMU itself.</summary>
    public JsonElement Monitor(string command, object? arguments = null) => _qmp.Execute(command, arguments);

    /// <summary>Powers the guest off and reads its last word: only an orderly end gives this exit
    /// code.</summary>
    public void PowerOff()
    {
        // isa-debug-exit answers (value << 1) | 1: 33 is neither QEMU's own success nor its own failure.
        _shell.Send(Encoding.ASCII.GetBytes(Convert.ToBase64String(
            Encoding.ASCII.GetBytes("sync; printf '\\020' | dd of=/dev/port bs=1 seek=244 count=1")) + "\n"));
        Assert.True(_qemu.WaitForExit(60_000), "the guest does not power off\n" + Tail());
        Assert.Equal(33, _qemu.ExitCode);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_qemu.HasExited)
        {
            _qemu.Kill(entireProcessTree: true);
            _qemu.WaitForExit();
        }

        _qmp.Dispose();
        _shell.Dispose();
        _qemu.Dispose();
        foreach (string file in Directory.EnumerateFiles(Folder).Where(file =>
            !file.EndsWith(".log", StringComparison.Ordinal)))
        {
            File.Delete(file);
        }
    }

    private static Process Start(GuestSetup setup, string folder)
    {
        string modules = setup.Modules.Length == 0 ? "" : "lowlat.modules=" + string.Join(',', setup.Modules);
        const string Qemu = "qemu-system-x86_64";
        ProcessStartInfo start = new(setup.Namespace.Length > 0 ? "ip" : Qemu,
        [
            .. setup.Namespace.Length > 0 ? (string[])["netns", "exec", setup.Namespace, Qemu] : [],
            "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-nodefaults", "-display", "none",
                "-no-reboot",
            "-serial", $"file:{folder}/serial.log",
            "-kernel", setup.Kernel.Image, "-initrd", Initramfs.For(setup.Kernel),
            "-append", $"console=ttyS0 loglevel=5 panic=-1 oops=panic tsc=reliable {setup.BootLine} "
                + $"{modules}",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=0x4",
            "-chardev", $"socket,id=monitor,path={folder}/monitor", "-mon", "chardev=monitor,mode=control",
            "-device", "virtio-serial-pci", "-chardev", $"socket,id=shell,path={folder}/shell",
            "-device", "virtserialport,chardev=shell,name=lowlat",
            .. setup.Arguments(folder),
        ])
        {
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        File.WriteAllText(Path.Combine(folder, "qemu.log"), string.Join(' ', start.ArgumentList) + "\n");
        return Process.Start(start)!;
    }

    private static Socket Listen(string folder, string name)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Path.Combine(folder, name)));
        socket.Listen(1);
        return socket;
    }

    private static Socket Accept(Socket listener, Process qemu, string folder)
    {
        for (int waited = 0; !listener.Poll(TimeSpan.FromMilliseconds(100), SelectMode.SelectRead); waited++)
        {
            Assert.False(qemu.HasExited || waited > 300, "QEMU did not start: " + (qemu.HasExited
                ? qemu.StandardError.ReadToEnd() + File.ReadAllText(Path.Combine(folder, "qemu.log"))
                : "no connection within 30 s"));
        }

        return listener.Accept();
    }

    private void NamePorts()
    {
        foreach (GuestPort port in _setup.Ports)
        {
            Run($"""
                for i in /sys/class/net/*; do
                    [ "$(cat $i/address)" = {port.Mac} ] && ip link set "$(basename $i)" name {port.Name}
                done
                """);
        }
    }

    private string ReadLine(TimeSpan limit)
    {
        StringBuilder line = new();
        byte[] one = new byte[1];
        while (true)
        {
            Receive(one, limit);
            if (one[0] == '\n')
            {
                return line.ToString();
            }

            line.Append((char)one[0]);
        }
    }

    private string ReadText(int bytes, TimeSpan limit)
    {
        byte[] text = new byte[bytes];
        Receive(text, limit);
        return Encoding.UTF8.GetString(text);
    }

    private void Receive(Span<byte> target, TimeSpan limit)
    {
        while (target.Length > 0)
        {
            if (!_shell.Poll(limit, SelectMode.SelectRead))
            {
                Assert.Fail($"the guest says nothing for {limit.TotalSeconds} s\n{Tail()}");
            }

            int count = _shell.Receive(target);
            if (count == 0)
            {
                _qemu.WaitForExit(1000);
                Assert.Fail("the guest is gone" + (_qemu.HasExited ? $", QEMU with exit code "
                    + $"{_qemu.ExitCode}: {_qemu.StandardError.ReadToEnd()}" : "") + "\n" + Tail());
            }

            target = target[count..];
        }
    }

    private string Tail() => "serial log (" + Path.Combine(Folder, "serial.log") + "):\n"
        + string.Join('\n', SerialLog.Split('\n').TakeLast(25));
}

/// <summary>How a command ended inside.</summary>
/// <param name="Code">Exit code.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error.</param>
public sealed record GuestAnswer(int Code, string Output, string Error)
{
    /// <summary>The output as JSON.</summary>
    public JsonElement Json
    {
        get
        {
            using JsonDocument document = JsonDocument.Parse(Output);
            return document.RootElement.Clone();
        }
    }
}
