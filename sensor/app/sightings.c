/* sightings: what may be a step of an attack's story, as a worker sees it.
 *
 * A worker does not know which attempts others have seen, so it tells of every TCP flow that begins
 * and of every name that DNS is asked for; who ties them together (output/story) drops what belongs
 * to no attempt. Of a flow that is no TCP only what DNS asks is told: nothing else is a call-back.
 * What our own decoys answer is no step: they serve nothing, whatever it looks like.
 *
 * A reference is an LDAP entry with an attribute of RFC 2713 that Java makes an object of, or a
 * referral; or a value that an RMI call returned. A class is known by its first four bytes. */
#include "sensor/app/sightings.h"

#include "sensor/base/wire.h"
#include "signatures/lookup.h"

#include <string.h>

enum { TYPE_A = 1, TYPE_AAAA = 28, RECORD_LEN = 8 };

static bool wants(const struct pipeline *p, const struct conn *conn)
{
    return p->options.sightings.seen != NULL && !conn->selftest;
}

static void tell(const struct pipeline *p, const struct sighting *s)
{
    p->options.sightings.seen(p->options.sightings.ctx, s);
}

static void tell_of(const struct pipeline *p, struct conn *conn, enum sighting_kind kind,
                    struct span name)
{
    struct sighting s = sighting_of(conn, kind, name);
    tell(p, &s);
}

void sightings_flow(const struct pipeline *p, struct conn *conn)
{
    if (conn->proto == IP_PROTO_TCP && wants(p, conn)) {
        tell_of(p, conn, SIGHTING_FLOW_OPEN, span_of(NULL, 0));
    }
}

/* Of one of the finding's look-ups. */
static struct lookup_callback callback_of(const struct jndi *jndi, struct span lookup)
{
    struct span front = SPAN("jndi:"); /* which what Log4j asks has */
    return lookup_callback(jndi->dialect,
                           jndi->dialect == LOOKUP_LOG4J ? span_from(lookup, front.len) : lookup);
}

/* The server asks all that the field holds, so each of its call-backs is followed. */
void sightings_attempt(const struct pipeline *p, struct conn *conn, const struct finding *finding)
{
    const struct jndi *jndi = finding->jndi;
    if (jndi == NULL || !wants(p, conn)) {
        return;
    }
    for (size_t i = 0; i < jndi->n_lookups; i++) {
        struct lookup_callback c = callback_of(jndi, jndi->lookups[i]);
        if (c.host.len > 0) {
            struct sighting s = sighting_of_finding(conn, finding, c.host);
            s.attempt.scheme = scheme_of(c.scheme);
            s.attempt.port = c.port;
            tell(p, &s);
        }
    }
}

/* --- answers of a call-back ----------------------------------------------------------------------
 */

static void tell_answer(const struct pipeline *p, struct conn *conn, enum sighting_kind kind,
                        struct span name)
{
    if (conn_extra(conn)->decoy == NULL && wants(p, conn)) {
        tell_of(p, conn, kind, name);
    }
}

/* Where the code is that an attribute refers to; the others hold the object, or name it. */
static bool is_reference(const struct field *field, struct span *ret_code)
{
    static const struct span attributes[] = {
        SPAN_LITERAL("javacodebase"), SPAN_LITERAL("javafactory"),
        SPAN_LITERAL("javaserializeddata"), SPAN_LITERAL("javareferenceaddress"),
        SPAN_LITERAL("javaremotelocation")};
    if (field->id == FIELD_LDAP_REFERRAL) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
        if (span_equal_nocase(field->item, attributes[i])) {
            *ret_code = i == 0 ? field->value : span_of(NULL, 0);
            return true;
        }
    }
    return false;
}

void sightings_field(const struct pipeline *p, struct conn *conn, const struct field *field)
{
    struct span code = {0};
    if (field->id == FIELD_DNS_QUERY) {
        if (wants(p, conn)) {
            tell_of(p, conn, SIGHTING_NAME, field->value);
        }
    } else if (field->id == FIELD_LDAP_RESPONSE_VALUE || field->id == FIELD_LDAP_REFERRAL) {
        if (is_reference(field, &code)) {
            tell_answer(p, conn, SIGHTING_REFERENCE, code);
        }
    }
}

/* How far `sign` has been seen at the end of what came so far, and whether all of it was seen
 * within these bytes. Its first byte stands in it once, so there is nothing to go back to. */
