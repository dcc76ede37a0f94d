/* SPDX-License-Identifier: MIT */
/*
 * What lowlat.bpf.c and LowLatency.Native share. The C# side is Layout/Counters.cs (XdpOutcome),
 * Layout/Frame.cs (FrameMeta), Layout/Plan.cs (Claim) and Xdp/XdpConfig.cs; a test compiles this header with
 * the host's compiler and compares every size, offset and value.
 */
#ifndef LOWLAT_H
#define LOWLAT_H

#include <linux/types.h>

/* Which frames of a port are ours. */
enum ll_claim {
	LL_CLAIM_NONE = 0, /* nothing: a port that only sends */
	LL_CLAIM_IP = 1,   /* IPv4 and IPv6, but for this port's own addresses, discovery and control */
	LL_CLAIM_UDP = 2,  /* of those, UDP to a destination port in the range */
	LL_CLAIM_ALL = 3,  /* every frame */
	LL_CLAIM_ROUTE = 4, /* as LL_CLAIM_IP, but only what a router forwards: judge_route() */
};

/*
 * What became of a frame. What is not redirected is passed to the kernel's stack; only a rule of a path
 * (struct ll_path) drops.
 */
enum ll_outcome {
	LL_REDIRECTED = 0,       /* to the socket of its queue */
	LL_PASSED_NOT_OURS = 1,  /* not in the claim */
	LL_PASSED_CONTROL = 2,   /* ARP, LLDP, a bridge's reserved MAC, IPv4 link-local multicast */
	LL_PASSED_DISCOVERY = 3, /* neighbour discovery, MLD, IPv6 link-local destinations */
	LL_PASSED_LOCAL = 4,     /* for an address of this port */
	LL_PASSED_NO_SOCKET = 5, /* ours, but no socket serves its queue */
	LL_PASSED_MALFORMED = 6, /* too short to judge, or a header that contradicts itself */
	LL_PASSED_MULTICAST = 7, /* LL_CLAIM_ROUTE: group or broadcast destination, MAC or IP */
	LL_PASSED_TTL = 8,       /* LL_CLAIM_ROUTE: TTL or hop limit used up: the stack answers */
	LL_OFFLOADED = 9,        /* sent out of another interface by a path, past the lane */
	LL_DROPPED_RULE = 10,    /* a rule of a path said so */
	LL_DROPPED_DEFAULT = 11, /* no rule of a path named it and its default is drop */
	LL_OUTCOMES = 16,        /* slots, with room to grow; a power of two, so that a mask proves the index */
};

/* Bits of ll_config.flags. */
enum ll_flag {
	LL_FLAG_STAMP = 1, /* write struct ll_meta before each redirected frame */
	LL_FLAG_PATH = 2,  /* the path of entry 0 of ll_paths is tried before the socket */
	LL_FLAG_PATH_1 = 4, /* of entry 1 rather: one is used while the other is written */
};

/* The one entry of map ll_config. */
struct ll_config {
	__u32 claim;           /* enum ll_claim */
	__u16 claim_port_low;  /* first UDP destination port, host order */
	__u16 claim_port_high; /* last UDP destination port, host order */
	__u32 flags;           /* enum ll_flag */
	__u32 reserved;
	__u64 local4_filter;   /* ll_filter_bit() of each entry of map ll_local4 */
	__u64 local6_filter;   /* and of ll_local6, the four words of an address xor-ed */
	__u64 own_mac;         /* LL_CLAIM_ROUTE: the interface's MAC, first byte lowest */
};

/*
 * A bit that is not set says "not local" for one multiplication; the hash map, 27 ns a look-up on the machine
 * this was written on, is asked only about the rest: this port's own frames and 1 in 64 of others per
 * address.
 */
static inline __u64 ll_filter_bit(__u32 word)
{
	return 1ULL << (word * 0x9E3779B1U >> 26); /* 2^32 / golden ratio: neighbours spread (Knuth, 6.4) */
}

/* The one entry, per CPU, of map ll_outcomes: one system call reads them all. */
struct ll_outcomes {
	__u64 count[LL_OUTCOMES];
	__u64 bytes[LL_OUTCOMES]; /* of LL_OFFLOADED and later ones: frames that end in the program */
};

#define LL_RULES_MAX 64  /* rules of a path: a lane has them all, whatever their number */
#define LL_EGRESS_MAX 64 /* interfaces of a plan */

