/* tls: the opening of a TLS connection, RFC 8446 and RFC 5246.
 *
 * Of a connection that nobody else can read, its two hellos say in the clear which name the client
 * asks for (RFC 6066 §3), which protocols the two may speak within (RFC 7301) and in which version.
 * Each is given as one head with these as its fields, both as one transaction; then, or when
 * anything but a hello comes, the flow is opaque. Unless what comes right behind the client's hello
 * from the client is no record of TLS: then both directions are whoever's they look like. So a
 * honeypot tells what it decrypted, and so a look-up could hide from whoever believes the hello.
 *
 * Not read: certificates, what a second hello after a retry says, hellos of SSL 2 and DTLS. A
 * client's version is the highest that it offers. Limits: 16 KiB of one hello; the rest of it is
 * passed over. */
#include "sensor/base/sbuf.h"
#include "sensor/base/wire.h"
#include "sensor/core/decoder.h"
#include "sensor/core/tx.h"

enum {
    RECORD_HEADER = 5,
    RECORD_BYTES_MAX = 16384 + 2048, /* RFC 5246 §6.2.3 */
    RECORD_HANDSHAKE = 22,
    HANDSHAKE_HEADER = 4,
    CLIENT_HELLO = 1,
    SERVER_HELLO = 2,
    HELLO_BYTES_MAX = 16 * 1024,
    RANDOM_BYTES = 32,
    EXTENSION_NAME = 0,
    EXTENSION_ALPN = 16,
    EXTENSION_VERSIONS = 43,
};

/* One direction. `bytes` is the first record's header and the hello, without the headers of other
 * records that it goes on in. */
struct side {
    struct sbuf bytes;
    struct sbuf header; /* of the record that begins, while it is not whole */
    size_t record_left;
    size_t passed; /* bytes of the hello beyond those that are kept */
    bool given;
    bool whole; /* all of it has come */
    bool done;  /* the same, or it has none */
};

struct tls {
    const struct emit *emit;
    struct side sides[2];
    struct tx *tx;
    bool tx_open; /* also when tx is NULL because memory was short */
    bool cut;
    bool opaque;
    bool handed; /* one direction, and whatever comes in the other one goes the same way */
};

/* --- is it TLS ---------------------------------------------------------------------------------
 */

static bool is_record(struct span s)
{
    size_t len = wire_be16(s, 3);
    return wire_u8(s, 0) >= 20 && wire_u8(s, 0) <= 23 && wire_u8(s, 1) == 3 && wire_u8(s, 2) <= 4 &&
           len > 0 && len <= RECORD_BYTES_MAX;
}

static bool may_become_record(struct span s)
{
    bool type = s.len == 0 || (wire_u8(s, 0) >= 20 && wire_u8(s, 0) <= 23);
    return type && (s.len < 2 || wire_u8(s, 1) == 3) && (s.len < 3 || wire_u8(s, 2) <= 4);
}

/* Any record, so that what began before it was seen is known to be unreadable. */
static enum probe probe(struct span first, enum direction dir)
{
    if (first.len <= RECORD_HEADER) {
        return may_become_record(first) ? PROBE_MORE : PROBE_NO;
    }
    unsigned others = dir == TO_SERVER ? SERVER_HELLO : CLIENT_HELLO;
    bool wrong_way = wire_u8(first, 0) == RECORD_HANDSHAKE && wire_u8(first, 5) == others;
    return is_record(first) && !wrong_way ? PROBE_YES : PROBE_NO;
}

/* --- what a hello says -------------------------------------------------------------------------
 */

static void give(struct tls *t, enum direction dir, enum field_id id, struct span value)
{
    const struct field field = {.id = id, .value = value, .dir = dir};
    t->emit->ops->field(t->emit->ctx, t->tx, &field);
}

/* Takes a value behind its length of one or two bytes; false when not all of it is there. */
static bool take(struct span *from, size_t n_length, struct span *ret)
{
    size_t len = n_length == 1 ? wire_u8(*from, 0) : wire_be16(*from, 0);
    bool whole = from->len >= n_length + len;
    *ret = wire_sub(*from, n_length, len);
    *from = wire_from(*from, n_length + len);
    return whole;
}

