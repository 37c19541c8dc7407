/* eve_dns: the dns object, format version 3 of Suricata 8.
 *
 * The decoder kept each message in its order: a header, then names, each with the type and class
 * behind it, and for records their data. Here they become queries, answers, authorities and
 * additionals. Data whose type has no text form here is left out. */
#include "sensor/base/wire.h"
#include "sensor/output/eve_parts.h"

#include <stdio.h>

enum { ADDR_V4_LEN = 4, ADDR_V6_LEN = 16, TYPE_A = 1, TYPE_SOA = 6, TYPE_AAAA = 28, TYPE_OPT = 41 };

/* IANA's registry of DNS parameters. */
static const struct {
    uint16_t number;
    const char *name;
} types[] = {
    {1, "A"},           {2, "NS"},     {5, "CNAME"},  {6, "SOA"},      {10, "NULL"},
    {11, "WKS"},        {12, "PTR"},   {13, "HINFO"}, {14, "MINFO"},   {15, "MX"},
    {16, "TXT"},        {17, "RP"},    {18, "AFSDB"}, {24, "SIG"},     {25, "KEY"},
    {28, "AAAA"},       {29, "LOC"},   {33, "SRV"},   {35, "NAPTR"},   {36, "KX"},
    {37, "CERT"},       {39, "DNAME"}, {41, "OPT"},   {42, "APL"},     {43, "DS"},
    {44, "SSHFP"},      {46, "RRSIG"}, {47, "NSEC"},  {48, "DNSKEY"},  {50, "NSEC3"},
    {51, "NSEC3PARAM"}, {52, "TLSA"},  {59, "CDS"},   {60, "CDNSKEY"}, {64, "SVCB"},
    {65, "HTTPS"},      {99, "SPF"},   {249, "TKEY"}, {250, "TSIG"},   {251, "IXFR"},
    {252, "AXFR"},      {255, "ANY"},  {256, "URI"},  {257, "CAA"},
};

static const char *const rcodes[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
                                     "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
                                     "NXRRSET", "NOTAUTH", "NOTZONE"};

static void add_type(struct json *j, unsigned number)
{
    char text[16];
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (types[i].number == number) {
            json_text(j, "rrtype", types[i].name);
            return;
        }
    }
    snprintf(text, sizeof(text), "TYPE%u", number); /* RFC 3597 §5 */
    json_text(j, "rrtype", text);
}

/* --- the message that was kept -----------------------------------------------------------------
 */

static const struct kept_field *header_of(const struct tx *tx, enum direction dir)
{
    const struct kept_field *k = tx_field(tx, FIELD_DNS_HEADER);
    for (; k != NULL; k = tx_next_field(k)) {
        bool answer = (wire_u8(k->value, 2) & 0x80) != 0;
        if (answer == (dir == TO_CLIENT)) {
            return k;
        }
    }
    return NULL;
}

bool eve_dns_has(const struct tx *tx, enum direction dir)
{
    return header_of(tx, dir) != NULL;
}

/* A name with what follows it; parts that were not kept are empty. */
struct record {
    enum field_id section;
    struct span name;
    struct span fixed; /* type, class, time to live */
    struct span data;
};

static bool is_name(enum field_id id)
{
    return id == FIELD_DNS_QUERY || id == FIELD_DNS_QUESTION || id == FIELD_DNS_ANSWER ||
           id == FIELD_DNS_AUTHORITY || id == FIELD_DNS_ADDITIONAL;
}

/* The next record of the message behind *at; false at its end. */
static bool next_record(const struct kept_field **at, struct record *ret)
{
    const struct kept_field *k = (*at)->next;
    if (k == NULL || !is_name(k->id)) {
        return false;
    }
    *ret = (struct record){.section = k->id, .name = k->value};
    *at = k;
    if (k->next != NULL && k->next->id == FIELD_DNS_RECORD) {
        *at = k->next;
        ret->fixed = k->next->value;
    }
    if ((*at)->next != NULL && (*at)->next->id == FIELD_DNS_RDATA) {
        *at = (*at)->next;
        ret->data = (*at)->value;
    }
    return true;
}

