using System.Text;
using LowLatency.Control.Commands;
using LowLatency.Native.Capture;

namespace LowLatency.Control.Recording;

/// <summary>pcapng: sections of either byte order, each with its own interfaces and clocks.</summary>
internal sealed partial class CaptureReader
{
    private const uint ObsoletePacket = 2;
    private const ulong NsPerSecond = 1_000_000_000;
    private readonly List<Clock> _clocks = [];
    private int _firstOfSection;
    private bool _isFirstBlock = true;

    // Units of a second, and seconds to add.
    private readonly record struct Clock(UInt128 UnitsPerSecond, long OffsetSeconds)
    {
        public ulong ToNs(ulong units) => (ulong)((Int128)((UInt128)units * NsPerSecond / UnitsPerSecond)
            + ((Int128)OffsetSeconds * (long)NsPerSecond));
    }

    private bool TryReadPcapng(out CapturePacket packet)
    {
        packet = default;
        while (Torn is null && TryReadBlock(out int bytes))
        {
            bool isPacket = false;
            bool isGood = Word(0) switch
            {
                Pcapng.SectionHeader => TakeSection(),
                Pcapng.InterfaceDescription => TakeInterface(bytes),
                Pcapng.InterfaceStatistics => TakeStatistics(bytes),
                Pcapng.EnhancedPacket => isPacket = TakePacket(bytes, out packet),
                Pcapng.SimplePacket => isPacket = TakeSimple(bytes, out packet),
                ObsoletePacket => throw CommandFailure.Input($"{_path}: has an obsolete packet block at byte "
                    + $"{WholeBytes}, which is not read: 'editcap {_path} new.pcapng' renews the file"),
                _ => true,
            };
            if (!isGood)
            {
                Torn ??= $"the block of type {Word(0)} contradicts itself";
                return false;
            }

            WholeBytes += bytes;
            if (isPacket)
            {
                return true;
            }
        }

        return false;
    }

    // Type and length at the front, the same length at the end: what was torn by a crash fails one of them.
    private bool TryReadBlock(out int bytes)
    {
        bytes = 0;
        int from = _isFirstBlock ? 4 : 0; // the first type was read on opening
        _isFirstBlock = false;
        if (!TryFill(from, Pcapng.BlockBytesMin, "a block's head"))
        {
            return false;
        }

        bool isSection = Little(0) == Pcapng.SectionHeader;
        if (isSection)
        {
            _isBig = Little(8) != Pcapng.ByteOrderMagic;
            if (_isBig && Word(8) != Pcapng.ByteOrderMagic)
            {
                return Tear("a section header has no byte order");
            }
        }

        uint length = Word(4);
        if (length < (isSection ? 28 : Pcapng.BlockBytesMin) || length > BlockBytesMax
            || length % Pcapng.Alignment != 0)
        {
            return Tear(length == 0 && Word(0) == 0 ? "zeros follow" : $"{length} is no length of a block");
        }

        bytes = (int)length;
        return TryFill(Pcapng.BlockBytesMin, bytes, "a block")
            && (Word(bytes - 4) == length || Tear("a block's two lengths differ"));
    }

    private bool TakeSection()
    {
        if (Half(12) != 1)
        {
            return Tear($"version {Half(12)} of the format is not known");
        }

        _firstOfSection = _interfaces.Count;
        return true;
    }

    private bool TakeInterface(int bytes)
    {
        if (bytes < 20)
        {
            return false;
        }

        string name = "";
        UInt128 units = 1_000_000; // what holds without the option
        long offset = 0;
        int at = 16;
        while (TryReadOption(ref at, bytes, out int option, out int value, out int valueBytes))
        {
            switch (option)
            {
                case Pcapng.NameOption:
                    name = Encoding.UTF8.GetString(_block, value, valueBytes);
                    break;
                case Pcapng.ResolutionOption when valueBytes == 1:
                    int power = _block[value] & 0x7F; // the top bit: of 2, not of 10
                    UInt128 root = (_block[value] & 0x80) != 0 ? 2u : 10u;
                    if (power > (root == 2 ? 64 : 19))
                    {
                        return Tear($"a clock of {root}^-{power} s is none");
                    }

                    units = 1;
                    for (int i = 0; i < power; i++)
                    {
                        units *= root;
                    }

                    break;
                case Pcapng.OffsetOption when valueBytes == 8:
                    offset = (long)Long(value);
                    break;
            }
        }

        _interfaces.Add(new CaptureInterface((ushort)Half(8), Word(12), name));
        _clocks.Add(new Clock(units, offset));
        return at >= 0;
    }

