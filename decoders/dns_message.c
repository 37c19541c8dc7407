/* dns_message: one message to fields, RFC 1035 §4.1.
 *
 * The message is one region, so that rules without a buffer see it as it was sent. Names are
 * decoded copies. For the events, the header and what stands between a record's name and its data
 * (type, class, time to live) are kept as bytes, in the order of the message. What cannot be taken
 * apart, and all behind it, is inspected as it is. */
#include "decoders/dns.h"

#include "sensor/base/hash.h"
#include "sensor/base/wire.h"
#include "sensor/core/tx.h"

enum { SECTIONS = 4, QUESTION_TAIL = 4, RECORD_TAIL = 8 };

enum rr_type {
    TYPE_A = 1,
    TYPE_NS = 2,
    TYPE_CNAME = 5,
    TYPE_SOA = 6,
    TYPE_PTR = 12,
    TYPE_MX = 15,
    TYPE_TXT = 16,
    TYPE_AAAA = 28,
    TYPE_SRV = 33,
    TYPE_DNAME = 39,
    TYPE_SPF = 99,
};

/* One message being read. */
struct reading {
    struct dns *d;
    struct tx *tx;
    enum direction dir;
    struct span message;
    size_t off;
    bool cut;         /* its end is missing */
    bool bad;         /* nothing more can be read */
    uint64_t skipped; /* hash of a question's name that was inspected before; 0: none */
};

static void give(const struct reading *r, enum field_id id, struct span value, unsigned flags)
{
    const struct field field = {.id = id, .value = value, .dir = r->dir, .flags = flags};
    r->d->emit->ops->field(r->d->emit->ctx, r->tx, &field);
}

static void anomaly(const struct reading *r, enum anomaly what)
{
    r->d->emit->ops->anomaly(r->d->emit->ctx, r->tx, r->dir, what);
}

/* Nothing behind `off` is understood. */
static void give_up(struct reading *r)
{
    if (!r->cut) {
        anomaly(r, ANOMALY_DNS_MALFORMED);
    }
    r->bad = true;
}

/* A name, as the field `id`. */
static void take_name(struct reading *r, enum field_id id)
{
    size_t off = r->off;
    enum dns_name_end end = dns_name(r->message, &off, &r->d->name);
    struct span name = sbuf_span(&r->d->name);
    unsigned flags = end == DNS_NAME_WHOLE ? 0 : FIELD_CUT;
    if (r->skipped != 0 && flags == 0 && hash_fixed(name) == r->skipped) {
        flags = FIELD_REPEATED;
    }
    if (end == DNS_NAME_WHOLE || name.len > 0) {
        give(r, id, name, flags);
    }
    if (end != DNS_NAME_WHOLE) {
        give_up(r);
        r->off = r->cut && end == DNS_NAME_SHORT ? r->message.len : r->off;
        return;
    }
    r->off = off;
}

static void take_question(struct reading *r, bool response)
{
    take_name(r, response ? FIELD_DNS_QUESTION : FIELD_DNS_QUERY);
    struct span tail = wire_sub(r->message, r->off, QUESTION_TAIL);
    if (!r->bad && tail.len < QUESTION_TAIL) {
        give_up(r);
    } else if (!r->bad) {
        give(r, FIELD_DNS_RECORD, tail, FIELD_REPEATED);
        r->off += QUESTION_TAIL;
    }
}

/* --- data of records ---------------------------------------------------------------------------
 */

/* A name in a record's data; what follows it there is left. */
static bool data_name(struct reading *r, size_t off)
{
    enum dns_name_end end = dns_name(r->message, &off, &r->d->name);
    give(r, FIELD_DNS_RDATA, sbuf_span(&r->d->name), end == DNS_NAME_WHOLE ? 0 : FIELD_CUT);
    return end == DNS_NAME_WHOLE;
}

/* The two names of an SOA as one text, as zone files have them. */
static bool data_soa(struct reading *r, size_t off, size_t end)
{
    struct sbuf text = sbuf_with_cap(2 * DNS_NAME_CAP + 1);
    bool good = dns_name(r->message, &off, &r->d->name) == DNS_NAME_WHOLE && off <= end;
    sbuf_add(&text, sbuf_span(&r->d->name));
    if (good) {
        good = dns_name(r->message, &off, &r->d->name) == DNS_NAME_WHOLE;
        sbuf_add_byte(&text, ' ');
        sbuf_add(&text, sbuf_span(&r->d->name));
    }
    give(r, FIELD_DNS_RDATA, sbuf_span(&text), good ? 0 : FIELD_CUT);
    sbuf_free(&text);
    return good;
}

/* Character strings, RFC 1035 §3.3.14, put together. A single one, which most are, is not copied.
 */
static bool data_text(struct reading *r, struct span data)
{
    size_t len = wire_u8(data, 0);
    if (data.len == len + 1) {
        give(r, FIELD_DNS_RDATA, wire_from(data, 1), 0);
        return true;
    }
    struct sbuf text = sbuf_with_cap(UINT16_MAX);
    while (data.len > 0) {
        len = wire_u8(data, 0);
        sbuf_add(&text, wire_sub(data, 1, len));
        data = len < data.len ? wire_from(data, len + 1) : span_of(NULL, 0);
    }
    give(r, FIELD_DNS_RDATA, sbuf_span(&text), 0);
    sbuf_free(&text);
    return true;
}

