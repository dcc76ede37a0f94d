/* SPDX-License-Identifier: MIT */
/*
 * The part of lowlat.bpf.c that forwards in a lane's place: a path (struct ll_path) is what the lane's stages
 * come to for the frames of one interface. What it cannot decide as the lane would, it leaves to the lane.
 */
#ifndef LOWLAT_PATH_BPF_H
#define LOWLAT_PATH_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct ll_path);
} ll_paths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, LL_EGRESS_MAX);
	__type(key, __u32);
	__type(value, __u32);
} ll_egress SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2 * LL_RULES_MAX);
	__type(key, __u32);
	__type(value, struct ll_hits);
} ll_rule_hits SEC(".maps");

/* A frame's addresses, protocol and ports, in the words of struct ll_rule. */
struct tuple {
	__u64 address[4];
	__u32 kind;
	__u16 source;
	__u16 destination;
};

/* Ports of a transport header within its packet; 0: the packet ends before them. */
static __always_inline int read_ports(struct tuple *tuple, __u8 protocol, const void *l4, const void *end,
				      int bytes)
{
	const struct udphdr *udp = l4; /* TCP and SCTP begin with the same two ports */

	if (protocol != IPPROTO_UDP && protocol != IPPROTO_TCP && protocol != IPPROTO_SCTP)
		return 1;
	if (bytes < 4 || (const void *)udp + 4 > end)
		return 0;

	tuple->source = bpf_ntohs(udp->source);
	tuple->destination = bpf_ntohs(udp->dest);
	tuple->kind |= LL_KIND_PORTS;

	return 1;
}

static __always_inline int read_ipv4(struct tuple *tuple, const void *l3, const void *end)
{
	const struct iphdr *ip = l3;

	if ((const void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5)
		return 0;

	int header = ip->ihl * 4;
	int total = bpf_ntohs(ip->tot_len);

	/* Lengths are compared, not pointers: older verifiers refuse a pointer plus a length off the wire. */
	if (total < header || total > end - l3)
		return 0;

	tuple->address[1] = (__u64)ip->saddr << 32;
	tuple->address[3] = (__u64)ip->daddr << 32;
	tuple->kind = 4 | (__u32)ip->protocol << LL_KIND_PROTOCOL_SHIFT | LL_KIND_IP;

	if ((ip->frag_off & bpf_htons(0x1FFF)) != 0)
		return 1; /* a later fragment has no ports */

	return read_ports(tuple, ip->protocol, l3 + header, end, total - header);
}

static __always_inline int read_ipv6(struct tuple *tuple, const void *l3, const void *end)
{
	const struct ipv6hdr *ip = l3;

	if ((const void *)(ip + 1) > end || ip->version != 6 || is_extension(ip->nexthdr))
		return 0;

	int payload = bpf_ntohs(ip->payload_len);

	if (payload > end - (const void *)(ip + 1))
		return 0;

	__builtin_memcpy(tuple->address, &ip->saddr, sizeof(tuple->address));
	tuple->kind = 6 | (__u32)ip->nexthdr << LL_KIND_PROTOCOL_SHIFT | LL_KIND_IP;

	return read_ports(tuple, ip->nexthdr, ip + 1, end, payload);
}

/* 0: malformed, or with extension headers: the lane knows what to do. A frame that is no IP has kind 0. */
static __always_inline int read_tuple(struct tuple *tuple, const struct ethhdr *eth, const void *end)
{
	__be16 type = eth->h_proto;
	const void *l3 = eth + 1;

#pragma unroll
	for (int i = 0; i < VLAN_TAGS_MAX; i++) {
		const struct vlan_tag *tag = l3;

		if (likely(type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD)))
			break;
		if ((const void *)(tag + 1) > end)
			return 0;
		type = tag->type;
		l3 = tag + 1;
	}

	if (likely(type == bpf_htons(ETH_P_IP)))
		return read_ipv4(tuple, l3, end);

	return type == bpf_htons(ETH_P_IPV6) ? read_ipv6(tuple, l3, end) : 1;
}

static __always_inline int is_match(const struct ll_rule *rule, const struct tuple *tuple)
{
	return ((tuple->kind ^ rule->kind) & rule->kind_mask) == 0
		&& ((tuple->address[0] ^ rule->address[0]) & rule->address_mask[0]) == 0
		&& ((tuple->address[1] ^ rule->address[1]) & rule->address_mask[1]) == 0
		&& ((tuple->address[2] ^ rule->address[2]) & rule->address_mask[2]) == 0
		&& ((tuple->address[3] ^ rule->address[3]) & rule->address_mask[3]) == 0
		&& (__u16)(tuple->source - rule->source_low) <= rule->source_span
		&& (__u16)(tuple->destination - rule->destination_low) <= rule->destination_span;
}

