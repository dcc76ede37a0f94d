/* SPDX-License-Identifier: MIT */
/*
 * The XDP program of one interface: is this frame ours? If so, along the path that the lane's stages come to,
 * where there is one, else to the AF_XDP socket of its queue; if not, to the kernel's stack. It drops what a
 * rule of the path drops, and nothing else. Loaded once per interface, with maps of its own; needs Linux 6.1.
 *
 * Order of work: judge the frame from its headers, look for a socket, stamp, count. The common frame
 * (untagged IPv4) costs one bounds check; tags, extension headers and ICMPv6 are out of line in the branches
 * that need them.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "lowlat.h"

#define VLAN_TAGS_MAX 2  /* 802.1Q inside 802.1ad; a third tag is not IP and so not ours */
#define EXTENSIONS_MAX 4  /* IPv6 extension headers looked through; a longer chain is not ours */

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ll_config);
} ll_config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, LL_SOCKETS_MAX);
	__type(key, __u32);
	__type(value, __u32);
} ll_sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ll_outcomes);
} ll_outcomes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LL_LOCALS_MAX);
	__type(key, __u32);
	__type(value, __u8);
} ll_local4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LL_LOCALS_MAX);
	__type(key, struct ll_address6);
	__type(value, __u8);
} ll_local6 SEC(".maps");

/* IEEE 802.1Q */
struct vlan_tag {
	__be16 tci;
	__be16 type;
};

/* RFC 8200: hop-by-hop, routing, destination options; the fragment header has the same first two bytes. */
struct extension {
	__u8 next;
	__u8 length; /* in 8 bytes, without the first 8; reserved in a fragment header */
	__be16 fragment;
	__u8 rest[4];
};

static __always_inline enum ll_outcome judge_udp(const struct ll_config *config, const void *l4,
						  const void *end)
{
	const struct udphdr *udp = l4;

	if (unlikely((const void *)(udp + 1) > end))
		return LL_PASSED_MALFORMED;

	__u16 port = bpf_ntohs(udp->dest);

	int is_in_range = port >= config->claim_port_low && port <= config->claim_port_high;

	return is_in_range ? LL_REDIRECTED : LL_PASSED_NOT_OURS;
}

/*
 * LL_CLAIM_ROUTE: what the stack answers or delivers but never forwards goes past the lane, so that nothing
 * gets around the lane's access lists: groups (net/ipv4/ip_forward.c, RFC 1812 5.3.4) and a TTL that is used
 * up. Options, hop-by-hop headers, missing routes and neighbours the stack would forward: the lane decides.
 */
static __always_inline enum ll_outcome judge_route(const struct ll_config *config, const struct ethhdr *eth,
						    int is_group, __u8 ttl)
{
	__u32 low;
	__u16 high;

	__builtin_memcpy(&low, eth->h_dest, sizeof(low));
	__builtin_memcpy(&high, eth->h_dest + sizeof(low), sizeof(high));
	if (is_group || (low & 1)) /* the group bit is the lowest of the first byte (IEEE 802) */
		return LL_PASSED_MULTICAST;
	if ((low | (__u64)high << 32) != config->own_mac)
		return LL_PASSED_NOT_OURS;

	return ttl <= 1 ? LL_PASSED_TTL : LL_REDIRECTED;
}

