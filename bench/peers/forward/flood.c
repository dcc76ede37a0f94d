/* SPDX-License-Identifier: MIT */
/*
 * Overload source: asks the kernel to send one UDP frame over and over from an interface's XDP hook
 * (BPF_PROG_TEST_RUN with BPF_F_TEST_XDP_LIVE_FRAMES, kernel 5.18), far faster than any socket can.
 *
 *   flood INTERFACE DESTINATION_MAC SECONDS_MAX
 *
 * The program rewrites the headers of every frame: the kernel recycles frames, and a receiver's writes (a MAC swap)
 * would otherwise come back. Runs until SIGTERM or the time is over; prints the count of frames asked for.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FRAME_BYTES 60
#define FRAMES_A_CALL (1 << 17) /* ~30 ms: long enough to amortise set-up, short enough to stop */

static volatile sig_atomic_t stops;

static void on_signal(int signal)
{
	(void)signal;
	stops = 1;
}

static int parse_mac(const char *text, unsigned char mac[6])
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) == 6;
}

int main(int argc, char **argv)
{
	unsigned char frame[FRAME_BYTES] = {
		0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0x77, 0x08, 0x00,
		0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0xae, 0x97, 198, 18, 0, 1, 198, 19, 0, 1,
		0x27, 0x10, 0x0f, 0xa0, 0, 26, 0, 0,
	};
	unsigned int index;

	if (argc != 5 || !(index = if_nametoindex(argv[2])) || !parse_mac(argv[3], frame)) {
		fprintf(stderr, "usage: flood OBJECT INTERFACE DESTINATION_MAC SECONDS_MAX\n");
		return 1;
	}

	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	struct bpf_object *object = bpf_object__open_file(argv[1], NULL);
	struct bpf_map *map;

	if (!object || !(map = bpf_object__find_map_by_name(object, ".bss"))) {
		fprintf(stderr, "flood: %s: %s\n", argv[1], strerror(errno));
		return 2;
	}

	struct { unsigned int index; unsigned char head[44]; } settings = { .index = index };

	memcpy(settings.head, frame, sizeof(settings.head));
	if (bpf_map__set_initial_value(map, &settings, sizeof(settings)) || bpf_object__load(object)) {
		fprintf(stderr, "flood: load: %s\n", strerror(errno));
		return 2;
	}

	int program = bpf_program__fd(bpf_object__find_program_by_name(object, "flood"));
	struct xdp_md context = { .data_end = sizeof(frame), .ingress_ifindex = index };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame), .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = FRAMES_A_CALL, .batch_size = 64,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	time_t end = time(NULL) + atoi(argv[4]);
	unsigned long long sent = 0;

	while (!stops && time(NULL) < end) {
		if (bpf_prog_test_run_opts(program, &options) && errno != EINTR) {
			fprintf(stderr, "flood: test run: %s\n", strerror(errno));
			return 2;
		}

		sent += FRAMES_A_CALL;
	}

	printf("%llu\n", sent);
	return 0;
}
