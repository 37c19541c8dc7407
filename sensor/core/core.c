/* core: the few functions that belong to the vocabulary itself.
 *
 * They add to what the nouns hold, name it, or walk along it; whatever decides something is
 * elsewhere. */
#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/core/conn.h"
#include "sensor/core/place.h"
#include "sensor/core/sighting.h"
#include "sensor/core/source.h"
#include "sensor/core/stats.h"
#include "sensor/core/tx.h"

const struct conn_extra *conn_extra(const struct conn *conn)
{
    static const struct conn_extra none;
    return conn->extra != NULL ? conn->extra : &none;
}

struct conn_extra *conn_extend(struct conn *conn)
{
    if (conn->extra == NULL) {
        conn->extra = mem_alloc(sizeof(*conn->extra));
    }
    return conn->extra;
}

void conn_release(struct conn *conn)
{
    mem_free(conn->extra);
    conn->extra = NULL;
}

void conn_lose(struct conn *conn, enum lost reason, uint64_t n_bytes)
{
    CHECK(reason < LOST_N);
    struct conn_extra *extra = conn_extend(conn);
    if (extra != NULL) {
        extra->lost[reason] += n_bytes;
    }
    conn->marks |= reason == LOST_MEMORY || extra == NULL ? CONN_MEMORY : 0U;
}

uint64_t conn_lost_bytes(const struct conn *conn)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < LOST_N; i++) {
        sum += conn_extra(conn)->lost[i];
    }
    return sum;
}

static const struct kept_field *first_of(const struct kept_field *at, enum field_id id)
{
    while (at != NULL && at->id != id) {
        at = at->next;
    }
    return at;
}

const struct kept_field *tx_field(const struct tx *tx, enum field_id id)
{
    return first_of(tx->kept, id);
}

const struct kept_field *tx_next_field(const struct kept_field *at)
{
    return first_of(at->next, (enum field_id)at->id);
}

struct source_stats source_sum_ports(const struct source *s,
                                     bool (*port)(const struct source *s, size_t n,
                                                  struct source_port *ret_port))
{
    struct source_stats sum = {0};
    struct source_port one;
    for (size_t i = 0; port(s, i, &one); i++) {
        sum.packets += one.packets;
        sum.bytes += one.bytes;
        sum.kernel_drops += one.kernel_drops;
        sum.iface_drops += one.iface_drops;
        sum.errors += one.errors;
    }
    return sum;
}

const char *reach_name(enum reach reach)
{
    static const char *const names[REACH_N] = {
        [REACH_UNKNOWN] = "",
        [REACH_INTERNET] = "internet",
        [REACH_PARTNER] = "partner",
        [REACH_INTERNAL] = "internal",
    };
    CHECK(reach < REACH_N);
    return names[reach];
}

const char *scope_name(enum scope scope)
{
    static const char *const names[] = {
        "global",    "private",   "cgnat",         "loopback",
        "linklocal", "multicast", "documentation", "reserved",
    };
    CHECK(scope <= SCOPE_RESERVED);
    return names[scope];
}

static struct sighting sighting_of_conn(const struct conn *conn, enum sighting_kind kind)
{
    return (struct sighting){
        .kind = kind,
        .clock_us = conn->clock_us,
        .time_us = conn->last_us,
        .flow_id = conn->id,
        .seq = conn->n_events,
        .client = conn->addr[TO_SERVER],
        .server = conn->addr[TO_CLIENT],
    };
}

struct sighting sighting_of_finding(const struct conn *conn, const struct finding *finding)
{
    struct sighting s = sighting_of_conn(conn, SIGHTING_ATTEMPT);
    const struct jndi *jndi = finding->jndi;
    if (jndi == NULL) {
        return s;
    }
    struct span host = span_head(jndi->callback.host, sizeof(s.name) - 1);
    s.attack_id = jndi->attack_id;
    s.campaign = jndi->campaign;
    s.ip = jndi->callback.ip;
    s.port = jndi->callback.port;
    bytes_copy(s.name, host.data, host.len);
    return s;
}

struct sighting sighting_of_flow(const struct conn *conn)
{
    struct sighting s = sighting_of_conn(conn, SIGHTING_FLOW_OPEN);
    s.ip = conn->addr[TO_CLIENT];
    s.port = conn->port[TO_CLIENT];
    return s;
}