/* What of a list is there is read, also when it should be longer. */
static bool give_names(struct tls *t, enum direction dir, struct span list)
{
    struct span names;
    struct span name;
    bool good = take(&list, 2, &names);
    while (names.len > 0) {
        bool host = wire_u8(names, 0) == 0;
        names = wire_from(names, 1);
        if (!take(&names, 2, &name)) {
            return false;
        }
        if (host) {
            give(t, dir, FIELD_TLS_SNI, name);
        }
    }
    return good;
}

static bool give_protocols(struct tls *t, enum direction dir, struct span list)
{
    struct span names;
    struct span name;
    bool good = take(&list, 2, &names);
    while (names.len > 0) {
        if (!take(&names, 1, &name)) {
            return false;
        }
        give(t, dir, FIELD_TLS_ALPN, name);
    }
    return good;
}

static void give_version(struct tls *t, enum direction dir, unsigned version)
{
    static const struct {
        unsigned version;
        const char *name;
    } names[] = {{0x0300, "SSLv3"},
                 {0x0301, "TLSv1"},
                 {0x0302, "TLS 1.1"},
                 {0x0303, "TLS 1.2"},
                 {0x0304, "TLS 1.3"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].version == version) {
            give(t, dir, FIELD_TLS_VERSION, span_str(names[i].name));
        }
    }
}

/* The version chosen, or the highest of those offered that are real ones (RFC 8701). */
static unsigned read_versions(enum direction dir, struct span list, unsigned version)
{
    struct span offered = list;
    if (dir == TO_CLIENT) {
        return wire_be16(list, 0);
    }
    (void)take(&list, 1, &offered);
    for (size_t i = 0; i + 1 < offered.len; i += 2) {
        unsigned one = wire_be16(offered, i);
        version = one <= 0x0304 && one > version ? one : version;
    }
    return version;
}

static void bad_hello(struct tls *t, enum direction dir)
{
    t->emit->ops->anomaly(t->emit->ctx, t->tx, dir, ANOMALY_TLS_MALFORMED);
}

static void give_extensions(struct tls *t, enum direction dir, struct span list, unsigned version)
{
    bool good = true;
    while (good && list.len > 0) {
        unsigned type = wire_be16(list, 0);
        struct span value;
        list = wire_from(list, 2);
        good = take(&list, 2, &value);
        if (good && type == EXTENSION_NAME && dir == TO_SERVER) {
            good = give_names(t, dir, value);
        } else if (good && type == EXTENSION_ALPN) {
            good = give_protocols(t, dir, value);
        } else if (good && type == EXTENSION_VERSIONS) {
            version = read_versions(dir, value, version);
        }
    }
    give_version(t, dir, version);
    if (!good) {
        bad_hello(t, dir);
    }
}

/* RFC 8446 §4.1.2 and §4.1.3: the two differ in what stands before the extensions. */
static void give_hello(struct tls *t, enum direction dir, struct span hello)
{
    struct span rest = wire_from(hello, RECORD_HEADER + HANDSHAKE_HEADER);
    unsigned version = wire_be16(rest, 0);
    struct span part;
    struct span extensions = {NULL, 0};
    rest = wire_from(rest, 2 + RANDOM_BYTES);
    bool good = rest.len > 0 && take(&rest, 1, &part);
    if (dir == TO_SERVER) {
        good = good && take(&rest, 2, &part) && take(&rest, 1, &part);
    } else {
        good = good && rest.len >= 3;
        rest = wire_from(rest, 3);
    }
    if (good && rest.len > 0) {
        good = take(&rest, 2, &extensions);
    }
    give_extensions(t, dir, extensions, version);
    if (!good) {
        bad_hello(t, dir);
    }
}

static void give_head(struct tls *t, enum direction dir, struct span hello)
{
    const struct region region = {
        .kind = REGION_HEAD, .field = FIELD_TLS_HELLO, .dir = dir, .bytes = hello};
    if (!t->tx_open) {
        t->tx = t->emit->ops->tx_begin(t->emit->ctx, dir);
        t->tx_open = true;
    }
    t->emit->ops->region(t->emit->ctx, t->tx, &region);
    give_hello(t, dir, hello);
}

/* --- the flow ----------------------------------------------------------------------------------
 */

