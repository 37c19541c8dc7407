/* ldap: the Lightweight Directory Access Protocol, RFC 4511, over TCP.
 *
 * What a look-up of JNDI asks a server for, and what that answers with: the names, and the
 * attributes in which a class is referred to or a serialised object lies. Messages are found by
 * their lengths (frames.c) and read in ldap_message.c. A transaction is a request and its
 * responses, by message number; a search has many.
 *
 * Behind StartTLS it is TLS's; a SASL security layer is not told apart from broken messages.
 * Limits: messages longer than head_bytes are inspected, not taken apart; open_tx requests wait. */
#include "decoders/ldap.h"

#include "sensor/base/wire.h"
#include "sensor/codec/ber.h"
#include "sensor/core/tx.h"

static const struct ldap_op_info ops[] = {
    {LDAP_BIND_REQUEST, false, false, "bind_request"},
    {LDAP_BIND_RESPONSE, true, true, "bind_response"},
    {LDAP_UNBIND_REQUEST, false, true, "unbind_request"},
    {LDAP_SEARCH_REQUEST, false, false, "search_request"},
    {LDAP_SEARCH_ENTRY, true, false, "search_result_entry"},
    {LDAP_SEARCH_DONE, true, true, "search_result_done"},
    {LDAP_MODIFY_REQUEST, false, false, "modify_request"},
    {LDAP_MODIFY_RESPONSE, true, true, "modify_response"},
    {LDAP_ADD_REQUEST, false, false, "add_request"},
    {LDAP_ADD_RESPONSE, true, true, "add_response"},
    {LDAP_DEL_REQUEST, false, false, "del_request"},
    {LDAP_DEL_RESPONSE, true, true, "del_response"},
    {LDAP_MOD_DN_REQUEST, false, false, "mod_dn_request"},
    {LDAP_MOD_DN_RESPONSE, true, true, "mod_dn_response"},
    {LDAP_COMPARE_REQUEST, false, false, "compare_request"},
    {LDAP_COMPARE_RESPONSE, true, true, "compare_response"},
    {LDAP_ABANDON_REQUEST, false, true, "abandon_request"},
    {LDAP_SEARCH_REFERENCE, true, false, "search_result_reference"},
    {LDAP_EXTENDED_REQUEST, false, false, "extended_request"},
    {LDAP_EXTENDED_RESPONSE, true, true, "extended_response"},
    {LDAP_INTERMEDIATE_RESPONSE, true, false, "intermediate_response"},
};

const struct ldap_op_info *ldap_op(uint8_t tag)
{
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (ops[i].tag == tag) {
            return &ops[i];
        }
    }
    return NULL;
}

/* --- is it LDAP --------------------------------------------------------------------------------
 */

/* A sequence, a small number, an operation: RFC 4511 §4.1.1. */
static enum probe probe_message(struct span first, const struct ldap_op_info **ret_op)
{
    enum { NUMBER_BYTES_MAX = 4 };
    if (first.len == 0) {
        return PROBE_MORE;
    }
    int64_t length = ber_length(first);
    if (wire_u8(first, 0) != BER_SEQUENCE || length < 0) {
        return PROBE_NO;
    }
    if (length == 0) {
        return PROBE_MORE;
    }
    size_t at = (wire_u8(first, 1) & 0x80) != 0 ? 2 + (wire_u8(first, 1) & 0x7fU) : 2;
    size_t n = wire_u8(first, at + 1);
    if (first.len > at && wire_u8(first, at) != BER_INTEGER) {
        return PROBE_NO;
    }
    if (first.len > at + 1 && (n == 0 || n > NUMBER_BYTES_MAX)) {
        return PROBE_NO;
    }
    if (first.len <= at + 2 + n) {
        return length <= (int64_t)(at + 2 + n) ? PROBE_NO : PROBE_MORE;
    }
    *ret_op = ldap_op(wire_u8(first, at + 2 + n));
    bool positive = (wire_u8(first, at + 2) & 0x80) == 0;
    return *ret_op != NULL && positive && length > (int64_t)(at + 2 + n) ? PROBE_YES : PROBE_NO;
}