    private bool TakeStatistics(int bytes)
    {
        if (bytes < 24 || !TryFind(Word(8), out int port))
        {
            return false;
        }

        CaptureInterface found = _interfaces[port];
        int at = 20;
        while (TryReadOption(ref at, bytes, out int option, out int value, out int valueBytes))
        {
            found = (option, valueBytes) switch
            {
                (Pcapng.ReceivedOption, 8) => found with { Received = Long(value) },
                (Pcapng.DroppedOption, 8) => found with { Dropped = Long(value) },
                _ => found,
            };
        }

        _interfaces[port] = found;
        return at >= 0;
    }

    private bool TakePacket(int bytes, out CapturePacket packet)
    {
        packet = default;
        if (bytes < Pcapng.PacketHeadBytes + 4 || !TryFind(Word(8), out int port))
        {
            return false;
        }

        uint captured = Word(20);
        if (captured > (uint)(bytes - Pcapng.PacketHeadBytes - 4))
        {
            return false;
        }

        uint flags = 0;
        ReadOnlyMemory<byte> comment = default;
        int at = Pcapng.PacketHeadBytes + Pcapng.Aligned((int)captured);
        while (TryReadOption(ref at, bytes, out int option, out int value, out int valueBytes))
        {
            if (option == Pcapng.FlagsOption && valueBytes == 4)
            {
                flags = Word(value);
            }
            else if (option == Pcapng.CommentOption && comment.IsEmpty)
            {
                comment = _block.AsMemory(value, valueBytes);
            }
        }

        ulong timeNs = _clocks[port].ToNs(((ulong)Word(12) << 32) | Word(16));
        ReadOnlyMemory<byte> data = _block.AsMemory(Pcapng.PacketHeadBytes, (int)captured);
        packet = new CapturePacket(port, timeNs, Math.Max(Word(24), captured), data, flags, comment)
        {
            Offset = WholeBytes + Pcapng.PacketHeadBytes,
        };
        return at >= 0;
    }

    private bool TakeSimple(int bytes, out CapturePacket packet)
    {
        packet = default;
        if (bytes < 16 || !TryFind(0, out int port))
        {
            return false;
        }

        uint snap = _interfaces[port].SnapBytes;
        uint captured = snap == 0 ? Word(8) : Math.Min(Word(8), snap);
        if (captured > (uint)(bytes - 16))
        {
            return false;
        }

        packet = new CapturePacket(port, 0, Word(8), _block.AsMemory(12, (int)captured), 0, default)
        {
            Offset = WholeBytes + 12,
            IsTimed = false,
        };
        return true;
    }

    private bool TryFind(uint number, out int port)
    {
        port = (int)Math.Min(number + (ulong)_firstOfSection, int.MaxValue);
        return port < _interfaces.Count;
    }

    // `at` goes from option to option; negative after one that leaves its block.
    private bool TryReadOption(ref int at, int bytes, out int option, out int value, out int valueBytes)
    {
        (option, value, valueBytes) = (0, 0, 0);
        int end = bytes - 4;
        if (at < 0 || at + 4 > end)
        {
            return false;
        }

        option = Half(at);
        valueBytes = Half(at + 2);
        value = at + 4;
        bool isLast = option == 0;
        at = value + Pcapng.Aligned(valueBytes) <= end ? value + Pcapng.Aligned(valueBytes) : -1;
        return !isLast && at >= 0;
    }
}
