/* dns_name: domain names on the wire, RFC 1035 §3.1 and §4.1.4.
 *
 * Labels are taken as they are: whatever bytes they hold belong to the name, since a look-up may
 * stand there. Pointers must go back beyond everything that was read, so no name can loop; what
 * comes out is capped. */
#include "decoders/dns.h"

#include "sensor/base/wire.h"

enum { POINTER = 0xc0, LABEL_MAX = 63, JUMPS_MAX = 64 };

/* A name being read. */
struct reader {
    struct span message;
    size_t at;
    size_t lowest; /* a pointer must go below this */
    size_t behind; /* where the name ends in the record; set by the first pointer */
    bool jumped;
    unsigned n_jumps;
};

static enum dns_name_end jump(struct reader *r)
{
    if (r->at + 2 > r->message.len) {
        return DNS_NAME_SHORT;
    }
    size_t target = wire_be16(r->message, r->at) & 0x3fff;
    if (!r->jumped) {
        r->behind = r->at + 2;
        r->jumped = true;
    }
    if (target >= r->lowest || ++r->n_jumps > JUMPS_MAX) {
        return DNS_NAME_BAD;
    }
    r->lowest = target;
    r->at = target;
    return DNS_NAME_WHOLE;
}

static enum dns_name_end label(struct reader *r, size_t len, struct sbuf *to)
{
    if (len > LABEL_MAX) {
        return DNS_NAME_BAD; /* 01 and 10 are reserved */
    }
    struct span text = wire_sub(r->message, r->at + 1, len);
    if (to->len > 0) {
        sbuf_add_byte(to, '.');
    }
    sbuf_add(to, text);
    r->at += 1 + len;
    if (to->cut) {
        return DNS_NAME_BAD;
    }
    return text.len == len ? DNS_NAME_WHOLE : DNS_NAME_SHORT;
}

enum dns_name_end dns_name(struct span message, size_t *off, struct sbuf *to)
{
    struct reader r = {.message = message, .at = *off, .lowest = *off};
    enum dns_name_end end = DNS_NAME_WHOLE;
    sbuf_reset(to);
    while (end == DNS_NAME_WHOLE) {
        if (r.at >= message.len) {
            return DNS_NAME_SHORT;
        }
        size_t len = wire_u8(message, r.at);
        if (len == 0) {
            *off = r.jumped ? r.behind : r.at + 1;
            return DNS_NAME_WHOLE;
        }
        end = (len & POINTER) == POINTER ? jump(&r) : label(&r, len, to);
    }
    return end;
}
