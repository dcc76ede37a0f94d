using System.Buffers.Binary;
using LowLatency.Native;
using LowLatency.Native.Layout;

namespace LowLatency.Dataplane.Load;

/// <summary>What tells one flow from the others, host order. Addresses: their last 32 bits.</summary>
internal readonly record struct LoadFlow(
    uint Source, uint Destination, ushort SourcePort, ushort DestinationPort);

/// <summary>The flows of a load, computed from a frame's number: none is stored, so a million cost what one
/// does. Generator and receiver lanes.</summary>
internal readonly struct LoadFlows
{
    private readonly uint _count;
    private readonly LoadFlow _first;
    private readonly uint _sources;
    private readonly uint _destinations;
    private readonly uint _sourcePorts;
    private readonly uint _destinationPorts;

    /// <summary>Takes the ranges of a plan that was checked.</summary>
    public LoadFlows(in PlanLoad plan)
    {
        int last = plan.Family == 4 ? 0 : 12;
        _count = plan.Flows;
        _first = new LoadFlow(
            BinaryPrimitives.ReadUInt32BigEndian(((ReadOnlySpan<byte>)plan.Source)[last..]),
            BinaryPrimitives.ReadUInt32BigEndian(((ReadOnlySpan<byte>)plan.Destination)[last..]),
            plan.SourcePort, plan.DestinationPort);
        _sources = plan.SourceCount;
        _destinations = plan.DestinationCount;
        _sourcePorts = plan.SourcePortCount;
        _destinationPorts = plan.DestinationPortCount;
        Invariant.Require(_count is > 0 and <= Limits.FlowsMax);
        Invariant.Require(_sources > 0 && _destinations > 0 && _sourcePorts > 0 && _destinationPorts > 0);
    }

    /// <summary>Number of the flow that a frame belongs to.</summary>
    public uint NumberOf(uint sequence) => sequence % _count;

    /// <summary>The flow of a frame.</summary>
    public LoadFlow this[uint sequence]
    {
        get
        {
            uint rest = sequence % _count;
            uint sourcePort = rest % _sourcePorts;
            rest /= _sourcePorts;
            if (rest == 0) // ports alone make the flows: most loads
            {
                return _first with { SourcePort = (ushort)(_first.SourcePort + sourcePort) };
            }

            uint source = rest % _sources;
            rest /= _sources;
            uint destination = rest % _destinations;
            uint destinationPort = rest / _destinations % _destinationPorts;
            return new LoadFlow(_first.Source + source, _first.Destination + destination,
                (ushort)(_first.SourcePort + sourcePort), (ushort)(_first.DestinationPort + destinationPort));
        }
    }

    /// <summary>Whether frames of this load go to a UDP port.</summary>
    public bool HasDestinationPort(ushort port) => (uint)(port - _first.DestinationPort) < _destinationPorts;
}
