using System.Buffers.Binary;
using LowLatency.Native.Layout;
using Xunit;

namespace LowLatency.Dataplane.Tests.Stages;

/// <summary>Translations in two dictionaries that never forget: time alone says what is alive.</summary>
internal sealed class NatModel(NatSettings settings)
{
    private readonly Dictionary<(byte, uint, int, uint, int), Flow> _byInside = [];
    private readonly Dictionary<(byte, uint, int, uint, int), Flow> _byOutside = [];

    public int Made { get; private set; }

    /// <summary>Takes a frame from inside and what became of it; the reason that it should have, if
    /// any.</summary>
    public DropReason Out(NatFrame frame, byte[]? sent, long nowNs, int low, int high)
    {
        (byte, uint, int, uint, int) key =
            (frame.Protocol, frame.Source, frame.SourcePort, frame.Destination, frame.DestinationPort);
        if (!_byInside.TryGetValue(key, out Flow? flow) || flow.ExpiresNs <= nowNs)
        {
            if (sent == null)
            {
                // No port: whatever its outside address, all ports towards that remote pair are in use.
                Assert.True(high - low < 128 && _byOutside.Values.Where(other => other.ExpiresNs > nowNs
                    && (other.Key.Item1, other.Key.Item4, other.Key.Item5)
                        == (frame.Protocol, frame.Destination, frame.DestinationPort))
                    .GroupBy(other => other.Outside).Any(ports => ports.Count() == high - low + 1));
                return DropReason.NatNoPort;
            }

            flow = new Flow
            {
                Key = key,
                Outside = BinaryPrimitives.ReadUInt32BigEndian(sent.AsSpan(26)),
                Port = BinaryPrimitives.ReadUInt16BigEndian(sent.AsSpan(frame.Protocol == 1 ? 38 : 34)),
            };
            Assert.InRange(flow.Port, low, high);
            Assert.False(IsTaken(flow, flow.Port, nowNs));
            Assert.True(flow.Port == frame.SourcePort || frame.SourcePort < low || frame.SourcePort > high
                || IsTaken(flow, frame.SourcePort, nowNs), "a free port is kept");
            _byInside[key] = flow;
            _byOutside[(frame.Protocol, flow.Outside, flow.Port, frame.Destination,
                frame.DestinationPort)] = flow;
            Made++;
        }

        Assert.Equal((frame with { Source = flow.Outside, SourcePort = flow.Port }).Bytes(), sent);
        flow.Touch(frame, isOut: true, nowNs, settings);
        return DropReason.NoVerdict;
    }

    /// <summary>What a frame from outside becomes; null: no flow.</summary>
    public NatFrame? In(NatFrame frame, long nowNs)
    {
        if (!_byOutside.TryGetValue((frame.Protocol, frame.Destination, frame.DestinationPort, frame.Source,
            frame.SourcePort), out Flow? flow) || flow.ExpiresNs <= nowNs)
        {
            return null;
        }

        flow.Touch(frame, isOut: false, nowNs, settings);
        return frame with { Destination = flow.Key.Item2, DestinationPort = flow.Key.Item3 };
    }

    /// <summary>An answer to some flow, alive or not; now and then to none.</summary>
    public NatFrame AnyAnswer(Random random, byte protocol, uint outside)
    {
        if (_byOutside.Count == 0 || random.Next(5) == 0)
        {
            int port = 1 + random.Next(65_535);
            return new NatFrame(protocol, 0x01020304, protocol == 1 ? 0 : 53, outside, port)
            {
                Type = 0,
            };
        }

        int at = random.Next(Math.Max(0, _byOutside.Count - 200), _byOutside.Count);
        Flow flow = _byOutside.ElementAt(at).Value;
        return new NatFrame(flow.Key.Item1, flow.Key.Item4, flow.Key.Item5, flow.Outside, flow.Port)
        {
            Type = 0,
        };
    }

    private bool IsTaken(Flow flow, int port, long nowNs) =>
        _byOutside.TryGetValue((flow.Key.Item1, flow.Outside, port, flow.Key.Item4, flow.Key.Item5),
            out Flow? other)
            && other.ExpiresNs > nowNs;

    private sealed class Flow
    {
        private bool _out;
        private bool _in;
        private bool _opened;
        private bool _finOut;
        private bool _finIn;
        private bool _reset;

        public required (byte, uint, int, uint, int) Key { get; init; }

        public required uint Outside { get; init; }

        public required int Port { get; init; }

        public long ExpiresNs { get; private set; }

        public void Touch(NatFrame frame, bool isOut, long nowNs, NatSettings settings)
        {
            bool isSyn = (frame.Flags & 2) != 0;
            if ((_reset || (_finOut && _finIn)) && isSyn && (frame.Flags & 20) == 0)
            {
                (_out, _in, _opened, _finOut, _finIn, _reset) = (false, false, false, false, false, false);
                (_out, _in) = (isOut, !isOut);
                ExpiresNs = nowNs + Time(frame, settings);
                return;
            }

            _out |= isOut;
            _in |= !isOut;
            _opened |= !isSyn;
            _finOut |= isOut && (frame.Flags & 1) != 0;
            _finIn |= !isOut && (frame.Flags & 1) != 0;
            _reset |= (frame.Flags & 4) != 0;
            ExpiresNs = nowNs + Time(frame, settings);
        }

        private long Time(NatFrame frame, NatSettings settings) => frame.Protocol switch
        {
            6 => _out && _in && _opened && !_reset && !(_finOut && _finIn)
                ? settings.EstablishedNs : settings.TransitoryNs,
            17 => settings.UdpNs,
            _ => settings.IcmpNs,
        };
    }
}
