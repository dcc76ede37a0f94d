/* DPDK's longest prefix match libraries over the same routes: the yardstick. */
#include <errno.h>
#include <rte_eal.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_lpm.h>
#include <rte_lpm6.h>
#include <stdint.h>
#include <time.h>

enum { BURST = 64 };

int peer_init(int huge)
{
    char *plain[] = { "lpm", "--no-huge", "--no-pci", "--no-telemetry", "--no-shconf", "-m", "2048",
                      "-l", "0", "--log-level=3", "--force-max-simd-bitwidth=512" };
    char *pages[] = { "lpm", "--in-memory", "--no-pci", "--no-telemetry", "-m", "1536", "-l", "0",
                      "--log-level=3", "--force-max-simd-bitwidth=512" };
    return huge ? rte_eal_init(sizeof(pages) / sizeof(pages[0]), pages)
                : rte_eal_init(sizeof(plain) / sizeof(plain[0]), plain);
}

uint64_t peer_thread_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct rte_lpm *peer4_create(const char *name, uint32_t routes, uint32_t groups)
{
    struct rte_lpm_config config = { .max_rules = routes, .number_tbl8s = groups };
    return rte_lpm_create(name, SOCKET_ID_ANY, &config);
}

int peer4_add(struct rte_lpm *lpm, uint32_t address, uint32_t length, uint32_t value)
{
    return rte_lpm_add(lpm, address, (uint8_t)length, value);
}

/*
 * Writes a route straight into the tables that the lookup reads. rte_lpm_add looks through all rules of the
 * same length for each route: a minute for a million. Routes must come shortest first;
 * groups are taken in turn.
 */
int peer4_paint(struct rte_lpm *lpm, uint32_t address, uint32_t length, uint32_t value, uint32_t *group,
                uint32_t groups)
{
    struct rte_lpm_tbl_entry entry = { .next_hop = value, .valid = 1, .valid_group = 0, .depth = length };
    uint32_t slot = address >> 8;

    if (length <= 24) {
        for (uint32_t i = 0; i < 1u << (24 - length); i++)
            lpm->tbl24[slot + i] = entry;
        return 0;
    }
    entry.valid_group = 1; /* in tbl8: the group is in use */
    if (!lpm->tbl24[slot].valid_group) {
        struct rte_lpm_tbl_entry above = lpm->tbl24[slot];
        if (*group == groups)
            return -ENOSPC;
        above.valid_group = 1;
        for (uint32_t i = 0; i < 256; i++)
            lpm->tbl8[*group * 256 + i] = above;
        lpm->tbl24[slot] = (struct rte_lpm_tbl_entry){ .next_hop = *group, .valid = 1, .valid_group = 1 };
        (*group)++;
    }
    for (uint32_t i = 0; i < 1u << (32 - length); i++)
        lpm->tbl8[lpm->tbl24[slot].next_hop * 256 + (address & 0xFF) + i] = entry;
    return 0;
}

void peer4_free(struct rte_lpm *lpm)
{
    rte_lpm_free(lpm);
}

void peer4_single(const struct rte_lpm *lpm, const uint32_t *keys, uint32_t *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t value;
        values[i] = rte_lpm_lookup((struct rte_lpm *)(uintptr_t)lpm, keys[i], &value) == 0 ? value : 0;
    }
}

void peer4_chained(const struct rte_lpm *lpm, const uint32_t *keys, uint32_t *values, uint32_t count)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t value, key = keys[i] ^ (last >> 23);
        last = rte_lpm_lookup((struct rte_lpm *)(uintptr_t)lpm, key, &value) == 0 ? value : 0;
        values[i] = last;
    }
}

void peer4_bulk(const struct rte_lpm *lpm, const uint32_t *keys, uint32_t *values, uint32_t count)
{
    for (uint32_t at = 0; at < count; at += BURST)
        rte_lpm_lookup_bulk(lpm, keys + at, values + at, count - at < BURST ? count - at : BURST);
    /* The caller of a bulk lookup looks at a flag of each; the bench does so after the time is taken. */
}

