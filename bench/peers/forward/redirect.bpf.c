/* SPDX-License-Identifier: MIT */
/* The limit: every frame goes out of the other port inside the kernel, MACs swapped, no socket (see redirect.c). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} out SEC(".maps");

SEC("xdp")
int redirect(struct xdp_md *ctx)
{
	unsigned short *data = (void *)(long)ctx->data;

	if ((void *)(data + 6) > (void *)(long)ctx->data_end)
		return XDP_DROP;
#pragma unroll
	for (int i = 0; i < 3; i++) {
		unsigned short kept = data[i];

		data[i] = data[i + 3];
		data[i + 3] = kept;
	}
	return bpf_redirect_map(&out, 0, XDP_DROP);
}

char _license[] SEC("license") = "MIT";
