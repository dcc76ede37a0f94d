/* DPDK's access list library over 5-tuples of IPv4: the yardstick. */
#include <rte_acl.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct key {                 /* network order, as in a packet */
    uint8_t protocol;
    uint8_t spare[3];
    uint32_t source, destination;
    uint16_t source_port, destination_port;
};

struct rule {                /* host order */
    uint32_t source, source_bits, destination, destination_bits;
    uint16_t source_low, source_high, destination_low, destination_high;
    uint32_t protocol, any_protocol;
};

enum { FIELDS = 5 };
RTE_ACL_RULE_DEF(acl_rule, FIELDS);

static const struct rte_acl_field_def fields[FIELDS] = {
    { RTE_ACL_FIELD_TYPE_BITMASK, 1, 0, 0, offsetof(struct key, protocol) },
    { RTE_ACL_FIELD_TYPE_MASK, 4, 1, 1, offsetof(struct key, source) },
    { RTE_ACL_FIELD_TYPE_MASK, 4, 2, 2, offsetof(struct key, destination) },
    { RTE_ACL_FIELD_TYPE_RANGE, 2, 3, 3, offsetof(struct key, source_port) },
    { RTE_ACL_FIELD_TYPE_RANGE, 2, 4, 3, offsetof(struct key, destination_port) },
};

int peer_init(void)
{
    char *args[] = { "acl", "--no-huge", "--no-pci", "--no-telemetry", "--no-shconf", "-m", "1024", "-l", "0",
                     "--log-level=3", "--force-max-simd-bitwidth=512" };
    return rte_eal_init(sizeof(args) / sizeof(args[0]), args);
}

struct rte_acl_ctx *peer_build(const char *name, const struct rule *rules, uint32_t count)
{
    struct rte_acl_param param = {
        .name = name, .socket_id = SOCKET_ID_ANY, .rule_size = RTE_ACL_RULE_SZ(FIELDS), .max_rule_num = count,
    };
    struct rte_acl_config config = { .num_categories = 1, .num_fields = FIELDS };
    struct rte_acl_ctx *ctx = rte_acl_create(&param);
    if (ctx == NULL)
        return NULL;

    for (uint32_t i = 0; i < count; i++) {
        const struct rule *r = &rules[i];
        struct acl_rule rule = {
            .data = { .category_mask = 1, .priority = (int32_t)(count - i), .userdata = i + 1 },
        };
        rule.field[0].value.u8 = (uint8_t)r->protocol;
        rule.field[0].mask_range.u8 = r->any_protocol ? 0 : 0xFF;
        rule.field[1].value.u32 = r->source;
        rule.field[1].mask_range.u32 = r->source_bits;
        rule.field[2].value.u32 = r->destination;
        rule.field[2].mask_range.u32 = r->destination_bits;
        rule.field[3].value.u16 = r->source_low;
        rule.field[3].mask_range.u16 = r->source_high;
        rule.field[4].value.u16 = r->destination_low;
        rule.field[4].mask_range.u16 = r->destination_high;
        if (rte_acl_add_rules(ctx, (const struct rte_acl_rule *)&rule, 1) != 0)
            return NULL;
    }

    memcpy(config.defs, fields, sizeof(fields));
    return rte_acl_build(ctx, &config) == 0 ? ctx : NULL;
}

/* 0 when this machine has the algorithm. */
int peer_choose(struct rte_acl_ctx *ctx, uint32_t algorithm)
{
    return rte_acl_set_ctx_classify(ctx, (enum rte_acl_classify_alg)algorithm);
}

void peer_classify(const struct rte_acl_ctx *ctx, const struct key *keys, uint32_t *results, uint32_t count,
                   uint32_t burst)
{
    const uint8_t *data[64];
    for (uint32_t at = 0; at < count; at += burst) {
        uint32_t n = count - at < burst ? count - at : burst;
        for (uint32_t i = 0; i < n; i++)
            data[i] = (const uint8_t *)&keys[at + i];
        rte_acl_classify(ctx, data, results + at, n, 1);
    }
}
