/* talk_ldap: a directory (RFC 4511) in which nothing is.
 *
 * A host that was taken in by a look-up, and whose call-back was led here (a name server that gives
 * our address for the attacker's name, a rule that rewrites his address), asks for what the
 * look-up's path says. It is let in whoever it is, and every search has an empty result: so it goes
 * on unharmed, and what it asked for is told by who reads the same bytes. Of an answer nothing but
 * the message's number is the visitor's, which has to be there and is a number. Nothing else is
 * answered.
 *
 * Of a message its length, number and operation are read; the rest of it is passed over. What is no
 * message, or longer than a body may be, ends the talk. */
#include "sensor/base/bytes.h"
#include "sensor/base/wire.h"
#include "sensor/decoy/talk_parts.h"

enum {
    BER_INTEGER = 0x02,
    BER_SEQUENCE = 0x30,
    BER_LENGTH_LONG = 0x80,
    LENGTH_BYTES_MAX = 4,
    NUMBER_BYTES_MAX = 4,
    BIND_REQUEST = 0x60,
    BIND_RESPONSE = 0x61,
    UNBIND_REQUEST = 0x42,
    SEARCH_REQUEST = 0x63,
    SEARCH_RESULT_DONE = 0x65,
};

/* What a message begins with. */
struct head {
    uint64_t len; /* of the whole message */
    uint32_t number;
    uint8_t operation;
};

enum head_state { HEAD_MORE, HEAD_WHOLE, HEAD_BAD };

/* The length at `*off`, of one byte, or of up to four behind one that says how many. */
static enum head_state take_length(struct span s, size_t *off, uint64_t *ret_len)
{
    uint8_t first = wire_u8(s, *off);
    size_t n = first & (BER_LENGTH_LONG - 1);
    if (*off >= s.len) {
        return HEAD_MORE;
    }
    if (first < BER_LENGTH_LONG) {
        *ret_len = first;
        *off += 1;
        return HEAD_WHOLE;
    }
    if (n == 0 || n > LENGTH_BYTES_MAX) {
        return HEAD_BAD;
    }
    *ret_len = 0;
    for (size_t i = 1; i <= n; i++) {
        *ret_len = *ret_len << 8 | wire_u8(s, *off + i);
    }
    *off += 1 + n;
    return *off <= s.len ? HEAD_WHOLE : HEAD_MORE;
}

static enum head_state take_tag(struct span s, size_t *off, uint8_t tag)
{
    if (*off >= s.len) {
        return HEAD_MORE;
    }
    return wire_u8(s, (*off)++) == tag ? HEAD_WHOLE : HEAD_BAD;
}

/* LDAPMessage ::= SEQUENCE { messageID INTEGER (0 .. 2^31 - 1), protocolOp CHOICE { … */
static enum head_state read_head(struct span s, struct head *ret)
{
    size_t off = 0;
    uint64_t len = 0;
    uint64_t n = 0;
    enum head_state state = take_tag(s, &off, BER_SEQUENCE);
    state = state == HEAD_WHOLE ? take_length(s, &off, &len) : state;
    ret->len = off + len;
    state = state == HEAD_WHOLE ? take_tag(s, &off, BER_INTEGER) : state;
    state = state == HEAD_WHOLE ? take_length(s, &off, &n) : state;
    if (state != HEAD_WHOLE) {
        return state;
    }
    if (n == 0 || n > NUMBER_BYTES_MAX || off + n >= ret->len) {
        return HEAD_BAD;
    }
    if (off + n >= s.len) {
        return HEAD_MORE;
    }
    ret->number = 0;
    for (uint64_t i = 0; i < n; i++) {
        ret->number = ret->number << 8 | wire_u8(s, off++);
    }
    ret->operation = wire_u8(s, off);
    return ret->number <= INT32_MAX ? HEAD_WHOLE : HEAD_BAD;
}

/* How many bytes a number takes whose first bit says that it is none below 0. */
static uint8_t number_bytes(uint32_t number)
{
    uint8_t n = 1;
    while (n < NUMBER_BYTES_MAX && number >> (8 * n - 1) != 0) {
        n++;
    }
    return n;
}

/* LDAPResult: success, and no word more. */
static void answer(struct talk *t, uint8_t operation)
{
    static const uint8_t success[] = {0x0a, 1, 0, /* resultCode */
                                      0x04, 0,    /* matchedDN */
                                      0x04, 0 /* diagnosticMessage */};
    uint8_t n = number_bytes(t->ldap.number);
    uint8_t head[4 + NUMBER_BYTES_MAX + 2] = {BER_SEQUENCE, 0, BER_INTEGER, n};
    size_t len = 4;
    for (uint8_t i = n; i > 0; i--) {
        head[len++] = (uint8_t)(t->ldap.number >> (8 * (i - 1)));
    }
    head[len++] = operation;
    head[len++] = sizeof(success);
    head[1] = (uint8_t)(len - 2 + sizeof(success));
    talk_say(t, span_of(head, len));
    talk_say(t, span_of(success, sizeof(success)));
}

static void end_message(struct talk *t)
{
    switch (t->ldap.operation) {
    case BIND_REQUEST:
        answer(t, BIND_RESPONSE);
        break;
    case SEARCH_REQUEST:
        answer(t, SEARCH_RESULT_DONE);
        break;
    case UNBIND_REQUEST:
        t->over = true;
        break;
    default: /* lint: a byte, not an enum */
        break;
    }
}

static void give_up(struct talk *t, bool cut)
{
    t->over = true;
    t->cut = t->cut || cut;
}

/* A byte of a message's head; `left` is what follows it once it is whole. */
static void take_head(struct talk *t, uint8_t byte)
{
    struct head head = {0};
    t->ldap.head[t->ldap.n_head++] = byte;
    switch (read_head(span_of(t->ldap.head, t->ldap.n_head), &head)) {
    case HEAD_MORE:
        t->in_head = true;
        return;
    case HEAD_BAD:
        give_up(t, false);
        return;
    case HEAD_WHOLE:
        break;
    }
    if (head.len > t->limits->body_bytes) {
        give_up(t, true);
        return;
    }
    t->ldap.left = head.len - t->ldap.n_head;
    t->ldap.number = head.number;
    t->ldap.operation = head.operation;
    t->ldap.in_body = true;
    t->in_head = false;
}

void talk_ldap(struct talk *t, struct span bytes)
{
    while (bytes.len > 0 && !t->over) {
        if (!t->ldap.in_body) {
            take_head(t, span_at(bytes, 0));
            bytes = span_from(bytes, 1);
        } else {
            struct span part = span_head(bytes, (size_t)t->ldap.left);
            t->ldap.left -= part.len;
            bytes = span_from(bytes, part.len);
        }
        if (t->ldap.in_body && t->ldap.left == 0) {
            t->ldap.in_body = false;
            t->ldap.n_head = 0;
            end_message(t);
        }
    }
}
