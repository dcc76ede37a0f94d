using System.Runtime.CompilerServices;
using LowLatency.Native.Interop;
using LowLatency.Native.Layout;
using LowLatency.Native.Xdp;
using Xunit;

namespace LowLatency.Native.Tests.Xdp;

/// <summary>The C side of each shared struct, as the host's compiler sees it, against the C# side.</summary>
public sealed unsafe class XdpLayoutTests
{
    [Fact]
    public void Outcomes_have_the_same_values_in_C_and_in_CSharp()
    {
        string[] names = [.. Enum.GetNames<XdpOutcome>().Select(OutcomeInC), "LL_OUTCOMES"];
        Dictionary<string, long> c = HostC.Values(names);
        foreach (XdpOutcome outcome in Enum.GetValues<XdpOutcome>())
        {
            Assert.Equal((long)outcome, c[OutcomeInC(outcome.ToString())]);
        }

        Assert.Equal(OutcomeCounters.Count, c["LL_OUTCOMES"]);
        Assert.Equal(CounterNames.Outcomes.Length, Enum.GetValues<XdpOutcome>().Length);
        Assert.Equal(OutcomesOfHeader(), Enum.GetValues<XdpOutcome>().Length);
    }

    [Fact]
    public void Claims_and_flags_have_the_same_values() => HostC.Compare(
        ("LL_CLAIM_NONE", (long)Claim.None),
        ("LL_CLAIM_IP", (long)Claim.Ip),
        ("LL_CLAIM_UDP", (long)Claim.Udp),
        ("LL_CLAIM_ALL", (long)Claim.All),
        ("LL_CLAIM_ROUTE", (long)Claim.Route),
        ("LL_FLAG_STAMP", XdpConfig.FlagStamp),
        ("LL_FLAG_PATH", XdpConfig.FlagPath),
        ("LL_FLAG_PATH_1", XdpConfig.FlagPath1),
        ("LL_RULES_MAX", XdpRules.Max),
        ("LL_EGRESS_MAX", Limits.PortsMax),
        ("LL_KIND_PROTOCOL_SHIFT", XdpRule.ProtocolShift),
        ("LL_KIND_PORTS", XdpRule.PortsBit),
        ("LL_KIND_IP", XdpRule.IpBit),
        ("LL_MAC_DESTINATION", (long)MacFrom.Destination),
        ("LL_MAC_SOURCE", (long)MacFrom.Source),
        ("LL_MAC_FIXED", (long)MacFrom.Fixed),
        ("LL_LOCALS_MAX", XdpConfig.LocalsMax),
        ("LL_META_MAGIC", FrameMeta.MagicValue));

    [Fact]
    public void The_config_has_the_same_layout()
    {
        XdpConfig config = default;
        HostC.Compare(
            ("sizeof(struct ll_config)", sizeof(XdpConfig)),
            ("offsetof(struct ll_config, claim)", Offset(ref config, ref config.Claim)),
            ("offsetof(struct ll_config, claim_port_low)", Offset(ref config, ref config.ClaimPortLow)),
            ("offsetof(struct ll_config, claim_port_high)", Offset(ref config, ref config.ClaimPortHigh)),
            ("offsetof(struct ll_config, flags)", Offset(ref config, ref config.Flags)),
            ("offsetof(struct ll_config, local4_filter)", Offset(ref config, ref config.Local4Filter)),
            ("offsetof(struct ll_config, local6_filter)", Offset(ref config, ref config.Local6Filter)),
            ("offsetof(struct ll_config, own_mac)", Offset(ref config, ref config.OwnMac)));
    }

