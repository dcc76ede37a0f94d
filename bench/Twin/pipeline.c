/* SPDX-License-Identifier: MIT */
#include "pipeline.h"
#include <stdlib.h>
#include <string.h>

#define NONE (~0)
enum { FILTER_RULE = 3, FILTER_DEFAULT = 4, MALFORMED = 5 };
enum { ANY_PROTOCOL = 256, ETHERNET = 14, IPV4 = 0x0800, IPV6 = 0x86DD, VLAN = 0x8100, SERVICE_VLAN = 0x88A8 };
enum result { IP, NOT_IP, BROKEN };

struct tuple {
	uint32_t family, protocol;
	uint64_t source_high, source_low, destination_high, destination_low;
	uint16_t source_port, destination_port;
	int has_ports;
};

static inline uint16_t be16(const uint8_t *p)
{
	uint16_t value;

	memcpy(&value, p, 2);
	return __builtin_bswap16(value);
}

static inline uint32_t be32(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, 4);
	return __builtin_bswap32(value);
}

static inline uint64_t be64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, 8);
	return __builtin_bswap64(value);
}

static inline enum result read_ports(const uint8_t *p, uint32_t length, struct tuple *tuple)
{
	if (tuple->protocol != 17 && tuple->protocol != 6 && tuple->protocol != 132)
		return IP;
	if (length < 4)
		return BROKEN;
	tuple->source_port = be16(p);
	tuple->destination_port = be16(p + 2);
	tuple->has_ports = 1;
	return IP;
}

static inline enum result parse_ipv4(const uint8_t *p, uint32_t length, struct tuple *tuple)
{
	if (length < 20)
		return BROKEN;

	uint32_t header = (p[0] & 0xF) * 4u, total = be16(p + 2);

	if (p[0] >> 4 != 4 || header < 20 || total < header || length < total)
		return BROKEN;
	tuple->family = 4;
	tuple->protocol = p[9];
	tuple->source_low = be32(p + 12);
	tuple->destination_low = be32(p + 16);
	return (be16(p + 6) & 0x1FFF) == 0 ? read_ports(p + header, total - header, tuple) : IP;
}

static enum result skip_extensions(const uint8_t *p, uint32_t length, struct tuple *tuple)
{
	for (int i = 0; i < 8; i++) {
		uint32_t bytes;

		switch (tuple->protocol) {
		case 0:
		case 43:
		case 60:
			bytes = length >= 2 ? (p[1] + 1u) * 8 : 8;
			break;
		case 44:
			bytes = 8;
			break;
		default:
			return read_ports(p, length, tuple);
		}
		if (length < bytes)
			return BROKEN;

		int is_later_fragment = tuple->protocol == 44 && (be16(p + 2) & 0xFFF8) != 0;

		tuple->protocol = p[0];
		p += bytes;
		length -= bytes;
		if (is_later_fragment)
			return IP;
	}
	return IP;
}

static __attribute__((noinline)) enum result parse_ipv6(const uint8_t *p, uint32_t length, struct tuple *tuple)
{
	if (length < 40 || p[0] >> 4 != 6)
		return BROKEN;

	uint32_t total = 40u + be16(p + 4);

	if (length < total)
		return BROKEN;
	tuple->family = 6;
	tuple->source_high = be64(p + 8);
	tuple->source_low = be64(p + 16);
	tuple->destination_high = be64(p + 24);
	tuple->destination_low = be64(p + 32);
	tuple->protocol = p[6];
	return skip_extensions(p + 40, total - 40, tuple);
}

static inline enum result parse(const uint8_t *frame, uint32_t length, struct tuple *tuple)
{
	uint32_t at = ETHERNET;

	*tuple = (struct tuple){ 0 };
	if (length < at)
		return BROKEN;

	uint16_t type = be16(frame + 12);

	for (int tag = 0; tag < 2 && (type == VLAN || type == SERVICE_VLAN); tag++) {
		at += 4;
		if (length < at)
			return BROKEN;
		type = be16(frame + at - 2);
	}
	if (type == IPV4)
		return parse_ipv4(frame + at, length - at, tuple);
	return type == IPV6 ? parse_ipv6(frame + at, length - at, tuple) : NOT_IP;
}

static inline int matches(const struct rule *r, const struct tuple *t, int32_t ingress)
{
	return (((t->source_high ^ r->source_high) & r->source_mask_high) |
		((t->source_low ^ r->source_low) & r->source_mask_low) |
		((t->destination_high ^ r->destination_high) & r->destination_mask_high) |
		((t->destination_low ^ r->destination_low) & r->destination_mask_low)) == 0 &&
	       (r->family == 0 || r->family == t->family) &&
	       (r->protocol == ANY_PROTOCOL || (r->protocol == t->protocol && t->family != 0)) &&
	       (r->port < 0 || r->port == ingress) &&
	       (!r->needs_ports ||
		(t->has_ports && (uint16_t)(t->source_port - r->source_port_low) <= r->source_port_span &&
		 (uint16_t)(t->destination_port - r->destination_port_low) <= r->destination_port_span));
}

static inline int32_t filter(const struct pipeline *p, const uint8_t *frame, uint32_t length, int32_t ingress,
			     int32_t verdict)
{
	struct tuple tuple;

	if (parse(frame, length, &tuple) == BROKEN)
		return ~MALFORMED;
	for (uint64_t i = 0; i < p->rule_count; i++) {
		if (matches(&p->rules[i], &tuple, ingress)) {
			p->counters[i].frames++;
			p->counters[i].bytes += length;
			return p->rules[i].is_drop ? ~FILTER_RULE : verdict;
		}
	}
	return p->default_drops ? ~FILTER_DEFAULT : verdict;
}

static inline int32_t cross_connect(const struct pipeline *p, int32_t ingress, int32_t verdict)
{
	if (ingress == p->port_a)
		return p->port_b;
	return ingress == p->port_b ? p->port_a : verdict;
}

static inline int32_t rewrite(const struct pipeline *p, uint8_t *frame, uint32_t length, int32_t verdict)
{
	const uint64_t mac = 0xFFFFFFFFFFFFull;

	if (verdict < 0 || (p->rewrite_port >= 0 && verdict != p->rewrite_port))
		return verdict;
	if (length < ETHERNET)
		return ~MALFORMED;

	uint64_t destination = p->destination, source = p->source, head;
	uint32_t tail;

	if (!destination)
		memcpy(&destination, frame, 8);
	if (!source) {
		memcpy(&source, frame + 4, 8);
		source >>= 16;
	}
	head = (destination & mac) | source << 48;
	tail = (uint32_t)(source >> 16);
	memcpy(frame, &head, 8);
	memcpy(frame + 8, &tail, 4);
	return verdict;
}

void pipeline_run(const struct pipeline *p, const struct descriptor *descriptors, int32_t *verdicts, uint32_t count,
		  int32_t ingress)
{
	for (uint32_t i = 0; i < count; i++) {
		int32_t verdict = verdicts[i];

		if (verdict < NONE) /* ended */
			continue;

		uint64_t address = descriptors[i].address;
		uint32_t length = descriptors[i].length;

		if (address >= p->umem_bytes || length > p->umem_bytes - address)
			abort(); /* as the C# side's Invariant */

		uint8_t *frame = p->umem + address;

		verdict = filter(p, frame, length, ingress, verdict);
		if (verdict >= NONE) {
			verdict = cross_connect(p, ingress, verdict);
			if (verdict >= NONE)
				verdict = rewrite(p, frame, length, verdict);
		}
		verdicts[i] = verdict;
	}
}
