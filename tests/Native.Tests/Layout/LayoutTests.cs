using System.Diagnostics;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Text;
using LowLatency.Native.Interop;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Native.Tests.Layout;

/// <summary>Every shared byte, pinned: against a golden text for our own, against the real headers for the
/// kernel's.
/// </summary>
public sealed class LayoutTests
{
    private static string Root
    {
        get
        {
            DirectoryInfo? folder = new(AppContext.BaseDirectory);
            while (folder != null && !File.Exists(Path.Combine(folder.FullName, "LowLatency.sln")))
            {
                folder = folder.Parent;
            }

            return folder?.FullName ?? throw new InvalidOperationException("not inside the repository");
        }
    }

    [Fact]
    public void EverySharedLayoutIsWhatTheGoldenTextSays()
    {
        string golden = Path.Combine(Root, "tests", "Native.Tests", "Golden", "layout.txt");
        string actual = Describe();
        if (Environment.GetEnvironmentVariable("LOWLAT_UPDATE_GOLDEN") == "1")
        {
            File.WriteAllText(golden, actual);
        }

        Assert.Equal(File.ReadAllText(golden), actual);
    }

    private static string Describe()
    {
        StringBuilder text = new("# Every public struct and enum of Layout/: sizes, offsets, values. Made by LayoutTests;\n"
            + "# a change here is a change of the plan's or the region's version.\n");
        IEnumerable<Type> types = typeof(PlanHeader).Assembly.GetExportedTypes()
            .Where(t => t.IsValueType && t.Namespace == typeof(PlanHeader).Namespace)
            .OrderBy(t => t.Name, StringComparer.Ordinal);
        foreach (Type type in types)
        {
            text.Append('\n').Append(type.IsEnum ? "enum " : "struct ").Append(type.Name).Append(' ')
                .Append(SizeOf(type)).Append('\n');
            IEnumerable<string> rows = type.IsEnum
                ? Enum.GetNames(type).Select(n => $"  {n} = {Convert.ToInt64(Enum.Parse(type, n))}")
                : type.GetFields(BindingFlags.Instance | BindingFlags.Public)
                    .OrderBy(OffsetOf).Select(f => $"  {OffsetOf(f),5} {SizeOf(f.FieldType),5} {f.Name}");
            foreach (string row in rows)
            {
                text.Append(row).Append('\n');
            }
        }

        return text.ToString();
    }

    private static int SizeOf(Type type) => type.IsPointer ? IntPtr.Size
        : (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type).Invoke(null, null)!;

    // The address of the field less the address of its struct, on the stack of a method made for it.
    private static int OffsetOf(FieldInfo field)
    {
        DynamicMethod method = new("offset", typeof(int), null, field.DeclaringType!.Module, skipVisibility: true);
        ILGenerator il = method.GetILGenerator();
        LocalBuilder value = il.DeclareLocal(field.DeclaringType);
        il.Emit(OpCodes.Ldloca, value);
        il.Emit(OpCodes.Ldflda, field);
        il.Emit(OpCodes.Conv_U);
        il.Emit(OpCodes.Ldloca, value);
        il.Emit(OpCodes.Conv_U);
        il.Emit(OpCodes.Sub);
        il.Emit(OpCodes.Conv_I4);
        il.Emit(OpCodes.Ret);
        return (int)method.Invoke(null, null)!;
    }

    [Theory]
    [InlineData(typeof(XdpDesc), "linux/if_xdp.h", "struct xdp_desc", "addr len options")]
    [InlineData(typeof(XdpStatistics), "linux/if_xdp.h", "struct xdp_statistics",
        "rx_dropped rx_invalid_descs tx_invalid_descs rx_ring_full rx_fill_ring_empty_descs tx_ring_empty_descs")]
    [InlineData(typeof(XskRing), "xdp/xsk.h", "struct xsk_ring_prod",
        "cached_prod cached_cons mask size producer consumer ring flags")]
    [InlineData(typeof(XskRing), "xdp/xsk.h", "struct xsk_ring_cons",
        "cached_prod cached_cons mask size producer consumer ring flags")]
    [InlineData(typeof(XskUmemConfig), "xdp/xsk.h", "struct xsk_umem_config",
        "fill_size comp_size frame_size frame_headroom flags")]
    [InlineData(typeof(XskSocketConfig), "xdp/xsk.h", "struct xsk_socket_config",
        "rx_size tx_size libxdp_flags xdp_flags bind_flags")]
    public void AForeignStructIsWhatTheHostsHeaderSays(object layout, string header, string name, string fields)
    {
        Type type = (Type)layout;
        StringBuilder program = new($"#include <stdio.h>\n#include <stddef.h>\n#include <{header}>\nint main(void) {{\n"
            + $"printf(\"%zu\\n\", sizeof({name}));\n");
        foreach (string field in fields.Split(' '))
        {
            program.Append($"printf(\"%zu %zu\\n\", offsetof({name}, {field}), sizeof((({name} *)0)->{field}));\n");
        }

        program.Append("return 0; }\n");
        string[] expected = [SizeOf(type).ToString(),
            .. type.GetFields(BindingFlags.Instance | BindingFlags.Public).OrderBy(OffsetOf)
                .Select(f => $"{OffsetOf(f)} {SizeOf(f.FieldType)}")];
        Assert.Equal(expected, RunC(program.ToString()));
    }

    private static string[] RunC(string program)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("lowlat-layout-");
        try
        {
            string source = Path.Combine(folder.FullName, "layout.c");
            string binary = Path.Combine(folder.FullName, "layout");
            File.WriteAllText(source, program);
            Run("gcc", ["-o", binary, source]);
            return Run(binary, []).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static string Run(string file, string[] arguments)
    {
        ProcessStartInfo start = new(file, arguments) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }

    /// <summary>What both sides take for granted of the region's pages.</summary>
    [Fact]
    public void PagesHoldTheirStructs()
    {
        Assert.InRange(SizeOf(typeof(RegionHeader)), 1, 4096);
        Assert.InRange(SizeOf(typeof(PortPage)), 1, RegionLayout.PortStride);
        Assert.Equal(LanePage.SizeBytes, SizeOf(typeof(LanePage)));
        Assert.InRange(512 + SizeOf(typeof(LaneCounters)), 1, LanePage.SizeBytes); // explicit: nothing else checks
        Assert.Equal(FrameMeta.SizeBytes, SizeOf(typeof(FrameMeta)));
    }
}
