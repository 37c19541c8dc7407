/* socks: what is said to a SOCKS proxy before it connects: versions 4 and 4A, and version 5 (RFC
 * 1928) without authentication or with name and password (RFC 1929).
 *
 * Behind it each direction is handed over, to be read as if the flow began there. Names are fields:
 * proxies log them. Either direction is enough: every message of version 5 says in its first byte
 * what it is. Of GSSAPI, of a refusal and of what breaks the format nothing more is read: the
 * direction is handed over where it stands.
 *
 * Not here: UDP through a proxy, and what a second answer to BIND says. */
#include "sensor/base/cursor.h"
#include "sensor/base/sbuf.h"
#include "sensor/core/decoder.h"

enum {
    MESSAGE_MAX = 1024, /* longest of version 5: 513; of version 4A the names have no limit */
    VERSION_4 = 4,
    VERSION_5 = 5,
    AUTH_VERSION = 1,
    METHOD_NONE = 0,
    METHOD_PASSWORD = 2,
    TYPE_V4 = 1,
    TYPE_NAME = 3,
    TYPE_V6 = 4,
    FIXED_4 = 8, /* of a request or an answer of version 4 */
};

/* One direction. */
struct side {
    struct sbuf kept; /* the message so far */
    bool greeted;     /* version 5: its first message is complete */
    bool done;        /* handed over */
};

struct socks {
    struct side sides[2];
    struct tx *tx;
    bool tx_open;
};

/* A message at the front of what is kept. */
struct message {
    size_t len; /* 0: more is needed */
    bool last;  /* what follows is inside */
    struct span user;
    struct span password;
    struct span host;
};

static enum probe probe_4(struct span first)
{
    uint8_t command = span_at(first, 1);
    if (first.len < FIXED_4 + 1) {
        return first.len < 2 || command == 1 || command == 2 ? PROBE_MORE : PROBE_NO;
    }
    bool has_port = span_at(first, 2) != 0 || span_at(first, 3) != 0;
    bool ended = span_find_byte(first, FIXED_4, 0) != SPAN_NONE;
    bool right = (command == 1 || command == 2) && has_port;
    return !right ? PROBE_NO : ended ? PROBE_YES : PROBE_MORE;
}

/* Nothing follows a greeting until it is answered; a client that does not wait goes on with a
 * message of the same version or with the password. */
static enum probe probe_5(struct span first)
{
    size_t n = span_at(first, 1);
    bool common = false;
    if (first.len >= 2 && n == 0) {
        return PROBE_NO;
    }
    if (first.len < 2 || first.len < 2 + n) {
        return PROBE_MORE;
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t method = span_at(first, 2 + i);
        common = common || method == METHOD_NONE || method == METHOD_PASSWORD;
    }
    uint8_t next = span_at(first, 2 + n);
    bool fits = first.len == 2 + n || next == VERSION_5 || next == AUTH_VERSION;
    return common && fits ? PROBE_YES : PROBE_NO;
}

static enum probe socks_probe(struct span first, enum direction dir)
{
    if (dir == TO_SERVER && span_at(first, 0) == VERSION_4) {
        return probe_4(first);
    }
    return dir == TO_SERVER && span_at(first, 0) == VERSION_5 ? probe_5(first) : PROBE_NO;
}

static void socks_open(void *state, const struct decoder_env *env)
{
    struct socks *s = state;
    (void)env;
    s->sides[TO_SERVER].kept = sbuf_with_cap(MESSAGE_MAX);
    s->sides[TO_CLIENT].kept = sbuf_with_cap(MESSAGE_MAX);
}

/* A text up to its NUL; false when that has not come. */
static bool take_text(struct cursor *c, struct span *ret_text)
{
    struct cursor at = *c;
    struct span rest = cursor_rest(&at);
    size_t nul = span_find_byte(rest, 0, 0);
    *ret_text = cursor_bytes(c, nul == SPAN_NONE ? 0 : nul);
    cursor_skip(c, 1);
    return nul != SPAN_NONE;
}

/* "4 1 port address user NUL", and in 4A, where the address is 0.0.0.x, "name NUL". */
static struct message request_4(struct span kept)
{
    struct message m = {.last = true};
    struct cursor c = cursor_of(kept);
    cursor_skip(&c, 4);
    uint32_t address = cursor_be32(&c);
    bool whole = !cursor_bad(&c) && take_text(&c, &m.user);
    if (whole && address > 0 && address < 256) {
        whole = take_text(&c, &m.host);
    }
    m.len = whole ? c.off : 0;
    return m;
}

/* Version, command or answer, 0, address, port. */
static struct message connect_5(struct span kept, bool request)
{
    struct message m = {.last = true};
    struct cursor c = cursor_of(kept);
    cursor_skip(&c, 3);
    uint8_t type = cursor_u8(&c);
    size_t len = type == TYPE_V4 ? 4 : type == TYPE_V6 ? 16 : type == TYPE_NAME ? cursor_u8(&c) : 0;
    struct span address = cursor_bytes(&c, len);
    cursor_skip(&c, 2);
    m.len = cursor_bad(&c) ? 0 : c.off;
    m.host = request && type == TYPE_NAME ? address : (struct span){0};
    return m;
}

static struct message password_5(struct span kept)
{
    struct message m = {0};
    struct cursor c = cursor_of(kept);
    cursor_skip(&c, 1);
    m.user = cursor_bytes(&c, cursor_u8(&c));
    m.password = cursor_bytes(&c, cursor_u8(&c));
    m.len = cursor_bad(&c) ? 0 : c.off;
    return m;
}

