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
#include "sensor/codec/ber.h"
#include "sensor/decoy/talk_parts.h"

enum {
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

/* The start of an element that has to be of that tag. */
static enum head_state read_element(struct span s, uint8_t tag, size_t *ret_begin,
                                    uint64_t *ret_len)
{
    int begin = ber_head(s, ret_len);
    if (begin < 0 || (s.len > 0 && span_at(s, 0) != tag)) {
        return HEAD_BAD;
    }
    *ret_begin = (size_t)begin;
    return begin > 0 ? HEAD_WHOLE : HEAD_MORE;
}

/* LDAPMessage ::= SEQUENCE { messageID INTEGER (0 .. 2^31 - 1), protocolOp CHOICE { … */
static enum head_state read_head(struct span s, struct head *ret)
{
    size_t begin = 0;
    uint64_t len = 0;
    uint64_t n_within = 0;
    enum head_state state = read_element(s, BER_SEQUENCE, &begin, &n_within);
    if (state != HEAD_WHOLE) {
        return state;
    }
    ret->len = begin + n_within;
    s = span_from(s, begin);
    state = read_element(s, BER_INTEGER, &begin, &len);
    if (state != HEAD_WHOLE) {
        return state;
    }
    size_t end = begin + (size_t)len;
    if (len == 0 || len > NUMBER_BYTES_MAX || end >= n_within) {
        return HEAD_BAD;
    }
    if (end >= s.len) {
        return HEAD_MORE;
    }
    ret->number = ber_number(span_head(span_from(s, begin), (size_t)len));
    ret->operation = span_at(s, end);
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