static bool follow(struct span bytes, struct span sign, uint8_t *n_seen)
{
    size_t n = *n_seen;
    bool whole = false;
    for (size_t i = 0; i < bytes.len && !whole; i++) {
        uint8_t c = span_at(bytes, i);
        n = c == span_at(sign, n) ? n + 1 : c == span_at(sign, 0);
        whole = n == sign.len;
    }
    *n_seen = (uint8_t)n;
    return whole;
}

/* A call that returned as it should (Java RMI Specification, 10.2): ReturnData, the magic and
 * version of serialisation, a block of 15 bytes, NormalReturn. */
static void look_for_return(struct flow_app *app, const struct region *region)
{
    static const struct span sign = SPAN_LITERAL("\x51\xac\xed\0\5\x77\x0f\1");
    if (!app->has_returned && follow(region->bytes, sign, &app->n_return)) {
        app->has_returned = true;
        tell_answer(app->pipeline, app->conn, SIGHTING_REFERENCE, span_of(NULL, 0));
    }
}

/* JVM specification section 4.1. */
static void look_for_class(struct flow_app *app, struct tx_slot *slot, const struct region *region)
{
    static const struct span magic = SPAN_LITERAL("\xca\xfe\xba\xbe");
    struct span bytes = region->bytes;
    if ((region->flags & REGION_FIRST) != 0) {
        slot->n_magic = 0;
    }
    for (; bytes.len > 0 && slot->n_magic < magic.len; bytes = span_from(bytes, 1)) {
        if (span_at(bytes, 0) != span_at(magic, slot->n_magic)) {
            slot->n_magic = UINT8_MAX; /* until the next body begins */
            return;
        }
        if (++slot->n_magic == magic.len) {
            const struct kept_field *host = NULL;
            reading_keep_fields(app->pipeline, slot);
            host = tx_field(&slot->tx, FIELD_HTTP_HOST);
            tell_answer(app->pipeline, app->conn, SIGHTING_CLASS,
                        host != NULL ? host->value : span_of(NULL, 0));
        }
    }
}

void sightings_body(struct flow_app *app, struct tx_slot *slot, const struct region *region)
{
    if (region->kind != REGION_BODY || region->dir != TO_CLIENT ||
        !wants(app->pipeline, app->conn)) {
        return;
    }
    if (region->field == FIELD_HTTP_RESPONSE_BODY) {
        look_for_class(app, slot, region);
    } else if (region->field == FIELD_RMI_DATA) {
        look_for_return(app, region);
    }
}

/* --- answers of DNS ------------------------------------------------------------------------------
 */

/* The address in the record whose name is `answer`, or none. */
static struct addr addr_of(const struct kept_field *answer)
{
    const struct kept_field *record = answer->next;
    const struct kept_field *data = record != NULL ? record->next : NULL;
    if (data == NULL || record->id != FIELD_DNS_RECORD || data->id != FIELD_DNS_RDATA ||
        record->value.len != RECORD_LEN) {
        return (struct addr){0};
    }
    unsigned type = wire_be16(record->value, 0);
    return type == TYPE_A && data->value.len == 4       ? addr_v4(data->value)
           : type == TYPE_AAAA && data->value.len == 16 ? addr_v6(data->value)
                                                        : (struct addr){0};
}

static void add_addr(struct sighting *s, struct addr addr)
{
    if (addr.family != 0 && s->n_addrs < SIGHTING_ADDRS) {
        s->addrs[s->n_addrs++] = addr;
    }
}

/* Whatever the chain of aliases, the addresses are those of the name that was asked for. */
void sightings_end(const struct pipeline *p, const struct tx *tx)
{
    bool is_dns = tx->decoder != NULL && strcmp(tx->decoder->name, "dns") == 0;
    bool is_answer = (tx->flags & (TX_RESPONSE_SEEN | TX_ALTERNATE)) == TX_RESPONSE_SEEN;
    if (!is_dns || !is_answer || !wants(p, tx->conn)) {
        return;
    }
    const struct kept_field *answer = tx_field(tx, FIELD_DNS_ANSWER);
    const struct kept_field *name = tx_field(tx, FIELD_DNS_QUERY);
    name = name != NULL ? name : tx_field(tx, FIELD_DNS_QUESTION);
    if (answer == NULL || name == NULL) {
        return;
    }
    struct sighting s = sighting_of(tx->conn, SIGHTING_ADDRESSES, name->value);
    for (; answer != NULL; answer = tx_next_field(answer)) {
        add_addr(&s, addr_of(answer));
    }
    if (s.n_addrs > 0) {
        tell(p, &s);
    }
}
