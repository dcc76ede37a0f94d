/* SPDX-License-Identifier: MIT */
/*
 * The part of a path that changes tags: what the lane's vlan stages, on the way in and on the way out, come
 * to between one port and the one that it is connected to. A frame that would be dropped is left to the lane,
 * which counts it by its reason.
 */
#ifndef LOWLAT_VLAN_BPF_H
#define LOWLAT_VLAN_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct ll_vlans);
} ll_vlans SEC(".maps");

/* What becomes of the outer tag of a frame. */
struct tagging {
	__u32 tags;   /* that it came with, LL_VLAN_TAGS_MAX or more as that */
	__u16 to;     /* entry of ll_vlans */
	__u8 is_tagged;
	__be16 tci;   /* of the tag that it came with */
};

static __always_inline int is_tag(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/* 0: the lane must look at it. */
static __always_inline int read_tagging(const struct ll_path *path, __u32 number, const struct ethhdr *eth,
					const void *end, struct tagging *out)
{
	const struct vlan_tag *tag = (const void *)(eth + 1);
	const struct ll_vlans *vlans = bpf_map_lookup_elem(&ll_vlans, &number);
	__be16 type = eth->h_proto;
	__u16 id = 0;

	if (!vlans) /* for the verifier: array entries are always there */
		return 0;

	out->is_tagged = is_tag(type) && (type == bpf_htons(path->vlan_tag_in)
		|| type == bpf_htons(path->vlan_tag_in_too));
	if (out->is_tagged) {
		if ((const void *)(tag + 1) > end)
			return 0;
		out->tci = tag->tci;
		id = bpf_ntohs(tag->tci) & LL_VLAN_ID;
	}

	out->tags = 0;
#pragma unroll
	for (int i = 0; i < LL_VLAN_TAGS_MAX; i++) {
		if (!is_tag(type))
			break;
		out->tags++;
		if ((const void *)(tag + 1) > end)
			break;
		type = tag->type;
		tag++;
	}

	out->to = vlans->to[id & LL_VLAN_ID];
	if (out->to == LL_VLAN_LANE)
		return 0;

	/* The lane puts a tag on before it takes one off: a frame that has no room for it is dropped there. */
	return out->is_tagged || out->tags < LL_VLAN_TAGS_MAX;
}

static __always_inline int is_added(const struct tagging *tagging)
{
	return !tagging->is_tagged && !(tagging->to & LL_VLAN_UNTAGGED);
}

static __always_inline int is_removed(const struct tagging *tagging)
{
	return tagging->is_tagged && (tagging->to & LL_VLAN_UNTAGGED);
}

/* 0: the driver refused, and the frame is as it came. */
static __always_inline int retag(struct xdp_md *ctx, const struct ll_path *path,
				 const struct tagging *tagging)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u64 macs[2] = {};
	int move = is_added(tagging) ? -(int)sizeof(struct vlan_tag)
		: is_removed(tagging) ? (int)sizeof(struct vlan_tag) : 0;

	if (!tagging->is_tagged && move == 0)
		return 1; /* a tag put on and taken off */
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return 0;

	__builtin_memcpy(macs, eth, 2 * ETH_ALEN);
	if (move != 0 && bpf_xdp_adjust_head(ctx, move) != 0)
		return 0;

	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return 0; /* for the verifier: a frame with a tag is longer than a header without */

	__builtin_memcpy(eth, macs, 2 * ETH_ALEN);
	if (is_removed(tagging))
		return 1;

	struct vlan_tag *tag = (void *)(eth + 1);

	if ((void *)(tag + 1) > (void *)(long)ctx->data_end)
		return 0; /* for the verifier */

	__u16 kept = tagging->is_tagged ? bpf_ntohs(tagging->tci) & ~LL_VLAN_ID : path->vlan_priority;

	eth->h_proto = bpf_htons(path->vlan_tag_out);
	tag->tci = bpf_htons(kept | (tagging->to & LL_VLAN_ID));

	return 1;
}

#endif
