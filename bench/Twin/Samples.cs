using System.Buffers.Binary;
using LowLatency.Native.Layout;

namespace LowLatency.Bench.Twin;

/// <summary>Rules and frames for both sides.</summary>
internal static class Samples
{
    /// <summary>Four rules, as a small filter has; traffic of <see cref="Udp"/> is decided by the third or
    /// fourth.
    /// </summary>
    public static PlanRule[] Rules =>
    [
        Rule(4, 6, 10, 8, 22, 22, RuleAction.Drop),
        Rule(6, 17, 0x20, 3, 0, 65535, RuleAction.Pass),
        Rule(4, 17, 198, 8, 9000, 9003, RuleAction.Drop),
        Rule(4, 17, 198, 8, 4000, 4999, RuleAction.Pass),
    ];

    /// <summary>A 60-byte UDP frame over IPv4; every sixteenth is for a port that is dropped.</summary>
    public static byte[] Udp(int n)
    {
        byte[] frame = new byte[60];
        frame[12] = 8;
        frame[14] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(16), 46);
        frame[22] = 64;
        frame[23] = 17;
        ((ReadOnlySpan<byte>)[198, 18, 0, 1, 198, 19, 0, 1]).CopyTo(frame.AsSpan(26));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(34), (ushort)(10_000 + n));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(36), (ushort)(n % 16 == 15 ? 9001 : 4000 + (n % 1000)));
        return frame;
    }

    /// <summary>A frame that is nearly right: some header, some tags, some length, some bytes
    /// changed.</summary>
    public static byte[] Odd(Random random)
    {
        byte[] frame = new byte[random.Next(0, 160)];
        random.NextBytes(frame);
        int at = 12;
        ushort[] types = [0x0800, 0x86DD, 0x0806, 0x8100, 0x88A8];
        for (int i = 0; i < 3 && frame.Length >= at + 2; i++, at += 4)
        {
            ushort type = types[random.Next(types.Length)];
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at), type);
            if (type < 0x8100 || type == 0x86DD)
            {
                Shape(frame.AsSpan(at + 2), type, random);
                break;
            }
        }

        return frame;
    }

    private static void Shape(Span<byte> packet, ushort type, Random random)
    {
        if (packet.Length < 40)
        {
            return;
        }

        byte[] protocols = [6, 17, 132, 0, 43, 44, 60, 1];
        byte protocol = protocols[random.Next(protocols.Length)];
        int slack = random.Next(-2, 8);
        if (type == 0x0800)
        {
            packet[0] = (byte)(0x40 | random.Next(4, 9));
            BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)Math.Max(0, packet.Length - slack));
            packet[9] = protocol;
            packet[6] = (byte)(random.Next(4) == 0 ? 1 : 0);
            packet[7] = 0;
            packet[16] = random.Next(2) == 0 ? (byte)10 : (byte)198;
            int ports = (packet[0] & 0xF) * 4;
            if (packet.Length >= ports + 4)
            {
                ushort[] known = [22, 4000, 9001, 9003, 9004, 65535];
                BinaryPrimitives.WriteUInt16BigEndian(packet[(ports + 2)..], known[random.Next(known.Length)]);
            }
        }
        else if (type == 0x86DD)
        {
            packet[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)Math.Max(0, packet.Length - 40 - slack));
            packet[6] = protocol;
            packet[24] = random.Next(2) == 0 ? (byte)0x20 : (byte)0xFE;
            if (packet.Length >= 44)
            {
                packet[40] = protocols[random.Next(protocols.Length)];
                packet[41] = (byte)random.Next(3);
            }
        }
    }

    private static PlanRule Rule(
        uint family, uint protocol, byte first, uint bits, ushort low, ushort high, RuleAction action)
    {
        PlanRule rule = new()
        {
            Family = family,
            Protocol = protocol,
            DestinationBits = bits,
            SourcePortHigh = 65535,
            DestinationPortLow = low,
            DestinationPortHigh = high,
            Port = -1,
            Action = action,
        };
        rule.Destination[0] = first;
        return rule;
    }
}