static __always_inline enum ll_outcome judge_ipv4(const struct ll_config *config,
						   const struct ethhdr *eth, const void *l3,
						   const void *end)
{
	const struct iphdr *ip = l3;

	if (unlikely((const void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5))
		return LL_PASSED_MALFORMED;

	const void *l4 = l3 + ip->ihl * 4;

	if (unlikely(l4 > end)) /* options that are not there */
		return LL_PASSED_MALFORMED;

	__be32 to = ip->daddr;

	if (unlikely((to & bpf_htonl(0xFFFFFF00)) == bpf_htonl(0xE0000000))) /* 224.0.0.0/24 */
		return LL_PASSED_CONTROL;
	if (unlikely(config->local4_filter & ll_filter_bit(to)) && bpf_map_lookup_elem(&ll_local4, &to))
		return LL_PASSED_LOCAL;
	if (config->claim == LL_CLAIM_ROUTE)
		return judge_route(config, eth,
				   (to & bpf_htonl(0xF0000000)) == bpf_htonl(0xE0000000) || to == 0xFFFFFFFF,
				   ip->ttl);
	if (config->claim != LL_CLAIM_UDP)
		return LL_REDIRECTED;
	if (ip->protocol != IPPROTO_UDP || (ip->frag_off & bpf_htons(0x1FFF)) != 0)
		return LL_PASSED_NOT_OURS; /* a later fragment has no ports */

	return judge_udp(config, l4, end);
}

/* RS, RA, NS, NA, redirect (RFC 4861); MLD query, report, done (RFC 2710) and report v2 (RFC 3810). */
static __always_inline int is_discovery(__u8 type)
{
	return (type >= 133 && type <= 137) || (type >= 130 && type <= 132) || type == 143;
}

static __always_inline int is_extension(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS
		|| next == IPPROTO_FRAGMENT;
}

static __always_inline enum ll_outcome judge_ipv6(const struct ll_config *config,
						   const struct ethhdr *eth, const void *l3,
						   const void *end)
{
	const struct ipv6hdr *ip = l3;

	if (unlikely((const void *)(ip + 1) > end || ip->version != 6))
		return LL_PASSED_MALFORMED;

	struct ll_address6 to;

	__builtin_memcpy(&to, &ip->daddr, sizeof(to));
	if (unlikely((to.word[0] & bpf_htonl(0xFFC00000)) == bpf_htonl(0xFE800000)      /* fe80::/10 */
		     || (to.word[0] & bpf_htonl(0xFFFF0000)) == bpf_htonl(0xFF020000))) /* ff02::/16 */
		return LL_PASSED_DISCOVERY;

	const void *l4 = ip + 1;
	__u8 next = ip->nexthdr;
	int is_later_fragment = 0;

	/* Looked through for every claim: MLD and fragmented discovery stand behind extension headers. */
	for (int i = 0; i < EXTENSIONS_MAX && unlikely(is_extension(next)) && !is_later_fragment; i++) {
		const struct extension *extension = l4;

		if ((const void *)(extension + 1) > end)
			return LL_PASSED_MALFORMED;
		if (next == IPPROTO_FRAGMENT) {
			is_later_fragment = (extension->fragment & bpf_htons(0xFFF8)) != 0;
			l4 += sizeof(*extension);
		} else {
			l4 += 8 + extension->length * 8;
		}
		next = extension->next;
	}

	if (unlikely(next == IPPROTO_ICMPV6 && !is_later_fragment)) {
		const __u8 *type = l4;

		if ((const void *)(type + 1) > end)
			return LL_PASSED_MALFORMED;
		if (is_discovery(*type))
			return LL_PASSED_DISCOVERY;
	}

	__u32 folded = to.word[0] ^ to.word[1] ^ to.word[2] ^ to.word[3];

	if (unlikely(config->local6_filter & ll_filter_bit(folded)) && bpf_map_lookup_elem(&ll_local6, &to))
		return LL_PASSED_LOCAL;
	if (config->claim == LL_CLAIM_ROUTE)
		return judge_route(config, eth, *(const __u8 *)&to == 0xFF, ip->hop_limit);
	if (config->claim != LL_CLAIM_UDP)
		return LL_REDIRECTED;
	if (next != IPPROTO_UDP || is_later_fragment)
		return LL_PASSED_NOT_OURS;

	return judge_udp(config, l4, end);
}

static __always_inline enum ll_outcome judge(struct xdp_md *ctx, const struct ll_config *config)
{
	if (config->claim == LL_CLAIM_ALL)
		return LL_REDIRECTED;
	if (config->claim == LL_CLAIM_NONE)
		return LL_PASSED_NOT_OURS;

	const void *end = (const void *)(long)ctx->data_end;
	const struct ethhdr *eth = (const void *)(long)ctx->data;

	if (unlikely((const void *)(eth + 1) > end))
		return LL_PASSED_MALFORMED;

	/* 01:80:c2:00:00:00 to :0f never leave a link (IEEE 802.1Q table 8-1): STP, LACP, PTP peer delay, LLDP. */
	if (unlikely(eth->h_dest[0] == 0x01 && eth->h_dest[1] == 0x80 && eth->h_dest[2] == 0xC2
		     && eth->h_dest[3] == 0 && eth->h_dest[4] == 0 && (eth->h_dest[5] & 0xF0) == 0))
		return LL_PASSED_CONTROL;

	__be16 type = eth->h_proto;
	const void *l3 = eth + 1;

#pragma unroll
	for (int i = 0; i < VLAN_TAGS_MAX; i++) {
		const struct vlan_tag *tag = l3;

		if (likely(type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD)))
			break;
		if ((const void *)(tag + 1) > end)
			return LL_PASSED_MALFORMED;
		type = tag->type;
		l3 = tag + 1;
	}

	if (likely(type == bpf_htons(ETH_P_IP)))
		return judge_ipv4(config, eth, l3, end);
	if (type == bpf_htons(ETH_P_IPV6))
		return judge_ipv6(config, eth, l3, end);
	if (type == bpf_htons(ETH_P_ARP) || type == bpf_htons(ETH_P_LLDP))
		return LL_PASSED_CONTROL;

	return LL_PASSED_NOT_OURS;
}

