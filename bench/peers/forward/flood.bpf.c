/* SPDX-License-Identifier: MIT */
/* Sends every frame out of the interface, with fresh headers (see flood.c). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__u32 index;
	unsigned char head[44];
} settings; /* .bss, set before load */

SEC("xdp")
int flood(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;

	if (data + 44 > (unsigned char *)(long)ctx->data_end)
		return XDP_DROP;
	__builtin_memcpy(data, settings.head, 42);
	return bpf_redirect(settings.index, 0);
}

char _license[] SEC("license") = "MIT";