static enum probe probe_any(struct span first)
{
    const struct ldap_op_info *op = NULL;
    return probe_message(first, &op);
}

static enum probe probe(struct span first, enum direction dir)
{
    const struct ldap_op_info *op = NULL;
    enum probe answer = probe_message(first, &op);
    return op != NULL && op->response != (dir == TO_CLIENT) ? PROBE_NO : answer;
}

/* --- the flow ----------------------------------------------------------------------------------
 */

static int64_t message_length(struct span start)
{
    if (start.len > 0 && wire_u8(start, 0) != BER_SEQUENCE) {
        return FRAMES_BAD;
    }
    int64_t length = ber_length(start);
    return length < 0 ? FRAMES_BAD : length;
}

static void on_message(void *owner, enum direction dir, struct span message, bool cut)
{
    ldap_message(owner, dir, message, cut);
}

static const struct frames_protocol protocol = {
    .length = message_length,
    .probe = probe_any,
    .message = on_message,
    .too_long = ANOMALY_LDAP_TOO_LONG,
    .bad = ANOMALY_LDAP_MALFORMED,
};

static void open_flow(void *state, const struct decoder_env *env)
{
    struct ldap *l = state;
    l->limits = env->limits;
    for (unsigned i = 0; i < 2; i++) {
        frames_open(&l->sides[i], &protocol, l, (enum direction)i, env);
    }
}

/* Behind the answer that agrees to StartTLS, §4.14.2, both directions are TLS; what the client had
 * begun before is no message. */
static void begin_tls(struct ldap *l, enum direction dir, struct span rest)
{
    const struct emit *emit = l->emit;
    frames_stop(&l->sides[TO_SERVER]);
    frames_stop(&l->sides[TO_CLIENT]);
    size_t n_lost = frames_give_up(&l->sides[TO_SERVER]) + frames_give_up(&l->sides[TO_CLIENT]);
    if (n_lost > 0) {
        emit->ops->lost(emit->ctx, NULL, LOST_STARTTLS, n_lost);
    }
    numbered_end(&l->open, emit, 0);
    emit->ops->starttls(emit->ctx, rest);
    emit->ops->hand_over(emit->ctx, direction_other(dir), span_of(NULL, 0));
    emit->ops->hand_over(emit->ctx, dir, rest);
}

static void settle_tls(struct ldap *l, enum direction dir, struct span rest)
{
    if (l->tls_agreed) {
        l->tls_agreed = false;
        begin_tls(l, dir, rest);
    }
}

static void data(void *state, const struct emit *emit, enum direction dir, struct span bytes)
{
    struct ldap *l = state;
    l->emit = emit;
    settle_tls(l, dir, frames_data(&l->sides[dir], emit, bytes));
}

static void gap(void *state, const struct emit *emit, enum direction dir, uint64_t n_bytes)
{
    struct ldap *l = state;
    l->emit = emit;
    frames_gap(&l->sides[dir], emit, n_bytes);
    settle_tls(l, dir, span_of(NULL, 0));
}

static void end(void *state, const struct emit *emit, enum direction dir)
{
    struct ldap *l = state;
    l->emit = emit;
    frames_end(&l->sides[dir], emit);
    l->tls_agreed = false; /* a server that ended here begins nothing */
}

static void close_flow(void *state, const struct emit *emit, enum close_reason reason)
{
    struct ldap *l = state;
    (void)reason;
    end(l, emit, TO_SERVER);
    end(l, emit, TO_CLIENT);
    numbered_end(&l->open, emit, 0);
}

const struct decoder ldap_decoder = {
    .name = "ldap",
    .state_size = sizeof(struct ldap),
    .probe = probe,
    .open = open_flow,
    .data = data,
    .gap = gap,
    .end = end,
    .close = close_flow,
};