/* Where a driver refuses the slot (generic mode, some) the frame goes unstamped: no magic for its reader. */
static __always_inline void stamp(struct xdp_md *ctx)
{
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(struct ll_meta)) != 0)
		return;

	struct ll_meta *meta = (void *)(long)ctx->data_meta;

	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return;

	meta->received_ns = bpf_ktime_get_ns();
	meta->magic = LL_META_MAGIC;
	meta->queue = ctx->rx_queue_index;
}

#include "path.bpf.h"

/* Set before loading. Where no lane offloads, the verifier sees no path: older ones do not follow it. */
const volatile __u32 ll_takes_paths SEC(".rodata.paths") = 0;

SEC("xdp")
int lowlat_xdp(struct xdp_md *ctx)
{
	__u32 zero = 0;
	const struct ll_config *config = bpf_map_lookup_elem(&ll_config, &zero);
	struct ll_outcomes *outcomes = bpf_map_lookup_elem(&ll_outcomes, &zero);

	if (!config || !outcomes) /* for the verifier: array entries are always there */
		return XDP_PASS;

	enum ll_outcome outcome = judge(ctx, config);

	if (ll_takes_paths && outcome == LL_REDIRECTED && (config->flags & LL_FLAG_PATH)) {
		__u32 bytes = ctx->data_end - ctx->data;

		outcome = offload(ctx, config->flags & LL_FLAG_PATH_1 ? 1 : 0, bytes);
		if (likely(outcome != LL_REDIRECTED)) {
			outcomes->count[outcome & (LL_OUTCOMES - 1)]++;
			outcomes->bytes[outcome & (LL_OUTCOMES - 1)] += bytes;
			return outcome == LL_OFFLOADED ? XDP_REDIRECT : XDP_DROP;
		}
	}

	if (likely(outcome == LL_REDIRECTED)) {
		/* XDP_PASS is its answer for a queue without a socket: no second look-up of our own. */
		if (likely(bpf_redirect_map(&ll_sockets, ctx->rx_queue_index, XDP_PASS) == XDP_REDIRECT)) {
			if (config->flags & LL_FLAG_STAMP)
				stamp(ctx);
			outcomes->count[LL_REDIRECTED]++; /* per CPU, softirq: nobody else stores here */
			return XDP_REDIRECT;
		}
		outcome = LL_PASSED_NO_SOCKET;
	}

	outcomes->count[outcome & (LL_OUTCOMES - 1)]++;
	return XDP_PASS;
}

/* bpf_ktime_get_ns and the rest need no GPL; the kernel asks for the string all the same. */
char _license[] SEC("license") = "Dual MIT/GPL";