static bool take_data(struct reading *r, unsigned type, struct span data)
{
    switch (type) {
    case TYPE_A:
    case TYPE_AAAA:
        give(r, FIELD_DNS_RDATA, data, FIELD_REPEATED);
        return data.len == (type == TYPE_A ? 4U : 16U);
    case TYPE_NS:
    case TYPE_CNAME:
    case TYPE_PTR:
    case TYPE_DNAME:
        return data_name(r, r->off);
    case TYPE_MX:
        return data_name(r, r->off + 2);
    case TYPE_SRV:
        return data_name(r, r->off + 6);
    case TYPE_SOA:
        return data_soa(r, r->off, r->off + data.len);
    case TYPE_TXT:
    case TYPE_SPF:
        return data_text(r, data);
    default:
        if (data.len > 0) {
            give(r, FIELD_DNS_RDATA, data, FIELD_UNKEPT);
        }
        return true;
    }
}

/* --- records -----------------------------------------------------------------------------------
 */

static const enum field_id section_fields[SECTIONS] = {FIELD_DNS_QUESTION, FIELD_DNS_ANSWER,
                                                       FIELD_DNS_AUTHORITY, FIELD_DNS_ADDITIONAL};

static void take_record(struct reading *r, size_t section)
{
    take_name(r, section_fields[section]);
    if (r->bad) {
        return;
    }
    struct span tail = wire_sub(r->message, r->off, RECORD_TAIL);
    size_t len = wire_be16(r->message, r->off + RECORD_TAIL);
    if (r->off + RECORD_TAIL + 2 > r->message.len) {
        give_up(r);
        return;
    }
    bool aside = section_fields[section] != FIELD_DNS_ANSWER;
    give(r, FIELD_DNS_RECORD, tail, FIELD_REPEATED | (aside ? FIELD_ASIDE : 0U));
    r->off += RECORD_TAIL + 2;
    struct span data = wire_sub(r->message, r->off, len);
    if (data.len < len) {
        give_up(r);
        return;
    }
    if (!take_data(r, wire_be16(tail, 0), data) && !r->cut) {
        anomaly(r, ANOMALY_DNS_MALFORMED); /* its own length still says where the next one is */
    }
    r->off += len;
}

static void take_sections(struct reading *r, bool response)
{
    unsigned n_taken = 0;
    for (size_t section = 0; section < SECTIONS; section++) {
        unsigned n = wire_be16(r->message, 4 + 2 * section);
        for (unsigned i = 0; i < n && !r->bad; i++) {
            if (n_taken++ == DNS_RECORDS_MAX) {
                anomaly(r, ANOMALY_DNS_TOO_MANY_RECORDS);
                return;
            }
            if (section == 0) {
                take_question(r, response);
            } else {
                take_record(r, section);
            }
        }
    }
    if (!r->bad && r->off < r->message.len) {
        anomaly(r, ANOMALY_DNS_TRAILING);
    }
}

/* --- the message -------------------------------------------------------------------------------
 */

static void read_all(struct reading *r, bool response)
{
    const struct region region = {
        .kind = REGION_HEAD, .field = FIELD_DNS_MESSAGE, .dir = r->dir, .bytes = r->message};
    r->d->emit->ops->region(r->d->emit->ctx, r->tx, &region);
    give(r, FIELD_DNS_HEADER, wire_sub(r->message, 0, DNS_HEADER_LEN), FIELD_REPEATED);
    r->off = DNS_HEADER_LEN;
    take_sections(r, response);
    if (r->off < r->message.len) {
        give(r, FIELD_DNS_MESSAGE, wire_from(r->message, r->off), FIELD_UNKEPT);
    }
}

static uint64_t first_name(struct dns *d, struct span message)
{
    size_t off = DNS_HEADER_LEN;
    bool whole = dns_name(message, &off, &d->name) == DNS_NAME_WHOLE;
    return whole ? hash_fixed(sbuf_span(&d->name)) : 0;
}

void dns_message(struct dns *d, enum direction dir, struct span message, bool cut)
{
    struct reading r = {.d = d, .dir = dir, .message = message, .cut = cut};
    bool response = (wire_u8(message, 2) & 0x80) != 0;
    struct numbered_tx own = {.id = wire_be16(message, 0)};
    if (message.len < DNS_HEADER_LEN) {
        frames_stray(&d->sides[dir], message);
        return;
    }
    struct numbered_tx *asked = response ? numbered_find(&d->open, own.id) : NULL;
    if (asked != NULL) {
        own = *asked;
        numbered_remove(&d->open, asked);
        r.skipped = own.mark;
    } else {
        own.tx = d->emit->ops->tx_begin(d->emit->ctx, dir);
    }
    r.tx = own.tx;
    read_all(&r, response);
    if (response && asked == NULL) {
        anomaly(&r, ANOMALY_DNS_RESPONSE_WITHOUT_QUERY);
    }
    if (response || cut) {
        d->emit->ops->tx_end(d->emit->ctx, own.tx, cut ? TX_CUT : 0);
    } else {
        own.mark = first_name(d, message);
        numbered_add(&d->open, d->emit, own, d->limits->open_tx);
    }
}