    [Fact]
    public void A_path_and_its_rules_have_the_same_layout()
    {
        XdpPath path = default;
        XdpRule rule = default;
        HostC.Compare(
            ("sizeof(struct ll_path)", sizeof(XdpPath)),
            ("sizeof(struct ll_rule)", sizeof(XdpRule)),
            ("sizeof(struct ll_hits)", RuleCounter.SizeBytes),
            ("offsetof(struct ll_path, source)", Offset(ref path, ref path.Source)),
            ("offsetof(struct ll_path, destination_from)", Offset(ref path, ref path.DestinationFrom)),
            ("offsetof(struct ll_path, source_from)", Offset(ref path, ref path.SourceFrom)),
            ("offsetof(struct ll_path, egress)", Offset(ref path, ref path.Egress)),
            ("offsetof(struct ll_path, bytes_max)", Offset(ref path, ref path.BytesMax)),
            ("offsetof(struct ll_path, has_filter)", Offset(ref path, ref path.HasFilter)),
            ("offsetof(struct ll_path, rule_count)", Offset(ref path, ref path.RuleCount)),
            ("offsetof(struct ll_path, default_is_drop)", Offset(ref path, ref path.DefaultIsDrop)),
            ("offsetof(struct ll_path, has_route)", Offset(ref path, ref path.HasRoute)),
            ("offsetof(struct ll_path, root_bits4)", Offset(ref path, ref path.RootBits4)),
            ("offsetof(struct ll_path, root_bits6)", Offset(ref path, ref path.RootBits6)),
            ("offsetof(struct ll_path, hop_count)", Offset(ref path, ref path.HopCount)),
            ("offsetof(struct ll_path, own_mac)", Offset(ref path, ref path.OwnMac)),
            ("offsetof(struct ll_path, tables_at)", Offset(ref path, ref path.TablesAt)),
            ("offsetof(struct ll_path, has_vlan)", Offset(ref path, ref path.HasVlan)),
            ("offsetof(struct ll_path, vlan_tag_in)", Offset(ref path, ref path.VlanTagIn)),
            ("offsetof(struct ll_path, vlan_tag_in_too)", Offset(ref path, ref path.VlanTagInToo)),
            ("offsetof(struct ll_path, vlan_tag_out)", Offset(ref path, ref path.VlanTagOut)),
            ("offsetof(struct ll_path, vlan_priority)", Offset(ref path, ref path.VlanPriority)),
            ("offsetof(struct ll_path, filter_at)", Offset(ref path, ref path.FilterAt)),
            ("sizeof(struct ll_vlans)", sizeof(VlanMap)),
            ("LL_VLAN_UNTAGGED", PathCompiler.LeavesUntagged),
            ("LL_VLAN_LANE", VlanMap.None),
            ("LL_FILTER_BETWEEN", (long)FilterPlace.Between),
            ("LL_FILTER_LAST", (long)FilterPlace.Last),
            ("LL_TABLES", RouteSettings.Tables),
            ("LL_TABLE_ROUTES4", RouteSettings.Routes4),
            ("LL_TABLE_ROUTES6", RouteSettings.Routes6),
            ("LL_TABLE_HOPS", RouteSettings.NextHops),
            ("offsetof(struct ll_path, rules)", Offset(ref path, ref path.Rules)),
            ("offsetof(struct ll_rule, address_mask)", Offset(ref rule, ref rule.AddressMask)),
            ("offsetof(struct ll_rule, kind)", Offset(ref rule, ref rule.Kind)),
            ("offsetof(struct ll_rule, kind_mask)", Offset(ref rule, ref rule.KindMask)),
            ("offsetof(struct ll_rule, source_low)", Offset(ref rule, ref rule.SourceLow)),
            ("offsetof(struct ll_rule, source_span)", Offset(ref rule, ref rule.SourceSpan)),
            ("offsetof(struct ll_rule, destination_low)", Offset(ref rule, ref rule.DestinationLow)),
            ("offsetof(struct ll_rule, destination_span)", Offset(ref rule, ref rule.DestinationSpan)),
            ("offsetof(struct ll_rule, is_drop)", Offset(ref rule, ref rule.IsDrop)),
            ("offsetof(struct ll_rule, counter)", Offset(ref rule, ref rule.Counter)));
    }

    [Fact]
    public void An_address_has_the_same_filter_bit()
    {
        foreach (byte last in Enumerable.Range(0, 256).Select(value => (byte)value))
        {
            Span<byte> address6 = [0xFD, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, last];
            Span<byte> folded = [0xFD, 0, 1, (byte)(9 ^ last)];
            Assert.Equal(XdpConfig.FilterSlot(folded), XdpConfig.FilterSlot(address6));
        }

        uint[] words = [0, 1, 0x0100090A, 0xFF, 0x80000000, 0xFFFFFFFF, 0xDEADBEEF];
        HostC.Compare([.. words.Select(word => ($"ll_filter_bit(0x{word:x}U)",
            (long)(1UL << XdpConfig.FilterSlot(BitConverter.GetBytes(word)))))]);
    }

