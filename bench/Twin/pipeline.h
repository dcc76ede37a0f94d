/* SPDX-License-Identifier: MIT */
/* The C twin of the fused Filter + CrossConnect + MacRewrite: same inputs, same verdicts, same bytes. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct descriptor { /* linux/if_xdp.h xdp_desc */
	uint64_t address;
	uint32_t length;
	uint32_t options;
};

struct rule { /* as the C# filter keeps a rule: masks and ranges */
	uint64_t source_high, source_low, source_mask_high, source_mask_low;
	uint64_t destination_high, destination_low, destination_mask_high, destination_mask_low;
	uint32_t family, protocol;
	int32_t port;
	uint16_t source_port_low, source_port_span, destination_port_low, destination_port_span;
	uint32_t needs_ports, is_drop;
};

struct rule_counter {
	uint64_t frames, bytes;
};

struct pipeline {
	uint8_t *umem;
	uint64_t umem_bytes;
	const struct rule *rules;
	struct rule_counter *counters;
	uint64_t rule_count;
	uint32_t default_drops;
	int32_t port_a, port_b;  /* cross-connect */
	int32_t rewrite_port;    /* -1: any */
	uint64_t destination, source; /* new MACs, first byte lowest; 0: leave */
};

/* Verdicts are ints: a port number, or the complement of a drop reason; ~0 is "none yet". */
void pipeline_run(const struct pipeline *pipeline, const struct descriptor *descriptors, int32_t *verdicts,
		  uint32_t count, int32_t ingress);
