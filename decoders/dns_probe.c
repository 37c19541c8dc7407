/* dns_probe: tells DNS messages from anything else.
 *
 * A header alone is twelve bytes that much could be; so the first question must be read too: one
 * question, a whole name that no pointer begins, a class of RFC 1035 or RFC 2136, counts that a
 * message of a question or an answer can have. */
#include "decoders/dns.h"

#include "sensor/base/wire.h"

enum { OPCODE_MAX = 5, TYPE_MAX = 300, RCODES_KNOWN = 11, QUESTION_TAIL = 4 };

static bool class_known(unsigned class)
{
    class &= 0x7fff; /* mDNS marks questions with the highest bit */
    return class == 1 || class == 3 || class == 4 || class == 254 || class == 255;
}

static bool type_known(unsigned type)
{
    return (type > 0 && type < TYPE_MAX) || type == 32768 || type == 32769; /* TA, DLV */
}

/* RFC 1035 §4.1.1. */
static bool header_fits(struct span message)
{
    unsigned flags = wire_be16(message, 2);
    unsigned n_answers = wire_be16(message, 6);
    bool response = (flags & 0x8000) != 0;
    return (flags >> 11 & 15) <= OPCODE_MAX && (flags & 0x0040) == 0 &&
           (flags & 15) <= RCODES_KNOWN && wire_be16(message, 4) == 1 &&
           (response || (flags & 0x0480) == 0) && n_answers <= DNS_RECORDS_MAX &&
           wire_be16(message, 8) <= DNS_RECORDS_MAX && wire_be16(message, 10) <= DNS_RECORDS_MAX &&
           (response || n_answers <= 1);
}

/* Where the name that begins at `off` ends without a pointer: 0 when it is none, SPAN_NONE when
 * the bytes end first. */
static size_t plain_name_end(struct span message, size_t off)
{
    size_t start = off;
    while (off < message.len) {
        size_t len = wire_u8(message, off);
        if (len > 63 || off - start > 255) {
            return 0;
        }
        off += 1 + len;
        if (len == 0) {
            return off;
        }
    }
    return SPAN_NONE;
}

static enum probe probe_message(struct span message)
{
    if (message.len < DNS_HEADER_LEN) {
        return PROBE_MORE;
    }
    if (!header_fits(message)) {
        return PROBE_NO;
    }
    size_t end = plain_name_end(message, DNS_HEADER_LEN);
    if (end == 0) {
        return PROBE_NO;
    }
    if (end == SPAN_NONE || end + QUESTION_TAIL > message.len) {
        return PROBE_MORE;
    }
    bool fits = type_known(wire_be16(message, end)) && class_known(wire_be16(message, end + 2));
    return fits ? PROBE_YES : PROBE_NO;
}

static bool goes(struct span message, enum direction dir)
{
    return ((wire_u8(message, 2) & 0x80) != 0) == (dir == TO_CLIENT);
}

enum probe dns_probe_datagram(struct span datagram, enum direction dir)
{
    bool yes = probe_message(datagram) == PROBE_YES && goes(datagram, dir);
    return yes ? PROBE_YES : PROBE_NO; /* no more will come of it */
}

enum probe dns_probe_any(struct span first)
{
    enum { SHORTEST = DNS_HEADER_LEN + 5 };
    if (first.len < 2) {
        return PROBE_MORE;
    }
    size_t len = wire_be16(first, 0);
    if (len < SHORTEST) {
        return PROBE_NO;
    }
    struct span message = wire_sub(first, 2, len);
    enum probe answer = probe_message(message);
    return answer == PROBE_MORE && message.len == len ? PROBE_NO : answer;
}

enum probe dns_probe_stream(struct span first, enum direction dir)
{
    enum probe answer = dns_probe_any(first);
    bool opposite = first.len > 4 && !goes(wire_from(first, 2), dir);
    return opposite ? PROBE_NO : answer;
}