static void open_flow(void *state, const struct decoder_env *env)
{
    struct tls *t = state;
    (void)env;
    for (unsigned i = 0; i < 2; i++) {
        t->sides[i].bytes = sbuf_with_cap(HELLO_BYTES_MAX);
        t->sides[i].header = sbuf_with_cap(RECORD_HEADER);
    }
}

/* How long the hello is with the headers before it; 0 while that is not known. */
static size_t hello_bytes(struct span bytes)
{
    size_t len =
        (size_t)wire_u8(bytes, RECORD_HEADER + 1) << 16 | wire_be16(bytes, RECORD_HEADER + 2);
    return bytes.len < RECORD_HEADER + HANDSHAKE_HEADER ? 0
                                                        : RECORD_HEADER + HANDSHAKE_HEADER + len;
}

/* Also false where memory was short. */
static bool is_hello(const struct side *s, enum direction dir)
{
    unsigned type = dir == TO_SERVER ? CLIENT_HELLO : SERVER_HELLO;
    struct span bytes = sbuf_span(&s->bytes);
    bool has = !s->bytes.cut || bytes.len == HELLO_BYTES_MAX;
    return has && (bytes.len <= RECORD_HEADER || wire_u8(bytes, RECORD_HEADER) == type);
}

/* Takes the header of a record, or a part of it; false when it is none of a handshake. */
static bool take_header(struct side *s, struct span *rest)
{
    struct span part = span_head(*rest, RECORD_HEADER - s->header.len);
    (void)sbuf_add(&s->header, part);
    *rest = span_from(*rest, part.len);
    struct span header = sbuf_span(&s->header);
    if (header.len < RECORD_HEADER) {
        return !s->header.cut;
    }
    if (wire_u8(header, 0) != RECORD_HANDSHAKE || !is_record(header)) {
        return false;
    }
    if (s->bytes.len == 0) {
        (void)sbuf_add(&s->bytes, header);
    }
    s->record_left = wire_be16(header, 3);
    sbuf_reset(&s->header);
    return !s->bytes.cut || s->given;
}

/* Takes bytes of the hello; what is behind its end is left. */
static void take_bytes(struct side *s, struct span *rest)
{
    size_t known = hello_bytes(sbuf_span(&s->bytes));
    size_t had = s->bytes.len;
    /* Its type by itself: what is none is given up there, however it was cut. */
    size_t start = RECORD_HEADER + (had <= RECORD_HEADER ? 1U : (unsigned)HANDSHAKE_HEADER);
    size_t whole = known > 0 ? known : start;
    size_t n = whole > had + s->passed ? whole - had - s->passed : 0;
    n = n < s->record_left ? n : s->record_left;
    struct span part = span_head(*rest, n);
    (void)sbuf_add(&s->bytes, part);
    s->passed += part.len - (s->bytes.len - had);
    s->record_left -= part.len;
    *rest = span_from(*rest, part.len);
}

static bool is_over(const struct side *s)
{
    size_t len = hello_bytes(sbuf_span(&s->bytes));
    return len > 0 && s->bytes.len + s->passed >= len;
}

static void lose(const struct tls *t, size_t n)
{
    if (n > 0) {
        t->emit->ops->lost(t->emit->ctx, NULL, LOST_TLS, n);
    }
}

/* What was read of a side and not given is no hello, not a whole one, or a record behind it. */
static void give_up(struct tls *t, enum direction dir)
{
    struct side *s = &t->sides[dir];
    lose(t, (s->given ? 0 : s->bytes.len) + s->passed + s->header.len);
    sbuf_reset(&s->header);
    s->passed = 0;
    s->given = true;
    s->done = true;
}

/* Reads on until the side's hello is whole, or known to be none. */
static void take_hello(struct tls *t, enum direction dir, struct span *rest)
{
    struct side *s = &t->sides[dir];
    while (rest->len > 0 && !s->done) {
        bool good = true;
        if (s->record_left == 0) {
            good = take_header(s, rest);
        } else {
            take_bytes(s, rest);
            good = is_hello(s, dir);
        }
        if (!good) {
            give_up(t, dir);
            continue;
        }
        if (!s->given && (s->bytes.cut || is_over(s))) {
            give_head(t, dir, sbuf_span(&s->bytes));
            s->given = true;
        }
        s->whole = is_over(s);
        if (s->whole) {
            give_up(t, dir); /* only what was not kept is left of it */
        }
    }
}