/* Bits of ll_rule.kind: family, then protocol, as the lane's FiveTuple has them. */
#define LL_KIND_PROTOCOL_SHIFT 8
#define LL_KIND_PORTS 0x10000U /* the frame has ports */
#define LL_KIND_IP 0x20000U    /* IPv4 or IPv6 */

/* One rule as masks and ranges: what the lane's filter stage compiles it to. */
struct ll_rule {
	__u64 address[4]; /* source, destination: 16 bytes each in network order, IPv4 in the last four */
	__u64 address_mask[4];
	__u32 kind;
	__u32 kind_mask;
	__u16 source_low; /* ports, host order */
	__u16 source_span;
	__u16 destination_low;
	__u16 destination_span;
	__u32 is_drop;
	__u32 counter; /* its number in the stage, and in ll_rule_hits */
};

/* Where a MAC of a frame that leaves comes from. */
enum ll_mac_from {
	LL_MAC_DESTINATION = 0, /* the destination that it came with */
	LL_MAC_SOURCE = 1,      /* the source that it came with */
	LL_MAC_FIXED = 2,       /* ll_path */
};

/* What a lane's stages come to for the frames of one interface: the lane's decision without the lane. */
struct ll_path {
	__u64 destination; /* LL_MAC_FIXED: first byte lowest */
	__u64 source;
	__u32 destination_from; /* enum ll_mac_from */
	__u32 source_from;
	__u32 egress;    /* key in ll_egress */
	__u32 bytes_max; /* longer frames are the lane's business */
	__u32 has_filter;
	__u32 rule_count;
	__u32 default_is_drop;
	__u32 has_route; /* ll_tables say where a frame goes, not egress and the MACs above */
	__u32 root_bits4; /* of the direct arrays of the route tables */
	__u32 root_bits6;
	__u32 hop_count;  /* next hops; groups stand behind them */
	__u32 reserved;
	__u64 own_mac;    /* routed is what was sent to it; first byte lowest */
	__u64 tables_at;  /* tells tables from those of another generation; the program does not look */
	__u32 has_vlan;   /* ll_vlans says what becomes of a frame's outer tag */
	__u16 vlan_tag_in;     /* EtherType, host order, of a tag that counts; 0: none does */
	__u16 vlan_tag_in_too; /* another one; 0: there is none */
	__u16 vlan_tag_out;    /* EtherType, host order, of the tag that a frame leaves with */
	__u16 vlan_priority;   /* PCP and DEI of a tag that is added, in their place */
	__u32 filter_at;       /* enum ll_filter_at */
	struct ll_rule rules[LL_RULES_MAX];
};

/* Where the filter stands: its counters count bytes as the frame is there. */
enum ll_filter_at {
	LL_FILTER_FIRST = 0,   /* before tags change */
	LL_FILTER_BETWEEN = 1, /* every frame has a tag */
	LL_FILTER_LAST = 2,    /* as frames leave */
};

#define LL_VLAN_ID 0xFFF
#define LL_VLAN_UNTAGGED 0x1000 /* leaves without a tag */
#define LL_VLAN_LANE 0xFFFF     /* is not allowed: the lane drops it */
#define LL_VLAN_TAGS_MAX 4      /* a frame with as many gets no other one */

/* Entry of map ll_vlans, one for each path: the id that a frame leaves with, by that which it came with. */
struct ll_vlans {
	__u16 to[4096]; /* entry 0: no tag, or one without an id */
};

/* Tables of a path that routes; entry of ll_tables: the path's number times LL_TABLES, plus one of these. */
enum ll_table_of {
	LL_TABLE_ROUTES4 = 0,
	LL_TABLE_ROUTES6 = 1,
	LL_TABLE_HOPS = 2,
	LL_TABLES = 3,
};

/* Frames that a rule matched, per CPU; entry: the path's number times LL_RULES_MAX, plus ll_rule.counter. */
struct ll_hits {
	__u64 frames;
	__u64 bytes;
};

/* Key of map ll_local6: an IPv6 address in network order. */
struct ll_address6 {
	__u32 word[4];
};

#define LL_META_MAGIC 0x544D4C4CU /* "LLMT" */

/* Written right before a stamped frame; a multiple of 4 bytes, as bpf_xdp_adjust_meta() demands. */
struct ll_meta {
	__u64 received_ns; /* CLOCK_MONOTONIC when the program ran */
	__u32 magic;       /* LL_META_MAGIC */
	__u32 queue;       /* queue the frame came in by */
};

#define LL_SOCKETS_MAX 64  /* default of map ll_sockets; resized to the interface's queue count at load */
#define LL_LOCALS_MAX 1024 /* addresses of one interface, per family */

#endif
