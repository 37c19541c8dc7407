/* keyword_packet: conditions on the headers of a packet.
 *
 * Written as Suricata 8 documents them; each becomes a row of the rule's list, which
 * detect_packet.c asks of the packet at hand. Fragments are looked at when they were put together:
 * what is asked of one by itself is a mistake. */
#include "sensor/base/bytes.h"
#include "sensor/core/packet.h"
#include "signatures/rule_parse.h"

static struct rule_header *add_header(struct rule_parse *p, enum rule_header_of of)
{
    struct rule *r = p->rule;
    if (r->n_headers == RULE_HEADERS_MAX) {
        (void)rule_mistake(p, "more than %d of headers in one rule", RULE_HEADERS_MAX);
        return NULL;
    }
    struct rule_header *h = &r->headers[r->n_headers++];
    *h = (struct rule_header){.of = of};
    return h;
}

/* --- numbers -----------------------------------------------------------------------------------
 */

/* A plain number of a header, with a '!' in front where `negates` says so. */
static bool plain(struct rule_parse *p, enum rule_header_of of, struct span value, uint64_t max,
                  bool negates)
{
    bool negated = negates && span_at(value, 0) == '!';
    uint64_t number = 0;
    if (!span_to_u64(span_trim(span_from(value, negated)), &number) || number > max) {
        return rule_mistake(p, "is a number up to %llu, not '%s'", (unsigned long long)max,
                            rule_shown(value).text);
    }
    struct rule_header *h = add_header(p, of);
    if (h != NULL) {
        h->negated = negated;
        h->size = (struct rule_size){.compare = RULE_EQUAL, .low = number};
    }
    return h != NULL;
}

static bool compared(struct rule_parse *p, enum rule_header_of of, struct span value, uint64_t max)
{
    struct rule_size size;
    bool negated = false;
    if (!rule_size(p, value, &size, &negated)) {
        return false;
    }
    if (size.low > max || size.high > max) {
        return rule_mistake(p, "numbers go from 0 to %llu", (unsigned long long)max);
    }
    struct rule_header *h = add_header(p, of);
    if (h != NULL) {
        h->negated = negated;
        h->size = size;
    }
    return h != NULL;
}

/* ttl:10, <10, 5-10; of IPv6 the hop limit */
bool keyword_ttl(struct rule_parse *p, struct span value)
{
    return compared(p, RULE_HEADER_TTL, value, UINT8_MAX);
}

bool keyword_ip_id(struct rule_parse *p, struct span value)
{
    return plain(p, RULE_HEADER_ID, value, UINT16_MAX, false);
}

bool keyword_seq(struct rule_parse *p, struct span value)
{
    return plain(p, RULE_HEADER_SEQ, value, UINT32_MAX, false);
}

bool keyword_ack(struct rule_parse *p, struct span value)
{
    return plain(p, RULE_HEADER_ACK, value, UINT32_MAX, false);
}

/* window:[!]10 */
bool keyword_window(struct rule_parse *p, struct span value)
{
    return plain(p, RULE_HEADER_WINDOW, value, UINT16_MAX, true);
}

/* tos:[!]8, or x08 */
bool keyword_tos(struct rule_parse *p, struct span value)
{
    bool negated = span_at(value, 0) == '!';
    struct span digits = span_trim(span_from(value, negated));
    uint64_t number = 0;
    if (span_at(digits, 0) != 'x') {
        return plain(p, RULE_HEADER_TOS, value, UINT8_MAX, true);
    }
    if (!span_hex_to_u64(span_from(digits, 1), &number) || number > UINT8_MAX) {
        return rule_mistake(p, "'%s' is no byte in hexadecimal digits", rule_shown(value).text);
    }
    struct rule_header *h = add_header(p, RULE_HEADER_TOS);
    if (h != NULL) {
        h->negated = negated;
        h->size = (struct rule_size){.compare = RULE_EQUAL, .low = number};
    }
    return h != NULL;
}

/* --- bits --------------------------------------------------------------------------------------
 */

struct letter {
    uint8_t letter;
    uint8_t bit;
};

