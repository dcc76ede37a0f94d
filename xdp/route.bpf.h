/* SPDX-License-Identifier: MIT */
/*
 * The part of lowlat.bpf.c that routes as the lane's route stage does, over the very memory that the lane
 * reads: tables of LowLatency.Native.Tables (RangeTrie, NextHops) lie in array maps that Control and lanes
 * have mapped. What is not plainly to be forwarded is left to the lane, which knows all the reasons.
 */
#ifndef LOWLAT_ROUTE_BPF_H
#define LOWLAT_ROUTE_BPF_H

/* 32 bytes of a table: 8 entries of a direct array, 16 starts or 8 values of a node, or a next hop. */
struct ll_block {
	__u32 word[8];
};

/* One table. Any count of blocks: BPF_F_INNER_MAP frees the outer map from asking for the same. */
struct ll_table {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	__uint(key_size, sizeof(__u32)); /* sizes: clang declares no types for a map inside a map */
	__uint(value_size, sizeof(struct ll_block));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2 * LL_TABLES);
	__type(key, __u32);
	__array(values, struct ll_table);
} ll_tables SEC(".maps");

/* CRC-32C of each byte at each of eight places, written before loading. */
const volatile __u32 ll_crc[8][256] SEC(".rodata.crc") = {};

#define NODE_CLASS_SHIFT 26
#define NODE_UNIT_MASK ((1U << NODE_CLASS_SHIFT) - 1)
#define NODE_STEPS_MAX 13 /* halvings of the largest node */
#define UNIT_BLOCKS 3     /* 16 starts, 16 values */
#define UNIT_RANGES 16
#define LEVELS6_MAX 7
#define VALUE_MASK 0x7FFFFFFFU
#define HOP_GROUP (1U << 30)
#define GROUP_BUCKETS 64
#define HOP_FORWARD 1

/* Units of a node by size class (RangeTrie.ClassUnits); 0: no class. */
static const __u16 class_units[32] = {
	1,  2,   3,   4,   6,   8,	12,   16,   24,	  32,	48,   64,   96,
	128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 5120,
};

/* How a frame leaves that is forwarded. */
struct departure {
	__u64 destination; /* MACs, first byte lowest */
	__u64 source;
	__u32 egress;
	__u32 bytes; /* the rest of the frame is padding */
};

static __always_inline const struct ll_block *block_at(void *table, __u32 index)
{
	return bpf_map_lookup_elem(table, &index);
}

/* An entry of an array that begins at a block; 0 outside of the table, as for "no route". */
static __always_inline __u32 word_at(void *table, __u32 block, __u32 index)
{
	const struct ll_block *at = block_at(table, block + (index >> 3));

	return at ? *(const volatile __u32 *)&at->word[index & 7] : 0;
}

/* RangeTrie.Search: the last range of a node that begins at the key or before it. */
static __noinline __u32 search(void *table, __u32 nodes, __u32 node, __u32 key)
{
	__u32 units = class_units[(node >> NODE_CLASS_SHIFT) & 31];
	__u32 starts = nodes + (node & NODE_UNIT_MASK) * UNIT_BLOCKS;
	__s16 wanted = (__s16)(key ^ 0x8000); /* starts are biased, for signed comparison */
	__u32 first = 0;
	__u32 left = units;

	if (units == 0)
		return 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < NODE_STEPS_MAX && left > 1; i++) {
		__u32 half = left >> 1;
		const struct ll_block *block = block_at(table, starts + first + half);

		if (!block)
			return 0;
		first = *(const volatile __s16 *)block <= wanted ? first + half : first;
		left -= half;
	}

	const volatile __s16 *start = (const volatile void *)block_at(table, starts + first);

	if (!start)
		return 0;

	__u32 place = 0;

#pragma unroll
	for (__u32 step = UNIT_RANGES / 2; step > 0; step >>= 1)
		place = start[(place + step) & (UNIT_RANGES - 1)] <= wanted ? place + step : place;

	__u32 last = units * UNIT_RANGES - 1;
	__u32 index = first * UNIT_RANGES + place;
	__u32 value = word_at(table, starts + units, index < last ? index : last - 1);

	return value ? value : word_at(table, starts + units, last);
}

/* Next hop or group of an address. An entry with its highest bit set is a node. */
static __always_inline __u32 find4(void *table, __u32 root_bits, __u32 address)
{
	__u32 entry = word_at(table, 0, address >> ((32 - root_bits) & 31));

	if ((__s32)entry < 0)
		entry = search(table, 1U << ((root_bits - 3) & 31), entry,
			address & (0xFFFFFFFF >> (root_bits & 31)));

	return entry & VALUE_MASK;
}

