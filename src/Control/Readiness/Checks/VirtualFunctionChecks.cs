using System.Globalization;
using LowLatency.Control.Configuring;
using LowLatency.Native.Netlink;

namespace LowLatency.Control.Readiness.Checks;

/// <summary>SR-IOV: what a physical function lets its virtual ones do.</summary>
internal static class VirtualFunctionChecks
{
    // enum { IFLA_VF_LINK_STATE_AUTO, _ENABLE, _DISABLE } (linux/if_link.h).
    private const ulong AlwaysUp = 1;
    private const ulong AlwaysDown = 2;
    private const ulong NotSaid = uint.MaxValue; // a setting that the driver does not tell (rtnl_fill_vfinfo)

    private static readonly string[] Virtual = ["iavf", "igbvf", "ixgbevf", "i40evf", "bnxt_vf", "cxgb4vf",
        "gve", "ena"];

    /// <summary>The policy of the physical function.</summary>
    public static Check Policy => new()
    {
        Id = "nic.sriov.vf-policy",
        Kind = CheckKind.Static,
        Severities = "M/H/-",
        Reads = [new Read("netlink:route.link {port.link}", Intrusion.I1, ReadTraits.Window),
            new Read("driver:{port.link}", Intrusion.I1)],
        Expects = "no virtual function is limited in rate or has its link switched, and VLAN, trust and "
            + "spoof check are as declared",
        Why = "what a virtual function may do is decided on the physical one, out of the guest's sight",
        Source = "ip-link(8) (vf); linux/if_link.h (IFLA_VF_*)",
        Remedy = new Remedy(RollbackClass.Firmware, "on the host: ip link set PF vf N max_tx_rate 0 trust "
            + "on vlan 0 state auto"),
        Judge = static facts => facts.EachPort(port => Functions(facts, port)),
    };

    private static IEnumerable<Finding> Functions(Facts facts, TopologyPort port)
    {
        NetlinkTree link = NicChecks.Needed(facts, port, "route.link");
        IReadOnlyList<NetlinkTree> functions = link.Child(LinkAttribute.VfList)?.Children(
            LinkAttribute.Vf) ?? [];
        string source = $"driver:{port.Space}{port.Interface}";
        string driver = facts.TextOrMissing(source) is null ? "" : facts.Value(source, "driver");
        if (functions.Count == 0)
        {
            return Virtual.Contains(driver)
                ? [Finding.Unknown($"it is a virtual function ({driver}): what it may do shows on the "
                    + $"physical one only")]
                : [Finding.NotApplicable("it has no virtual functions, and is none")];
        }

        return functions.Select((function, number) => Judge(port, function, number));
    }

    // One finding a function: everything that is wrong with it, the gravest decides.
    private static Finding Judge(TopologyPort port, NetlinkTree function, int number)
    {
        PortExpectation expect = port.Declared.Expect;
        List<string> wrong = [], odd = [], untold = [], fixes = [];
        void Mend(string what) => fixes.Add(string.Create(CultureInfo.InvariantCulture,
            $"{NicChecks.Prefix(port)}ip link set {port.Interface} vf {number} {what}"));

        // struct ifla_vf_rate: vf, min_tx_rate, max_tx_rate; all others: vf, setting.
        if (function.Field(LinkAttribute.VfRate, 8, 4) is > 0 and ulong rate)
        {
            wrong.Add(string.Create(CultureInfo.InvariantCulture, $"is limited to {rate} Mbit/s"));
            Mend("max_tx_rate 0");
        }

        ulong? state = function.Field(LinkAttribute.VfLinkState, 4, 4);
        if (state is AlwaysUp or AlwaysDown)
        {
            (state == AlwaysDown ? wrong : odd).Add(state == AlwaysDown ? "has its link switched off"
                : "has its link switched on: losing the wire does not show");
            Mend("state auto");
        }

        ulong vlan = function.Field(LinkAttribute.VfVlan, 4, 4) ?? 0;
        if (vlan != (ulong)(expect.VfVlan ?? 0))
        {
            string told = vlan == 0 ? "is in no VLAN" : string.Create(CultureInfo.InvariantCulture,
                $"is put into VLAN {vlan}");
            (expect.VfVlan is null ? odd : wrong).Add(expect.VfVlan is not int wanted ? told
                : string.Create(CultureInfo.InvariantCulture, $"{told}, declared is {wanted}"));
            Mend(string.Create(CultureInfo.InvariantCulture, $"vlan {expect.VfVlan ?? 0}"));
        }

        Compare("trust", "trust", expect.VfTrust, function.Field(LinkAttribute.VfTrust, 4, 4));
        Compare("spoof check", "spoofchk", expect.VfSpoofCheck,
            function.Field(LinkAttribute.VfSpoofCheck, 4, 4));
        string name = string.Create(CultureInfo.InvariantCulture, $"vf {number}");
        string all = $"{name} {string.Join("; ", [.. wrong, .. odd, .. untold])}";
        return wrong.Count > 0 ? Finding.Fail(all, null, [.. fixes])
            : untold.Count > 0 ? Finding.Unknown(all)
            : odd.Count > 0 ? Finding.Warn(all, null, [.. fixes])
            : Finding.Pass($"{name}: no limit");

        void Compare(string what, string option, bool? declared, ulong? setting)
        {
            if (declared is not bool wanted)
            {
                return;
            }

            if (setting is null or NotSaid)
            {
                untold.Add($"does not show its {what}");
            }
            else if (wanted != (setting != 0))
            {
                wrong.Add($"has {what} {(wanted ? "off, declared is on" : "on, declared is off")}");
                Mend($"{option} {(wanted ? "on" : "off")}");
            }
        }
    }
}
