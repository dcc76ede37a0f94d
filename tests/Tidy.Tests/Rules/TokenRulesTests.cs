using LowLatency.Tidy.Tests.Text;
using Xunit;

namespace LowLatency.Tidy.Tests.Rules;

public sealed class TokenRulesTests
{
    [Theory]
    [InlineData("src/Control/A.cs", "unsafe void F() { }", "unsafe-room")]
    [InlineData("src/Control/A.cs", "fixed (byte* p = bytes)", "unsafe-room")]
    [InlineData("src/Dataplane/Lanes/A.cs", "Marshal.SizeOf<int>();", "unsafe-room")]
    [InlineData("src/Dataplane/Lanes/A.cs", "MemoryMarshal.Read<int>(x);", "unsafe-room")]
    [InlineData("tests/Dataplane.Tests/A.cs", "Unsafe.As<int, uint>(ref x);", "unsafe-room")]
    [InlineData("bench/Micro/A.cs", "[DllImport(\"c\")]", "unsafe-room")]
    [InlineData("src/Control/A.cs", "[LibraryImport(\"c\")]", "unsafe-room")]
    [InlineData("src/Dataplane/Boot/A.cs", "async void F()", "lane-waits")]
    [InlineData("src/Dataplane/Boot/A.cs", "await Done();", "lane-waits")]
    [InlineData("src/Dataplane/Boot/A.cs", "Task<int> F()", "lane-waits")]
    [InlineData("src/Dataplane/Boot/A.cs", "Task.Run(F);", "lane-waits")]
    [InlineData("src/Dataplane/Boot/A.cs", "lock (_gate)", "lane-waits")]
    [InlineData("src/Dataplane/Lanes/A.cs", "Interlocked.Increment(ref x);", "lane-shares")]
    [InlineData("src/Dataplane/Lanes/A.cs", "private volatile bool _x;", "lane-shares")]
    [InlineData("src/Dataplane/Boot/A.cs", "DateTime.UtcNow", "lane-clock")]
    [InlineData("src/Dataplane/Boot/A.cs", "DateTimeOffset now", "lane-clock")]
    [InlineData("src/Dataplane/Boot/A.cs", "using System.Linq;", "lane-allocates")]
    [InlineData("src/Dataplane/Boot/A.cs", "x.Where(y => y > 1)", "lane-allocates")]
    [InlineData("src/Dataplane/Boot/A.cs", "x.Select(y => y + 1)", "lane-allocates")]
    [InlineData("src/Dataplane/Boot/A.cs", "Console.WriteLine();", "lane-speaks")]
    [InlineData("src/Dataplane/Lanes/A.cs", "throw new Exception();", "lane-throws")]
    [InlineData("src/Dataplane/Load/A.cs", "x ?? throw new Exception();", "lane-throws")]
    [InlineData("src/Dataplane/Packets/A.cs", "throw new Exception();", "lane-throws")]
    [InlineData("src/Dataplane/Stages/A.cs", "throw new Exception();", "lane-throws")]
    [InlineData("tests/Control.Tests/A.cs", "Thread.Sleep(1);", "no-sleep")]
    public void A_word_in_the_wrong_room_is_found(string path, string line, string rule)
    {
        Finding finding = Assert.Single(Check(path, "class A\n{\n    " + line + "\n}\n"));
        Assert.Equal((path, 3, rule), (finding.Path, finding.Line, finding.Rule));
        Assert.NotEmpty(finding.Fix);
    }

    [Theory]
    [InlineData("src/Native/A.cs", "unsafe { fixed (byte* p = b) Marshal.F(MemoryMarshal.G(Unsafe.H(p))); }")]
    [InlineData("src/Native/A.cs", "[LibraryImport(\"c\")] throw new Exception();")]
    [InlineData("tests/Native.Tests/A.cs", "unsafe void F() { }")]
    [InlineData("tests/Netns.Tests/A.cs", "unsafe void F() { }")]
    [InlineData("bench/Twin/A.cs", "unsafe void F() { }")]
    [InlineData("src/Control/A.cs", "AllowUnsafe(fixedPoint); x.UnsafeName.F();")]
    [InlineData("src/Control/A.cs",
        "lock (_gate) { Console.WriteLine(DateTime.UtcNow); throw new Exception(); }")]
    [InlineData("src/Control/A.cs", "// unsafe, Thread.Sleep and Marshal. are named here only")]
    [InlineData("src/Control/A.cs", "Say(\"unsafe Thread.Sleep Marshal.\");")]
    [InlineData("src/Dataplane/Boot/A.cs", "throw new Exception();")]
    [InlineData("src/Dataplane/Boot/A.cs", "Volatile.Write(ref x, 1); Clock(block); Where(x); TaskCount++;")]
    [InlineData("src/Dataplane/Program.cs", "Console.Out.WriteLine();")]
    [InlineData("src/Dataplane/Stages/PipelineBuilder.cs", "throw new Exception();")]
    [InlineData("docs.md", "Thread.Sleep is banned, unsafe lives in Native")]
    public void A_word_in_its_own_room_is_left_alone(string path, string line) =>
        Assert.Empty(Check(path, "class A\n{\n    " + line + "\n}\n"));

    [Theory]
    [InlineData("private readonly RxRing _rx;", 1)]
    [InlineData("private readonly Native.Xdp.RxRing _rx = default;", 1)]
    [InlineData("void F(in RxRing ring)", 1)]
    [InlineData("private RxRing _rx;", 0)]
    [InlineData("private readonly RxRing[] _rx;", 0)]
    [InlineData("private readonly EventRing _events;", 0)]
    [InlineData("// private readonly RxRing _rx;", 0)]
    public void A_mutable_ring_is_not_held_readonly(string line, int found) =>
        Assert.Equal(found, TokenRules.ReadOnlyRings(new SourceFile("src/Dataplane/A.cs", line),
            ["RxRing"]).Count());

    [Fact]
    public void The_mutable_rings_are_those_of_the_rings_room()
    {
        const string text =
            "public unsafe struct RxRing { }\npublic readonly struct EventRing { }\nclass FakeRing { }\n";
        Assert.Equal(["RxRing"], TokenRules.MutableRings(new SourceFile("src/Native/Xdp/Rings.cs", text)));
        Assert.Empty(TokenRules.MutableRings(new SourceFile("src/Native/Interop/LibXdp.cs", text)));
    }

    private static List<Finding> Check(string path, string text)
    {
        var file = new SourceFile(path, text);
        return [.. TokenRules.All.SelectMany(ban => ban.Check(file))];
    }
}