static __always_inline __u32 find6(void *table, __u32 root_bits, __u64 high, __u64 low)
{
	__u32 entry = word_at(table, 0, (__u32)(high >> 32) >> ((32 - root_bits) & 31));
	__u32 bits = root_bits & 31;

#pragma clang loop unroll(disable)
	for (int level = 0; level < LEVELS6_MAX && (__s32)entry < 0; level++) {
		high = high << bits | low >> ((64 - bits) & 63);
		low <<= bits;
		entry = search(table, 1U << ((root_bits - 3) & 31), entry, (__u32)(high >> 48));
		bits = 16;
	}

	return entry & VALUE_MASK;
}

static __always_inline __u32 crc_step(__u32 crc, __u64 data)
{
	__u64 mixed = data ^ crc;

	return ll_crc[7][mixed & 0xFF] ^ ll_crc[6][mixed >> 8 & 0xFF] ^ ll_crc[5][mixed >> 16 & 0xFF]
		^ ll_crc[4][mixed >> 24 & 0xFF] ^ ll_crc[3][mixed >> 32 & 0xFF] ^ ll_crc[2][mixed >> 40 & 0xFF]
		^ ll_crc[1][mixed >> 48 & 0xFF] ^ ll_crc[0][mixed >> 56];
}

/* The route stage's hash of a flow: all fragments of a packet go without ports. 0: the lane knows. */
static __noinline int hash_of(const struct ethhdr *frame, const void *end, __u32 *hash)
{
	struct tuple tuple = {};
	const struct iphdr *ip = (const void *)(frame + 1);

	if ((const void *)(ip + 1) > end || !read_tuple(&tuple, frame, end))
		return 0;

	int is_fragment = frame->h_proto == bpf_htons(ETH_P_IP) && (ip->frag_off & bpf_htons(0x3FFF)) != 0;
	__u32 protocol = tuple.kind >> LL_KIND_PROTOCOL_SHIFT & 0xFF;
	__u32 ports = is_fragment ? 0 : (__u32)tuple.source << 16 | tuple.destination;
	__u32 crc = crc_step(0xFFFFFFFF, tuple.address[0]);

	crc = crc_step(crc, tuple.address[1]);
	crc = crc_step(crc, tuple.address[2]);
	crc = crc_step(crc, tuple.address[3]);
	crc = crc_step(crc, (__u64)protocol << 32 | ports);
	*hash = crc ^ crc >> 16;

	return 1;
}

/* The next hop of a value, if it is a plain one and takes a packet of this size. */
static __always_inline int depart(const struct ll_path *path, __u32 number, __u32 value,
				  const struct ethhdr *frame, const void *end, __u32 packet,
				  struct departure *out)
{
	__u32 entry = number * LL_TABLES + LL_TABLE_HOPS;
	void *hops = bpf_map_lookup_elem(&ll_tables, &entry);

	if (!hops)
		return 0;
	if (value & HOP_GROUP) {
		__u32 hash = 0;

		if (!hash_of(frame, end, &hash))
			return 0;
		value = word_at(hops, path->hop_count + (value & ~HOP_GROUP) * (GROUP_BUCKETS / 8),
				hash & (GROUP_BUCKETS - 1));
	}
	if (value >= path->hop_count)
		return 0;

	const volatile __u64 *hop = (const volatile void *)block_at(hops, value);

	if (!hop)
		return 0;

	__u64 destination = hop[0]; /* first: the rest was written before */
	__u64 source = hop[1];

	if ((destination >> 48 & 0xFF) != HOP_FORWARD || packet > *(const volatile __u32 *)&hop[2])
		return 0;

	out->destination = destination;
	out->source = source;
	out->egress = source >> 48 & (LL_EGRESS_MAX - 1);

	return 1;
}

static __always_inline int is_plain4(__u32 address)
{
	__u32 top = address >> 24;

	return top - 1 < 223 && top != 127;
}

