using LowLatency.Native.Interop;

namespace LowLatency.Native.Xdp;

/// <summary>BPF_PROG_TEST_RUN: a frame in, a verdict and a frame out, no network. For tests.</summary>
internal static unsafe class BpfTestRun
{
    /// <summary>Shortest frame the kernel takes (net/bpf/test_run.c: ETH_HLEN).</summary>
    public const int FrameBytesMin = 14;

    private const int OutBytesMax = 16 * 1024;

    /// <summary>What came out.</summary>
    /// <param name="Action">XDP_* the program answered.</param>
    /// <param name="Frame">The frame, and what lies before it when the program moved the start of
    /// metadata.</param>
    /// <param name="MetaBytes">Bytes of metadata at the start of <paramref name="Frame"/>.</param>
    /// <param name="DurationNs">Mean time of one run, ns.</param>
    public sealed record Result(uint Action, byte[] Frame, int MetaBytes, uint DurationNs);

    /// <summary>Runs the program once, or <paramref name="repeat"/> times for a mean time.</summary>
    /// <exception cref="NativeException">The kernel refused.</exception>
    public static Result Run(int programFd, ReadOnlySpan<byte> frame, int repeat = 1)
    {
        byte[] output = new byte[OutBytesMax];
        LibBpf.XdpContext contextIn = new() { DataEnd = (uint)frame.Length };
        LibBpf.XdpContext contextOut = default;
        fixed (byte* input = frame)    // in bounds: lengths are the spans' own
        fixed (byte* into = output)
        {
            LibBpf.TestRunOptions options = new()
            {
                Size = (nuint)sizeof(LibBpf.TestRunOptions),
                DataIn = input,
                DataInBytes = (uint)frame.Length,
                DataOut = into,
                DataOutBytes = OutBytesMax,
                ContextIn = &contextIn,
                ContextInBytes = (uint)sizeof(LibBpf.XdpContext),
                ContextOut = &contextOut,
                ContextOutBytes = (uint)sizeof(LibBpf.XdpContext),
                Repeat = repeat,
            };
            int rc = LibBpf.TestRun(programFd, &options);
            if (rc < 0)
            {
                throw new NativeException("bpf(BPF_PROG_TEST_RUN)", (Errno)(-rc),
                    $"The frame has {frame.Length} bytes; the kernel takes {FrameBytesMin} or more.");
            }

            return new Result(options.Answer, output[..(int)options.DataOutBytes],
                (int)(contextOut.Data - contextOut.DataMeta), options.DurationNs);
        }
    }
}
