/* rmi: Java's Remote Method Invocation over its own wire protocol, JRMP.
 *
 * Only what is needed to tell it from other protocols is read: the header of a connection ("JRMI",
 * a version, a kind) and the answer to it. Calls and returns are serialised Java objects; both
 * directions are inspected as they are, as one body each, since no length says where a message
 * ends. A connection is one transaction. The protocol is described in the Java RMI Specification,
 * chapter 10. */
#include "sensor/base/wire.h"
#include "sensor/core/decoder.h"
#include "sensor/core/tx.h"

enum {
    MAGIC_LEN = 4,
    HEADER_LEN = 7,
    KIND_STREAM = 0x4b,
    KIND_MULTIPLEX = 0x4d,
    ACK = 0x4e,
    CALL = 0x50,
    RETURN = 0x51,
    HOST_MAX = 255,
};

struct rmi {
    struct tx *tx;
    bool tx_open; /* also when tx is NULL because memory was short */
    bool body_open[2];
    bool after_gap[2];
    bool cut; /* bytes are missing */
};

/* --- is it RMI ---------------------------------------------------------------------------------
 */

static enum probe probe_start(struct span first, struct span sign)
{
    if (!span_starts(first, span_head(sign, first.len))) {
        return PROBE_NO;
    }
    return first.len < sign.len ? PROBE_MORE : PROBE_YES;
}

static enum probe probe_header(struct span first)
{
    enum probe answer = probe_start(first, SPAN("JRMI\0"));
    if (answer != PROBE_YES || first.len < HEADER_LEN) {
        return answer == PROBE_YES ? PROBE_MORE : answer;
    }
    unsigned kind = wire_u8(first, HEADER_LEN - 1);
    return kind >= KIND_STREAM && kind <= KIND_MULTIPLEX ? PROBE_YES : PROBE_NO;
}

static bool is_host_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '-' && c <= ':') || c == '_' ||
           c == '%';
}

/* The server names the client's host, in UTF with its length, and port, a number of 32 bits. */
static enum probe probe_ack(struct span first)
{
    size_t len = wire_be16(first, 1);
    if (first.len > 0 && wire_u8(first, 0) != ACK) {
        return PROBE_NO;
    }
    if (first.len < 3) {
        return PROBE_MORE;
    }
    if (len == 0 || len > HOST_MAX) {
        return PROBE_NO;
    }
    for (size_t i = 3; i < 3 + len && i < first.len; i++) {
        if (!is_host_byte(wire_u8(first, i))) {
            return PROBE_NO;
        }
    }
    if (first.len < 3 + len + 4) {
        return first.len >= 256 ? PROBE_NO : PROBE_MORE;
    }
    return wire_be16(first, 3 + len) == 0 ? PROBE_YES : PROBE_NO;
}

/* Mid-stream: a call or a return, with the magic and version of serialisation. */
static enum probe probe_message(struct span first, unsigned kind)
{
    if (first.len > 0 && wire_u8(first, 0) != kind) {
        return PROBE_NO;
    }
    return probe_start(wire_from(first, 1), SPAN("\xac\xed\0\5"));
}

static enum probe surest(enum probe a, enum probe b)
{
    if (a == PROBE_YES || b == PROBE_YES) {
        return PROBE_YES;
    }
    return a == PROBE_MORE || b == PROBE_MORE ? PROBE_MORE : PROBE_NO;
}

static enum probe probe(struct span first, enum direction dir)
{
    return dir == TO_SERVER ? surest(probe_header(first), probe_message(first, CALL))
                            : surest(probe_ack(first), probe_message(first, RETURN));
}

/* --- the flow ----------------------------------------------------------------------------------
 */

static void open_flow(void *state, const struct decoder_env *env)
{
    (void)state;
    (void)env;
}

static void give(struct rmi *r, const struct emit *emit, enum direction dir, struct span bytes,
                 unsigned flags)
{
    const struct region region = {
        .kind = REGION_BODY, .field = FIELD_RMI_DATA, .dir = dir, .bytes = bytes, .flags = flags};
    emit->ops->region(emit->ctx, r->tx, &region);
}

static void data(void *state, const struct emit *emit, enum direction dir, struct span bytes)
{
    struct rmi *r = state;
    if (!r->tx_open) {
        r->tx = emit->ops->tx_begin(emit->ctx, dir);
        r->tx_open = true;
    }
    unsigned flags = r->body_open[dir] ? 0 : REGION_FIRST;
    flags |= r->body_open[dir] && r->after_gap[dir] ? REGION_AFTER_GAP : 0U;
    r->body_open[dir] = true;
    r->after_gap[dir] = false;
    give(r, emit, dir, bytes, flags);
}

static void gap(void *state, const struct emit *emit, enum direction dir, uint64_t n_bytes)
{
    struct rmi *r = state;
    (void)emit;
    (void)n_bytes;
    r->after_gap[dir] = true;
    r->cut = true;
}

static void end(void *state, const struct emit *emit, enum direction dir)
{
    struct rmi *r = state;
    if (r->body_open[dir]) {
        give(r, emit, dir, span_of(NULL, 0), REGION_LAST);
        r->body_open[dir] = false;
    }
}

static void close_flow(void *state, const struct emit *emit, enum close_reason reason)
{
    struct rmi *r = state;
    bool cut = reason != CLOSE_FIN && reason != CLOSE_RST;
    for (unsigned i = 0; i < 2; i++) {
        if (r->body_open[i]) {
            give(r, emit, (enum direction)i, span_of(NULL, 0),
                 REGION_LAST | (cut ? REGION_CUT : 0U));
        }
    }
    if (r->tx_open) {
        emit->ops->tx_end(emit->ctx, r->tx, cut || r->cut ? TX_CUT : 0);
    }
}

const struct decoder rmi_decoder = {
    .name = "rmi",
    .state_size = sizeof(struct rmi),
    .probe = probe,
    .open = open_flow,
    .data = data,
    .gap = gap,
    .end = end,
    .close = close_flow,
};
