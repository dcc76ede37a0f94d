using System.Buffers.Binary;

namespace LowLatency.Dataplane.Tests.Packets;

/// <summary>Checks an untagged UDP frame without options against RFC 791, 768 and 8200, with the naive
/// sum.</summary>
internal static class LoadOracle
{
    public static bool IsIpv4(byte[] frame) => frame[12] == 0x08;

    public static int UdpAt(byte[] frame) => IsIpv4(frame) ? 34 : 54;

    public static bool HasValidChecksums(byte[] frame)
    {
        bool isHeaderValid = !IsIpv4(frame) || HeadersTests.NaiveSum(frame.AsSpan(14, 20)) == 0xFFFF;
        int udpBytes = frame.Length - UdpAt(frame);
        byte[] pseudo = IsIpv4(frame)
            ? [.. frame[26..34], 0, 17, (byte)(udpBytes >> 8), (byte)udpBytes]
            : [.. frame[22..54], 0, 0, (byte)(udpBytes >> 8), (byte)udpBytes, 0, 0, 0, 17];
        byte[] summed = [.. pseudo, .. frame[UdpAt(frame)..]];
        bool isPresent = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(UdpAt(frame) + 6)) != 0; // 0: not computed
        return isHeaderValid && isPresent && HeadersTests.NaiveSum(summed) == 0xFFFF;
    }
}