static void forget(struct tls *t)
{
    for (unsigned i = 0; i < 2; i++) {
        sbuf_free(&t->sides[i].bytes);
        sbuf_free(&t->sides[i].header);
    }
}

static void end_tx(struct tls *t, bool cut)
{
    if (t->tx_open) {
        t->emit->ops->tx_end(t->emit->ctx, t->tx, cut || t->cut ? TX_CUT : 0);
        t->tx_open = false;
    }
}

static void become_opaque(struct tls *t, struct span rest)
{
    give_up(t, TO_SERVER);
    give_up(t, TO_CLIENT);
    t->opaque = true;
    forget(t);
    end_tx(t, false);
    t->emit->ops->opaque(t->emit->ctx, LOST_TLS, rest);
}

/* --- what is no TLS after all
 * -------------------------------------------------------------------------------------- */

/* Behind all of the client's hello, and before the server said anything. */
static bool may_turn_plain(const struct tls *t)
{
    const struct side *client = &t->sides[TO_SERVER];
    const struct side *server = &t->sides[TO_CLIENT];
    return client->whole && client->record_left == 0 && !t->cut && !server->done &&
           server->bytes.len == 0;
}

/* Keeps what may become the header of a record; true once it is known to be none. */
static bool is_plain(struct side *s, struct span *rest)
{
    struct span part = span_head(*rest, RECORD_HEADER - s->header.len);
    (void)sbuf_add(&s->header, part);
    *rest = span_from(*rest, part.len);
    struct span header = sbuf_span(&s->header);
    bool may = may_become_record(header) && (header.len < RECORD_HEADER || is_record(header));
    return !may && !s->header.cut;
}

static void hand_over(struct tls *t, enum direction dir, struct span rest)
{
    struct sbuf *header = &t->sides[dir].header;
    const struct emit *emit = t->emit;
    t->handed = true;
    end_tx(t, false);
    emit->ops->hand_over(emit->ctx, dir, sbuf_span(header));
    sbuf_reset(header);
    if (rest.len > 0) {
        emit->ops->hand_over(emit->ctx, dir, rest);
    }
}

/* Whether the client's bytes were kept, or handed over. */
static bool take_plain(struct tls *t, struct span *rest)
{
    struct side *s = &t->sides[TO_SERVER];
    if (rest->len == 0 || !may_turn_plain(t)) {
        return false;
    }
    if (is_plain(s, rest)) {
        hand_over(t, TO_SERVER, *rest);
        return true;
    }
    return s->header.len < RECORD_HEADER && !s->header.cut;
}

static void data(void *state, const struct emit *emit, enum direction dir, struct span bytes)
{
    struct tls *t = state;
    struct span rest = bytes;
    t->emit = emit;
    if (t->opaque) {
        emit->ops->lost(emit->ctx, NULL, LOST_TLS, bytes.len);
        return;
    }
    if (t->handed) {
        hand_over(t, dir, bytes);
        return;
    }
    take_hello(t, dir, &rest);
    if (dir == TO_SERVER && take_plain(t, &rest)) {
        return;
    }
    bool both = t->sides[TO_SERVER].done && t->sides[TO_CLIENT].done;
    if (both || (t->sides[dir].done && rest.len > 0)) {
        become_opaque(t, rest);
    }
}

static void gap(void *state, const struct emit *emit, enum direction dir, uint64_t n_bytes)
{
    struct tls *t = state;
    (void)n_bytes;
    t->emit = emit;
    give_up(t, dir);
    t->cut = true;
}

static void close_flow(void *state, const struct emit *emit, enum close_reason reason)
{
    struct tls *t = state;
    t->emit = emit;
    if (!t->opaque) { /* what waited to be known is not handed over any more: it is lost */
        give_up(t, TO_SERVER);
        give_up(t, TO_CLIENT);
    }
    end_tx(t, reason != CLOSE_FIN && reason != CLOSE_RST);
    forget(t);
}

const struct decoder tls_decoder = {
    .name = "tls",
    .state_size = sizeof(struct tls),
    .opening_only = true,
    .probe = probe,
    .open = open_flow,
    .data = data,
    .gap = gap,
    .close = close_flow,
};