static struct message from_client(const struct side *side, struct span kept)
{
    uint8_t version = span_at(kept, 0);
    if (version == VERSION_4 && !side->greeted) {
        return request_4(kept);
    }
    if (version == VERSION_5 && !side->greeted) {
        size_t len = 2U + span_at(kept, 1);
        return (struct message){.len = kept.len >= 2 && kept.len >= len ? len : 0};
    }
    return version == VERSION_5 ? connect_5(kept, true) : password_5(kept);
}

static struct message from_server(const struct side *side, struct span kept)
{
    uint8_t version = span_at(kept, 0);
    if (version == 0 && !side->greeted) {
        return (struct message){.last = true, .len = kept.len >= FIXED_4 ? FIXED_4 : 0};
    }
    if (side->greeted && version == VERSION_5) {
        return connect_5(kept, false);
    }
    return (struct message){.len = kept.len >= 2 ? 2 : 0};
}

/* Whether a message can begin so; else it is something else already. */
static bool may_begin(const struct side *side, enum direction dir, uint8_t first)
{
    if (side->greeted) {
        return first == VERSION_5 || first == AUTH_VERSION;
    }
    return first == VERSION_5 || first == (dir == TO_SERVER ? VERSION_4 : 0);
}

static void give(struct socks *s, const struct emit *emit, enum field_id id, struct span value)
{
    const struct field field = {.id = id, .value = value, .dir = TO_SERVER};
    if (value.len > 0) {
        emit->ops->field(emit->ctx, s->tx, &field);
    }
}

static void give_message(struct socks *s, const struct emit *emit, const struct message *m)
{
    if (!s->tx_open) {
        s->tx_open = true;
        s->tx = emit->ops->tx_begin(emit->ctx, TO_SERVER);
    }
    give(s, emit, FIELD_SOCKS_USER, m->user);
    give(s, emit, FIELD_SOCKS_PASSWORD, m->password);
    give(s, emit, FIELD_SOCKS_HOST, m->host);
}

static void end_tx(struct socks *s, const struct emit *emit)
{
    if (s->tx_open) {
        emit->ops->tx_end(emit->ctx, s->tx, 0);
    }
    s->tx = NULL;
    s->tx_open = false;
}

/* The client's side ends the transaction: all names are in it. */
static void hand_over(struct socks *s, const struct emit *emit, enum direction dir,
                      struct span rest)
{
    if (dir == TO_SERVER) {
        end_tx(s, emit);
    }
    s->sides[dir].done = true;
    emit->ops->hand_over(emit->ctx, dir, rest);
}

/* What is kept is no message: it is handed over with what follows it. */
static void give_up(struct socks *s, const struct emit *emit, enum direction dir, struct span rest)
{
    struct side *side = &s->sides[dir];
    hand_over(s, emit, dir, sbuf_span(&side->kept));
    hand_over(s, emit, dir, rest);
    sbuf_free(&side->kept);
}

/* The first message of what is kept, if it is whole; takes it off. */
static bool take_message(struct socks *s, const struct emit *emit, enum direction dir)
{
    struct side *side = &s->sides[dir];
    struct span kept = sbuf_span(&side->kept);
    const struct message m = dir == TO_SERVER ? from_client(side, kept) : from_server(side, kept);
    if (m.len == 0) {
        return false;
    }
    if (dir == TO_SERVER) {
        give_message(s, emit, &m);
    }
    side->greeted = true;
    sbuf_drop(&side->kept, m.len);
    if (m.last) {
        give_up(s, emit, dir, (struct span){0});
    }
    return true;
}

/* Messages are short: they are copied and looked at when complete. */
static void socks_data(void *state, const struct emit *emit, enum direction dir, struct span bytes)
{
    struct socks *s = state;
    struct side *side = &s->sides[dir];
    while (!side->done) {
        size_t before = side->kept.len;
        struct span part = span_head(bytes, MESSAGE_MAX - before);
        if (!sbuf_add(&side->kept, part)) {
            sbuf_shorten(&side->kept, before);
            break; /* no memory */
        }
        bytes = span_from(bytes, part.len);
        bool begins = may_begin(side, dir, span_at(sbuf_span(&side->kept), 0));
        bool full = side->kept.len == MESSAGE_MAX;
        if (side->kept.len == 0 || (begins && !take_message(s, emit, dir) && !full)) {
            return;
        }
        if (!begins || (full && side->kept.len == MESSAGE_MAX)) {
            break; /* no message, or one that is too long */
        }
    }
    if (!side->done) {
        give_up(s, emit, dir, bytes);
    } else if (bytes.len > 0) {
        emit->ops->hand_over(emit->ctx, dir, bytes);
    }
}

static void socks_gap(void *state, const struct emit *emit, enum direction dir, uint64_t n_bytes)
{
    (void)n_bytes;
    give_up(state, emit, dir, (struct span){0});
}

static void socks_end(void *state, const struct emit *emit, enum direction dir)
{
    struct socks *s = state;
    if (!s->sides[dir].done) {
        give_up(s, emit, dir, (struct span){0});
    }
}

static void socks_close(void *state, const struct emit *emit, enum close_reason reason)
{
    struct socks *s = state;
    (void)reason;
    for (unsigned dir = TO_SERVER; dir <= TO_CLIENT; dir++) {
        socks_end(s, emit, (enum direction)dir);
        sbuf_free(&s->sides[dir].kept);
    }
    end_tx(s, emit);
}

const struct decoder socks_decoder = {
    .name = "socks",
    .state_size = sizeof(struct socks),
    .probe = socks_probe,
    .open = socks_open,
    .data = socks_data,
    .gap = socks_gap,
    .end = socks_end,
    .close = socks_close,
};
