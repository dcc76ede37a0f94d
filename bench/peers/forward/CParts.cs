namespace LowLatency.Bench.Forward;

/// <summary>The bench's C programs, built when it starts, in a folder that goes with it.</summary>
internal sealed class CParts : IDisposable
{
    private CParts(string folder) => Folder = folder;

    /// <summary>The bench's folder.</summary>
    public string Folder { get; }

    /// <summary>Path of a built part.</summary>
    public string Path(string name) => System.IO.Path.Combine(Folder, name);

    /// <summary>Builds all from the sources beside the program.</summary>
    public static CParts Build(string sources)
    {
        CParts parts = new(Directory.CreateTempSubdirectory("llbench-").FullName);
        try
        {
            foreach (string program in (ReadOnlySpan<string>)["flood", "redirect"])
            {
                string source = System.IO.Path.Combine(sources, program);
                Tool.Run("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", parts.Path(program), source + ".c", "-lbpf");
                Tool.Run("clang-14", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-target", "bpf", "-mcpu=v3",
                    "-I/usr/include/x86_64-linux-gnu", "-c", source + ".bpf.c", "-o", parts.Path(program + ".bpf.o"));
            }

            Tool.Run("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
                "-o", parts.Path("answer_zero.so"), System.IO.Path.Combine(sources, "answer_zero.c"));
            return parts;
        }
        catch
        {
            parts.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