static const struct letter flag_letters[] = {
    {'F', TCP_FIN}, {'S', TCP_SYN}, {'R', TCP_RST}, {'P', TCP_PSH}, {'A', TCP_ACK}, {'U', TCP_URG},
    {'C', TCP_CWR}, {'E', TCP_ECE}, {'1', TCP_CWR}, {'2', TCP_ECE}, {'0', 0},       {0, 0},
};

static const struct letter fragment_letters[] = {
    {'M', RULE_MORE_FRAGMENTS}, {'D', RULE_DO_NOT_FRAGMENT}, {'R', RULE_RESERVED}, {0, 0}};

/* Takes letters, and where `ret_how` is no NULL one sign among them. */
static bool take_letters(struct rule_parse *p, struct span text, const struct letter *letters,
                         uint8_t *ret_bits, enum rule_header_how *ret_how)
{
    size_t n_signs = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        const struct letter *l = letters;
        while (l->letter != 0 && l->letter != c) {
            l++;
        }
        if (ret_how != NULL && (c == '+' || c == '*' || c == '!')) {
            *ret_how = c == '+' ? RULE_BITS_ALL : c == '*' ? RULE_BITS_ANY : RULE_BITS_NOT_THESE;
            n_signs++;
        } else if (l->letter == 0) {
            return rule_mistake(p, "'%s' has another letter than the keyword's",
                                rule_shown(text).text);
        }
        *ret_bits |= l->bit;
    }
    return (text.len > n_signs && n_signs < 2) ||
           rule_mistake(p, "wants letters and at most one sign, not '%s'", rule_shown(text).text);
}

/* flags:[+*!]SA[,CE]: what stands behind the comma is ignored */
bool keyword_tcp_flags(struct rule_parse *p, struct span value)
{
    struct span letters = span_trim(span_split(&value, ','));
    struct rule_header *h = add_header(p, RULE_HEADER_FLAGS);
    return h != NULL && take_letters(p, letters, flag_letters, &h->bits, &h->how) &&
           (value.len == 0 || take_letters(p, span_trim(value), flag_letters, &h->ignored, NULL));
}

/* fragbits:[+*!]DR */
bool keyword_fragbits(struct rule_parse *p, struct span value)
{
    struct rule_header *h = add_header(p, RULE_HEADER_FRAGBITS);
    if (h == NULL || !take_letters(p, value, fragment_letters, &h->bits, &h->how)) {
        return false;
    }
    bool more = (h->bits & RULE_MORE_FRAGMENTS) != 0;
    return !more || h->how == RULE_BITS_NOT_THESE ||
           rule_mistake(p, "fragments are looked at when they were put together");
}

/* ipopts:name, of IPv4 (RFC 791 §3.1, and the registry of its options) */
bool keyword_ipopts(struct rule_parse *p, struct span value)
{
    static const struct {
        const char *name;
        uint16_t number;
    } options[] = {
        {"any", RULE_ANY_OPTION},
        {"eol", 0},
        {"nop", 1},
        {"rr", 7},
        {"ts", 68},
        {"sec", 130},
        {"lsrr", 131},
        {"esec", 133},
        {"cipso", 134},
        {"satid", 136},
        {"ssrr", 137},
    };
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (span_equal_nocase(value, span_str(options[i].name))) {
            struct rule_header *h = add_header(p, RULE_HEADER_IPOPTS);
            if (h != NULL) {
                h->size.low = options[i].number;
            }
            return h != NULL;
        }
    }
    return rule_mistake(p, "no option of IPv4 has the name '%s'", rule_shown(value).text);
}

bool keyword_sameip(struct rule_parse *p, struct span value)
{
    (void)value;
    return add_header(p, RULE_HEADER_SAME_ADDRESS) != NULL;
}

/* l3_proto:ipv4 */
bool keyword_l3_proto(struct rule_parse *p, struct span value)
{
    bool four = span_equal_nocase(value, SPAN("ipv4")) || span_equal_nocase(value, SPAN("ip4"));
    bool six = span_equal_nocase(value, SPAN("ipv6")) || span_equal_nocase(value, SPAN("ip6"));
    if (!four && !six) {
        return rule_mistake(p, "is ipv4 or ipv6, not '%s'", rule_shown(value).text);
    }
    if (p->rule->ip_version != 0) {
        return rule_mistake(p, "the rule has said which IP it is about");
    }
    p->rule->ip_version = four ? 4 : 6;
    return true;
}
