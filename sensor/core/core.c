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

struct sighting sighting_of(struct conn *conn, enum sighting_kind kind, struct span name)
{
    struct sighting s = {
        .kind = kind,
        .key = {conn->clock_us, conn->id, conn->n_events++},
        .conn = *conn,
        .decoy = conn_extra(conn)->decoy,
    };
    if (conn->tunnel != NULL) {
        s.tunnel = *conn->tunnel;
    }
    name = span_head(name, sizeof(s.name) - 1);
    bytes_copy(s.name, name.data, name.len);
    return s;
}

struct sighting sighting_of_finding(struct conn *conn, const struct finding *finding,
                                    struct span host)
{
    const struct jndi *jndi = finding->jndi;
    struct sighting s = sighting_of(conn, SIGHTING_ATTEMPT, host);
    s.attempt = (struct sighted_attempt){
        .attack_id = jndi->attack_id,
        .campaign = jndi->campaign,
        .class = jndi->class,
        .dialect = jndi->dialect,
        .field = finding->field,
        .dir = finding->dir,
        .reaches_network = jndi->reaches_network,
    };
    return s;
}

size_t sighting_size(const struct sighting *s)
{
    return offsetof(struct sighting, name) + span_str(s->name).len + 1;
}