    [Fact]
    public void The_stamp_and_the_counters_have_the_same_layout()
    {
        FrameMeta meta = default;
        HostC.Compare(
            ("sizeof(struct ll_meta)", sizeof(FrameMeta)),
            ("sizeof(struct ll_meta)", FrameMeta.SizeBytes),
            ("offsetof(struct ll_meta, received_ns)", Offset(ref meta, ref meta.ReceivedNs)),
            ("offsetof(struct ll_meta, magic)", Offset(ref meta, ref meta.Magic)),
            ("offsetof(struct ll_meta, queue)", Offset(ref meta, ref meta.Queue)),
            ("sizeof(struct ll_outcomes)", 2 * sizeof(OutcomeCounters)),
            ("sizeof(struct ll_address6)", sizeof(Address16)));
    }

    [Fact]
    public void The_options_of_libbpf_have_the_same_layout()
    {
        LibBpf.ObjectOpenOptions open = default;
        LibBpf.ProgramInfo program = default;
        LibBpf.LinkInfo link = default;
        HostC.Compare(
            ("sizeof(struct bpf_object_open_opts)", sizeof(LibBpf.ObjectOpenOptions)),
            ("offsetof(struct bpf_object_open_opts, kernel_log_buf)",
                (byte*)&open.KernelLog - (byte*)&open),
            ("offsetof(struct bpf_object_open_opts, kernel_log_size)",
                Offset(ref open, ref open.KernelLogBytes)),
            ("offsetof(struct bpf_object_open_opts, kernel_log_level)",
                Offset(ref open, ref open.KernelLogLevel)),
            ("sizeof(struct bpf_test_run_opts)", sizeof(LibBpf.TestRunOptions)),
            ("sizeof(struct xdp_md)", sizeof(LibBpf.XdpContext)),
            ("offsetof(struct bpf_prog_info, id)", Offset(ref program, ref program.Id)),
            ("offsetof(struct bpf_prog_info, jited_prog_len)", Offset(ref program, ref program.JitedBytes)),
            ("offsetof(struct bpf_prog_info, name)", Offset(ref program, ref program.Name[0])),
            ("offsetof(struct bpf_link_info, prog_id)", Offset(ref link, ref link.ProgramId)),
            ("offsetof(struct bpf_link_info, xdp.ifindex)", Offset(ref link, ref link.InterfaceIndex)),
            ("BPF_XDP", LibBpf.AttachTypeXdp),
            ("BPF_LINK_TYPE_XDP", LibBpf.LinkTypeXdp),
            ("XDP_FLAGS_SKB_MODE", LibBpf.FlagSkbMode),
            ("XDP_FLAGS_DRV_MODE", LibBpf.FlagDrvMode),
            ("XDP_PASS", LibBpf.ActionPass),
            ("XDP_REDIRECT", LibBpf.ActionRedirect));
    }

    private static long Offset<TStruct, TField>(ref TStruct whole, ref TField field) =>
        Unsafe.ByteOffset(ref Unsafe.As<TStruct, byte>(ref whole), ref Unsafe.As<TField, byte>(ref field));

    // PassedNotOurs -> LL_PASSED_NOT_OURS
    private static string OutcomeInC(string name) =>
        "LL" + string.Concat(name.Select(c => (char.IsUpper(c) ? "_" : "") + char.ToUpperInvariant(c)));

    // Enumerators of enum ll_outcome but LL_OUTCOMES: a reason added in C alone must not go unnoticed.
    private static int OutcomesOfHeader()
    {
        string header = File.ReadAllText(Path.Combine(HostC.Root(), "xdp", "lowlat.h"));
        string body = header[header.IndexOf("enum ll_outcome {", StringComparison.Ordinal)..];
        return body[..body.IndexOf("};", StringComparison.Ordinal)].Split('\n')
            .Count(line => line.TrimStart().StartsWith("LL_", StringComparison.Ordinal)) - 1;
    }
}