/* The first rule that matches counts and decides. */
static __noinline enum ll_outcome filter(const struct ll_path *path, const struct tuple *tuple, __u32 number,
					  __u32 bytes)
{
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < LL_RULES_MAX; i++) {
		if (i >= path->rule_count)
			break;

		const struct ll_rule *rule = &path->rules[i];

		if (!is_match(rule, tuple))
			continue;

		__u32 entry = number * LL_RULES_MAX + rule->counter;
		struct ll_hits *hits = bpf_map_lookup_elem(&ll_rule_hits, &entry);

		if (hits) {
			hits->frames++; /* per CPU, softirq */
			hits->bytes += bytes;
		}

		return rule->is_drop ? LL_DROPPED_RULE : LL_OFFLOADED;
	}

	return path->default_is_drop ? LL_DROPPED_DEFAULT : LL_OFFLOADED;
}

struct mac {
	__u32 low;
	__u16 high;
} __attribute__((packed));

#include "route.bpf.h"
#include "vlan.bpf.h"

static __always_inline struct mac mac_from(__u32 from, const struct mac *destination,
					   const struct mac *source, __u64 fixed)
{
	if (from == LL_MAC_FIXED)
		return (struct mac){ .low = (__u32)fixed, .high = (__u16)(fixed >> 32) };

	return from == LL_MAC_SOURCE ? *source : *destination;
}

/*
 * What the lane would do, done here. LL_REDIRECTED: the lane must look at it, because the frame is malformed,
 * has extension headers or is too long, because its route is not plain, or because the interface that it
 * leaves by is gone.
 */
static __always_inline enum ll_outcome offload(struct xdp_md *ctx, __u32 number, __u32 bytes)
{
	const struct ll_path *path = bpf_map_lookup_elem(&ll_paths, &number);
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *frame = (void *)(long)ctx->data;

	if (!path || (void *)frame + sizeof(*frame) > end)
		return LL_REDIRECTED;

	struct tuple tuple = {};
	struct tagging tagging = {};
	struct departure out = { .egress = path->egress, .bytes = bytes };
	__u32 leaving = bytes;      /* bytes that it leaves with, */
	__u32 bytes_there = bytes;  /* and has where the filter stands */

	if (path->has_vlan) {
		if (!read_tagging(path, number, frame, end, &tagging))
			return LL_REDIRECTED;
		/* Tags that are looked through are so anywhere: no place of the filter sees another header. */
		if (path->has_filter && tagging.tags >= VLAN_TAGS_MAX)
			return LL_REDIRECTED;
		if (is_added(&tagging))
			leaving += sizeof(struct vlan_tag);
		if (is_removed(&tagging))
			leaving -= sizeof(struct vlan_tag);
		if (path->filter_at == LL_FILTER_BETWEEN && !tagging.is_tagged)
			bytes_there += sizeof(struct vlan_tag);
		if (path->filter_at == LL_FILTER_LAST)
			bytes_there = leaving;
	}

	if (leaving > path->bytes_max)
		return LL_REDIRECTED;

	if (path->has_filter && !read_tuple(&tuple, frame, end))
		return LL_REDIRECTED;
	if (path->has_route && !route(path, number, frame, end, &out))
		return LL_REDIRECTED;
	/* Before the rules count: what it has noted is used with XDP_REDIRECT only. */
	if (bpf_redirect_map(&ll_egress, out.egress, XDP_PASS) != XDP_REDIRECT)
		return LL_REDIRECTED;
	if (out.bytes < bytes && bpf_xdp_adjust_tail(ctx, (int)out.bytes - (int)bytes) != 0)
		return LL_REDIRECTED;
	if (path->has_vlan && !retag(ctx, path, &tagging))
		return LL_REDIRECTED;

	enum ll_outcome outcome = path->has_filter ? filter(path, &tuple, number, bytes_there) : LL_OFFLOADED;

	if (outcome != LL_OFFLOADED)
		return outcome;
	if (path->has_route)
		return rewrite(ctx, &out) ? LL_OFFLOADED : LL_REDIRECTED;
	if (path->destination_from != LL_MAC_DESTINATION || path->source_from != LL_MAC_SOURCE) {
		frame = (void *)(long)ctx->data;
		if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
			return LL_REDIRECTED; /* for the verifier: nothing has moved */

		struct mac *to = (void *)frame->h_dest;
		struct mac *from = (void *)frame->h_source;
		struct mac destination = mac_from(path->destination_from, to, from, path->destination);
		struct mac source = mac_from(path->source_from, to, from, path->source);

		*to = destination;
		*from = source;
	}

	return outcome;
}

#endif
