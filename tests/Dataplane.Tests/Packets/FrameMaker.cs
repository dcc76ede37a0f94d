using System.Buffers.Binary;

namespace LowLatency.Dataplane.Tests.Packets;

/// <summary>Random frames that look like traffic: tags, options, fragments, extension headers, wrong
/// lengths. One seed, one frame.</summary>
internal static class FrameMaker
{
    private static readonly byte[] Protocols = [17, 6, 132, 1, 58, 50, 0, 44];
    private static readonly byte[] Extensions = [0, 43, 60, 44];

    /// <summary>A frame, mostly well-formed; addresses come from a small set so that prefixes can
    /// match.</summary>
    public static byte[] Make(ulong seed)
    {
        Random random = new((int)(seed ^ (seed >> 32)));
        List<byte> frame = [];
        for (int i = 0; i < 12; i++)
        {
            frame.Add((byte)random.Next(256));
        }

        for (int tags = random.Next(8) switch { < 5 => 0, 5 => 1, 6 => 2, _ => 3 }; tags > 0; tags--)
        {
            frame.AddRange(random.Next(2) == 0 ? [0x81, 0x00] : [0x88, 0xA8]);
            frame.AddRange([(byte)random.Next(256), (byte)random.Next(256)]);
        }

        switch (random.Next(10))
        {
            case < 5:
                AddIpv4(frame, random);
                break;
            case < 9:
                AddIpv6(frame, random);
                break;
            default:
                frame.AddRange([0x08, 0x06]);
                frame.AddRange(new byte[random.Next(46)]);
                break;
        }

        if (random.Next(4) == 0)
        {
            frame.AddRange(new byte[random.Next(20)]); // padding, as short frames have
        }

        return [.. frame];
    }

    private static void AddIpv4(List<byte> frame, Random random)
    {
        int headerBytes = random.Next(3) == 0 ? 20 + (random.Next(11) * 4) : 20;
        int payload = random.Next(40);
        byte[] ip = new byte[headerBytes + payload];
        random.NextBytes(ip);
        ip[0] = (byte)(0x40 | (headerBytes / 4));
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(2), (ushort)ip.Length);
        ip[6] = ip[7] = 0;
        if (random.Next(5) == 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(6), (ushort)(random.Next(8) << 13 | random.Next(3)));
        }

        ip[9] = Protocols[random.Next(Protocols.Length)];
        SmallAddress(ip.AsSpan(12, 4), random);
        SmallAddress(ip.AsSpan(16, 4), random);
        Spoil(ip, random, lengthAt: 2);
        frame.AddRange([0x08, 0x00]);
        frame.AddRange(ip);
    }

    private static void AddIpv6(List<byte> frame, Random random)
    {
        List<byte> rest = [];
        byte[] chain = new byte[random.Next(3) == 0 ? random.Next(1, 11) : 0];
        for (int i = 0; i < chain.Length; i++)
        {
            chain[i] = Extensions[random.Next(Extensions.Length)];
        }

        byte protocol = Protocols[random.Next(Protocols.Length)];
        for (int i = 0; i < chain.Length; i++)
        {
            byte next = i + 1 < chain.Length ? chain[i + 1] : protocol;
            byte[] header = new byte[chain[i] == 44 ? 8 : 8 * (1 + random.Next(3))];
            random.NextBytes(header);
            header[0] = next;
            if (chain[i] != 44)
            {
                header[1] = (byte)((header.Length / 8) - 1);
            }
            else if (random.Next(3) != 0)
            {
                header[2] = 0;
                header[3] = (byte)random.Next(8); // first fragment: reserved bits and M say nothing of the offset
            }

            rest.AddRange(header);
        }

        byte[] payload = new byte[random.Next(30)];
        random.NextBytes(payload);
        rest.AddRange(payload);
        byte[] ip = new byte[40];
        random.NextBytes(ip);
        ip[0] = (byte)(0x60 | random.Next(16));
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(4), (ushort)rest.Count);
        ip[6] = chain.Length > 0 ? chain[0] : protocol;
        SmallAddress(ip.AsSpan(8, 16), random);
        SmallAddress(ip.AsSpan(24, 16), random);
        Spoil(ip, random, lengthAt: 4);
        frame.AddRange([0x86, 0xDD]);
        frame.AddRange(ip);
        frame.AddRange(rest);
    }

    private static void SmallAddress(Span<byte> address, Random random)
    {
        address.Clear();
        address[0] = (byte)(random.Next(2) == 0 ? 10 : 0x20);
        address[^1] = (byte)random.Next(4);
        if (address.Length == 16 && random.Next(2) == 0)
        {
            address[8] = 0x80; // the prefix border of the second half
        }
    }

    private static void Spoil(byte[] ip, Random random, int lengthAt)
    {
        switch (random.Next(16))
        {
            case 0:
                ip[0] = (byte)random.Next(256);
                break;
            case 1:
                ip[lengthAt] = (byte)random.Next(2);
                break;
            case 2:
                ip[lengthAt + 1] = (byte)random.Next(256);
                break;
            default:
                break;
        }
    }
}