static __always_inline int route4(const struct ll_path *path, __u32 number,
				  const struct ethhdr *frame, const void *end, struct departure *out)
{
	const struct iphdr *ip = (const void *)(frame + 1);
	const __u32 *word = (const void *)ip;

	if ((const void *)(ip + 1) > end || *(const __u8 *)ip != 0x45 || ip->ttl <= 1) /* no options */
		return 0;

	__u32 total = bpf_ntohs(ip->tot_len);
	__u64 sum = (__u64)word[0] + word[1] + word[2] + word[3] + word[4];

	if (total < sizeof(*ip) || total > end - (const void *)ip)
		return 0;
	sum = (sum & 0xFFFFFFFF) + (sum >> 32);
	sum = (sum & 0xFFFF) + (sum >> 16);
	sum = (sum & 0xFFFF) + (sum >> 16);
	if ((sum & 0xFFFF) + (sum >> 16) != 0xFFFF)
		return 0;

	__u32 target = bpf_ntohl(ip->daddr);

	if (!is_plain4(bpf_ntohl(ip->saddr)) || !is_plain4(target))
		return 0;

	__u32 entry = number * LL_TABLES + LL_TABLE_ROUTES4;
	void *routes = bpf_map_lookup_elem(&ll_tables, &entry);

	out->bytes = sizeof(*frame) + total;

	return routes
		&& depart(path, number, find4(routes, path->root_bits4, target), frame, end, total, out);
}

/* Neither unspecified nor loopback, nor link-local, nor a group. */
static __always_inline int is_plain6(__u64 high, __u64 low)
{
	return (high | low >> 1) != 0 && high >> 54 != 0xFE80 >> 6 && high >> 56 != 0xFF;
}

static __always_inline int route6(const struct ll_path *path, __u32 number,
				  const struct ethhdr *frame, const void *end, struct departure *out)
{
	const struct ipv6hdr *ip = (const void *)(frame + 1);
	__u64 word[4];

	if ((const void *)(ip + 1) > end || ip->version != 6 || ip->nexthdr == IPPROTO_HOPOPTS
	    || ip->hop_limit <= 1)
		return 0;

	__u32 payload = bpf_ntohs(ip->payload_len);

	__builtin_memcpy(word, &ip->saddr, sizeof(word));
	if (payload > end - (const void *)(ip + 1)
	    || !is_plain6(bpf_be64_to_cpu(word[0]), bpf_be64_to_cpu(word[1]))
	    || !is_plain6(bpf_be64_to_cpu(word[2]), bpf_be64_to_cpu(word[3])))
		return 0;

	__u32 entry = number * LL_TABLES + LL_TABLE_ROUTES6;
	void *routes = bpf_map_lookup_elem(&ll_tables, &entry);

	out->bytes = sizeof(*frame) + sizeof(*ip) + payload;

	return routes
		&& depart(path, number,
			  find6(routes, path->root_bits6, bpf_be64_to_cpu(word[2]), bpf_be64_to_cpu(word[3])),
			  frame, end, sizeof(*ip) + payload, out);
}

static __always_inline __u64 mac_of(const __u8 *bytes)
{
	__u32 low;
	__u16 high;

	__builtin_memcpy(&low, bytes, sizeof(low));
	__builtin_memcpy(&high, bytes + sizeof(low), sizeof(high));

	return low | (__u64)high << 32;
}

/* Where a frame goes that is plainly to be routed; 0: the lane's business. Writes nothing. */
static __always_inline int route(const struct ll_path *path, __u32 number, const struct ethhdr *frame,
				 const void *end, struct departure *out)
{
	if (mac_of(frame->h_dest) != path->own_mac)
		return 0;
	if (likely(frame->h_proto == bpf_htons(ETH_P_IP)))
		return route4(path, number, frame, end, out);

	return frame->h_proto == bpf_htons(ETH_P_IPV6)
		&& route6(path, number, frame, end, out);
}

/* Writes the headers of a routed frame, whose padding is gone; 0: it is not what route() saw. */
static __always_inline int rewrite(struct xdp_md *ctx, const struct departure *out)
{
	struct ethhdr *frame = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct iphdr *ip4 = (void *)(frame + 1);
	struct ipv6hdr *ip6 = (void *)(frame + 1);

	if ((void *)(ip4 + 1) > end)
		return 0;
	if (likely(frame->h_proto == bpf_htons(ETH_P_IP))) {
		/* One less in the first byte of a word adds 0x0100 to the complement's sum (RFC 1624). */
		__u32 sum = bpf_ntohs(ip4->check) + 0x0100;

		ip4->ttl--;
		ip4->check = bpf_htons(sum + (sum >= 0xFFFF));
	} else {
		ip6->hop_limit--; /* in the first 20 bytes */
	}

	struct mac destination = { .low = (__u32)out->destination, .high = (__u16)(out->destination >> 32) };
	struct mac source = { .low = (__u32)out->source, .high = (__u16)(out->source >> 32) };

	*(struct mac *)(void *)frame->h_dest = destination;
	*(struct mac *)(void *)frame->h_source = source;

	return 1;
}

#endif