void peer4_x4(const struct rte_lpm *lpm, const uint32_t *keys, uint32_t *values, uint32_t count)
{
    for (uint32_t i = 0; i + 4 <= count; i += 4)
        rte_lpm_lookupx4(lpm, _mm_loadu_si128((const __m128i *)(keys + i)), values + i, 0);
}

struct rte_fib *fib4_create(const char *name, uint32_t routes, uint32_t groups)
{
    struct rte_fib_conf config = { .type = RTE_FIB_DIR24_8, .default_nh = 0, .max_routes = (int)routes,
                                   .dir24_8 = { .nh_sz = RTE_FIB_DIR24_8_4B, .num_tbl8 = groups } };
    return rte_fib_create(name, SOCKET_ID_ANY, &config);
}

int fib4_add(struct rte_fib *fib, uint32_t address, uint32_t length, uint32_t value)
{
    return rte_fib_add(fib, address, (uint8_t)length, value);
}

void fib4_free(struct rte_fib *fib)
{
    rte_fib_free(fib);
}

void fib4_bulk(struct rte_fib *fib, const uint32_t *keys, uint32_t *values, uint32_t count)
{
    uint64_t found[BURST];
    for (uint32_t at = 0; at < count; at += BURST) {
        uint32_t n = count - at < BURST ? count - at : BURST;
        rte_fib_lookup_bulk(fib, (uint32_t *)(uintptr_t)(keys + at), found, (int)n);
        for (uint32_t i = 0; i < n; i++)
            values[at + i] = (uint32_t)found[i];
    }
}

struct rte_lpm6 *peer6_create(const char *name, uint32_t routes, uint32_t groups)
{
    struct rte_lpm6_config config = { .max_rules = routes, .number_tbl8s = groups };
    return rte_lpm6_create(name, SOCKET_ID_ANY, &config);
}

int peer6_add(struct rte_lpm6 *lpm, const uint8_t *address, uint32_t length, uint32_t value)
{
    return rte_lpm6_add(lpm, address, (uint8_t)length, value);
}

void peer6_free(struct rte_lpm6 *lpm)
{
    rte_lpm6_free(lpm);
}

void peer6_single(const struct rte_lpm6 *lpm, const uint8_t *keys, uint32_t *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t value;
        values[i] = rte_lpm6_lookup(lpm, keys + (size_t)i * 16, &value) == 0 ? value : 0;
    }
}

void peer6_bulk(const struct rte_lpm6 *lpm, const uint8_t *keys, uint32_t *values, uint32_t count)
{
    for (uint32_t at = 0; at < count; at += BURST)
        rte_lpm6_lookup_bulk_func(lpm, (uint8_t(*)[16])(uintptr_t)(keys + (size_t)at * 16),
                                  (int32_t *)values + at, count - at < BURST ? count - at : BURST);
}

struct rte_fib6 *fib6_create(const char *name, uint32_t routes, uint32_t groups)
{
    struct rte_fib6_conf config = { .type = RTE_FIB6_TRIE, .default_nh = 0, .max_routes = (int)routes,
                                    .trie = { .nh_sz = RTE_FIB6_TRIE_4B, .num_tbl8 = groups } };
    return rte_fib6_create(name, SOCKET_ID_ANY, &config);
}

int fib6_add(struct rte_fib6 *fib, const uint8_t *address, uint32_t length, uint32_t value)
{
    return rte_fib6_add(fib, address, (uint8_t)length, value);
}

void fib6_free(struct rte_fib6 *fib)
{
    rte_fib6_free(fib);
}

void fib6_bulk(struct rte_fib6 *fib, const uint8_t *keys, uint32_t *values, uint32_t count)
{
    uint64_t found[BURST];
    for (uint32_t at = 0; at < count; at += BURST) {
        uint32_t n = count - at < BURST ? count - at : BURST;
        rte_fib6_lookup_bulk(fib, (uint8_t(*)[16])(uintptr_t)(keys + (size_t)at * 16), found, (int)n);
        for (uint32_t i = 0; i < n; i++)
            values[at + i] = (uint32_t)found[i];
    }
}
