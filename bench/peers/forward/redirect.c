/* SPDX-License-Identifier: MIT */
/*
 * Attaches redirect.bpf.c and waits for SIGTERM; the link dies with the process. The peer of EGRESS must run NAPI
 * (GRO on): a veth end takes redirected frames only then.
 *
 *   redirect OBJECT INGRESS EGRESS
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *what)
{
	fprintf(stderr, "redirect: %s: %s\n", what, strerror(errno));
	return 2;
}

int main(int argc, char **argv)
{
	unsigned int in, out, zero = 0;

	if (argc != 4 || !(in = if_nametoindex(argv[2])) || !(out = if_nametoindex(argv[3]))) {
		fprintf(stderr, "usage: redirect OBJECT INGRESS EGRESS\n");
		return 1;
	}

	sigset_t stop;
	int received;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	struct bpf_object *object = bpf_object__open_file(argv[1], NULL);

	if (!object || bpf_object__load(object))
		return fail(argv[1]);
	if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "out"), &zero, &out, BPF_ANY))
		return fail("devmap");
	if (!bpf_program__attach_xdp(bpf_object__find_program_by_name(object, "redirect"), in))
		return fail(argv[2]);
	puts("ready");
	fflush(stdout);
	sigwait(&stop, &received);
	return 0;
}
