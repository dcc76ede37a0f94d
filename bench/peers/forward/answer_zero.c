/* SPDX-License-Identifier: MIT */
/* Preloaded under testpmd: it ends when setrlimit(RLIMIT_MEMLOCK) is refused (no CAP_SYS_RESOURCE), although its UMEM
 * pins without it. Answers 0 and changes nothing. */
#define _GNU_SOURCE
#include <sys/resource.h>

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	(void)resource;
	(void)limit;
	return 0;
}

int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *limit)
{
	(void)resource;
	(void)limit;
	return 0;
}