/* --- its parts ---------------------------------------------------------------------------------
 */

static void add_soa(struct json *j, struct span names)
{
    json_object(j, "soa");
    size_t space = span_find_byte(names, 0, ' ');
    json_string(j, "mname", span_head(names, space));
    json_string(j, "rname", space == SPAN_NONE ? span_of(NULL, 0) : span_from(names, space + 1));
    json_object_end(j);
}

static void add_data(struct json *j, const struct record *r, unsigned type)
{
    char text[ADDR_TEXT_SIZE];
    struct addr addr = {.family = 0};
    if (type == TYPE_A && r->data.len == ADDR_V4_LEN) {
        addr = addr_v4(r->data);
    } else if (type == TYPE_AAAA && r->data.len == ADDR_V6_LEN) {
        addr = addr_v6(r->data);
    } else if (type == TYPE_SOA && r->section != FIELD_DNS_ADDITIONAL) {
        add_soa(j, r->data);
        return;
    } else {
        json_string_if(j, "rdata", r->data);
        return;
    }
    addr_format(&addr, text, sizeof(text));
    json_text(j, "rdata", text);
}

static void add_record(struct json *j, const struct record *r)
{
    json_object(j, NULL);
    json_string(j, "rrname", r->name);
    if (r->fixed.len >= 4) {
        unsigned type = wire_be16(r->fixed, 0);
        add_type(j, type);
        if (r->fixed.len >= 8 && type != TYPE_OPT) { /* there it is no time, RFC 6891 §6.1.3 */
            json_number(j, "ttl", wire_be32(r->fixed, 4));
        }
        if (r->fixed.len >= 8) {
            add_data(j, r, type);
        }
    }
    json_object_end(j);
}

/* Records of one of two sections as a list; nothing without any. */
static void add_list(struct json *j, const char *key, const struct kept_field *header,
                     enum field_id section, enum field_id other)
{
    const struct kept_field *at = header;
    struct record r;
    bool open = false;
    while (!j->cut && next_record(&at, &r)) {
        if (r.section != section && r.section != other) {
            continue;
        }
        if (!open) {
            json_array(j, key);
            open = true;
        }
        add_record(j, &r);
    }
    if (open) {
        json_array_end(j);
    }
}

static void add_header(struct json *j, struct span header, enum direction dir)
{
    static const struct {
        unsigned bit;
        const char *key;
    } bits[] = {{0x8000, "qr"}, {0x0400, "aa"}, {0x0200, "tc"},
                {0x0100, "rd"}, {0x0080, "ra"}, {0x0040, "z"}};
    char text[16];
    unsigned flags = wire_be16(header, 2);
    unsigned rcode = flags & 15;
    json_number(j, "version", 3);
    json_text(j, "type", dir == TO_SERVER ? "request" : "response");
    json_number(j, "id", wire_be16(header, 0));
    snprintf(text, sizeof(text), "%x", flags);
    json_text(j, "flags", text);
    for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
        if ((flags & bits[i].bit) != 0) {
            json_bool(j, bits[i].key, true);
        }
    }
    json_number(j, "opcode", flags >> 11 & 15);
    snprintf(text, sizeof(text), "%u", rcode);
    json_text(j, "rcode", rcode < ARRAY_LEN(rcodes) ? rcodes[rcode] : text);
}

void eve_dns(struct json *j, const struct tx *tx, enum direction dir)
{
    const struct kept_field *header = header_of(tx, dir);
    if (header == NULL) {
        return;
    }
    json_object(j, "dns");
    add_header(j, header->value, dir);
    add_list(j, "queries", header, FIELD_DNS_QUERY, FIELD_DNS_QUESTION);
    add_list(j, "answers", header, FIELD_DNS_ANSWER, FIELD_DNS_ANSWER);
    add_list(j, "authorities", header, FIELD_DNS_AUTHORITY, FIELD_DNS_AUTHORITY);
    add_list(j, "additionals", header, FIELD_DNS_ADDITIONAL, FIELD_DNS_ADDITIONAL);
    json_object_end(j);
}
