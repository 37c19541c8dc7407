/* keyword_flow: conditions on the flow that a rule's bytes came in: how much of it there is, which
 * protocol it was read as, which marks earlier rules left in it.
 *
 * Written as Suricata 8 documents them. They are asked when the rule's last buffer has matched: of
 * the stream as far as it has come by then, and of the segment or datagram it came in. */
#include "sensor/base/bytes.h"
#include "sensor/base/hash.h"
#include "signatures/rule_parse.h"

/* How long an xbit lasts where its rule does not say. */
enum { XBIT_SECONDS = 30, HOSTBIT_SECONDS = 300 };

static bool add_amount(struct rule_parse *p, enum rule_amount_of of, struct span size)
{
    struct rule_amount amount = {.of = of};
    if (!rule_size(p, size, &amount.size, &amount.negated)) {
        return false;
    }
    if (p->rule->n_amounts == RULE_AMOUNTS_MAX) {
        return rule_mistake(p, "more than %d sizes in one rule", RULE_AMOUNTS_MAX);
    }
    p->rule->amounts[p->rule->n_amounts++] = amount;
    return true;
}

bool rule_size_fits(struct rule_parse *p, const struct rule_size *size)
{
    bool none = (size->compare == RULE_LESS && size->low == 0) ||
                (size->compare == RULE_GREATER && size->low == UINT16_MAX);
    return (!none && size->low <= UINT16_MAX && size->high <= UINT16_MAX) ||
           rule_mistake(p, "sizes go from 0 to %d", UINT16_MAX);
}

/* dsize:10, <10, 5<>10 */
bool keyword_dsize(struct rule_parse *p, struct span value)
{
    for (size_t i = 0; i < p->rule->n_amounts; i++) {
        if (p->rule->amounts[i].of == RULE_AMOUNT_PAYLOAD) {
            return rule_mistake(p, "stands there twice");
        }
    }
    return add_amount(p, RULE_AMOUNT_PAYLOAD, value) &&
           rule_size_fits(p, &p->rule->amounts[p->rule->n_amounts - 1].size);
}

/* stream_size:client|server|both|either,sign,bytes */
bool keyword_stream_size(struct rule_parse *p, struct span value)
{
    static const struct {
        const char *name;
        enum rule_amount_of of;
    } sides[] = {
        {"client", RULE_AMOUNT_CLIENT},
        {"server", RULE_AMOUNT_SERVER},
        {"both", RULE_AMOUNT_BOTH},
        {"either", RULE_AMOUNT_EITHER},
    };
    struct sbuf size = sbuf_with_cap(32);
    struct span side = span_trim(span_split(&value, ','));
    struct span sign = span_trim(span_split(&value, ','));
    size_t i = 0;
    while (i < ARRAY_LEN(sides) && !span_equal(side, span_str(sides[i].name))) {
        i++;
    }
    if (sign.len == 0 || byte_is_digit(sign.data[sign.len - 1]) || value.len == 0) {
        return rule_mistake(p, "wants a side, a sign and a number, 'client,>,10'");
    }
    if (i == ARRAY_LEN(sides)) {
        return rule_mistake(p, "the first word is client, server, both or either, not '%s'",
                            rule_shown(side).text);
    }
    sbuf_add(&size, sign);
    sbuf_add(&size, span_trim(value));
    bool good = add_amount(p, sides[i].of, sbuf_span(&size));
    sbuf_free(&size);
    return good;
}

/* --- marks -------------------------------------------------------------------------------------
 */

static bool add_flowbit(struct rule_parse *p, enum rule_flowbit_op op, struct span names)
{
    struct rule *r = p->rule;
    if (r->n_flowbits == RULE_FLOWBITS_MAX) {
        return rule_mistake(p, "more than %d in one rule", RULE_FLOWBITS_MAX);
    }
    struct rule_flowbit *bit = &r->flowbits[r->n_flowbits];
    *bit = (struct rule_flowbit){.op = op};
    bool asks = op == RULE_FLOWBIT_ISSET || op == RULE_FLOWBIT_ISNOTSET;
    if (!asks && span_find_byte(names, 0, '|') != SPAN_NONE) {
        rule_warning(p, "no rule can ask for '%s': a '|' stands between names that are asked for",
                     rule_shown(names).text);
    }
    while (names.len > 0) {
        struct span name = span_trim(asks ? span_split(&names, '|') : names);
        names = asks ? names : span_of(NULL, 0);
        if (span_find_byte(name, 0, ' ') != SPAN_NONE) {
            return rule_mistake(p, "a name has no blank in it");
        }
        if (name.len == 0 || bit->n_names == RULE_FLOWBIT_NAMES_MAX) {
            return rule_mistake(p, "wants one name, or up to %d with '|' between them",
                                RULE_FLOWBIT_NAMES_MAX);
        }
        bit->names[bit->n_names++] = (uint32_t)hash_fixed(name);
    }
    if (bit->n_names == 0) {
        return rule_mistake(p, "wants one name");
    }
    r->n_flowbits++;
    return true;
}

/* What is done with a mark; false with a mistake told. */
static bool take_mark_word(struct rule_parse *p, struct span word, enum rule_flowbit_op *ret_op)
{
    static const struct {
        const char *name;
        enum rule_flowbit_op op;
    } words[] = {
        {"set", RULE_FLOWBIT_SET},           {"unset", RULE_FLOWBIT_UNSET},
        {"toggle", RULE_FLOWBIT_TOGGLE},     {"isset", RULE_FLOWBIT_ISSET},
        {"isnotset", RULE_FLOWBIT_ISNOTSET},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (span_equal(word, span_str(words[i].name))) {
            *ret_op = words[i].op;
            return true;
        }
    }
    return rule_mistake(p, "is set, unset, toggle, isset, isnotset or noalert, not '%s'",
                        rule_shown(word).text);
}

/* "noalert", alone, in the place of a mark. */
static bool is_noalert(struct span word, struct span rest)
{
    return span_equal(word, SPAN("noalert")) && rest.len == 0;
}

/* flowbits:set|unset|toggle|isset|isnotset,name; flowbits:noalert */
bool keyword_flowbits(struct rule_parse *p, struct span value)
{
    enum rule_flowbit_op op = RULE_FLOWBIT_SET;
    struct span word = span_split(&value, ',');
    if (is_noalert(word, value)) {
        return keyword_noalert(p, value);
    }
    return take_mark_word(p, word, &op) && add_flowbit(p, op, span_trim(value));
}

/* "track ip_src" */
static bool take_xbit_track(struct rule_parse *p, struct span word, enum rule_xbit_track *ret_track)
{
    static const struct {
        const char *name;
        enum rule_xbit_track track;
    } tracks[] = {
        {"ip_src", RULE_XBIT_SRC}, {"ip_dst", RULE_XBIT_DST}, {"ip_pair", RULE_XBIT_PAIR}};
    struct span rest = word;
    bool track = span_equal(span_split(&rest, ' '), SPAN("track"));
    for (size_t i = 0; track && i < ARRAY_LEN(tracks); i++) {
        if (span_equal(span_trim(rest), span_str(tracks[i].name))) {
            *ret_track = tracks[i].track;
            return true;
        }
    }
    return rule_mistake(p, "wants 'track ip_src', 'ip_dst' or 'ip_pair', not '%s'",
                        rule_shown(word).text);
}

/* "expire 60" */
static bool take_expire(struct rule_parse *p, struct span word, uint32_t *ret_seconds)
{
    struct span rest = word;
    uint64_t seconds = 0;
    if (!span_equal(span_split(&rest, ' '), SPAN("expire")) ||
        !span_to_u64(span_trim(rest), &seconds) || seconds == 0 || seconds > UINT32_MAX) {
        return rule_mistake(p, "wants 'expire' and seconds, not '%s'", rule_shown(word).text);
    }
    *ret_seconds = (uint32_t)seconds;
    return true;
}

static bool add_xbit(struct rule_parse *p, struct rule_xbit *bit, struct span name)
{
    if (name.len == 0 || span_find_byte(name, 0, '|') != SPAN_NONE ||
        span_find_byte(name, 0, ' ') != SPAN_NONE) {
        return rule_mistake(p, "wants one name");
    }
    if (p->rule->n_xbits == RULE_XBITS_MAX) {
        return rule_mistake(p, "more than %d in one rule", RULE_XBITS_MAX);
    }
    bit->name = (uint32_t)hash_fixed(name);
    p->rule->xbits[p->rule->n_xbits++] = *bit;
    return true;
}

/* xbits:set|unset|toggle|isset|isnotset,name,track ip_src|ip_dst|ip_pair[,expire seconds] */
bool keyword_xbits(struct rule_parse *p, struct span value)
{
    struct rule_xbit bit = {.expire_s = XBIT_SECONDS};
    struct span word = span_trim(span_split(&value, ','));
    if (is_noalert(word, value)) {
        return keyword_noalert(p, value);
    }
    struct span name = span_trim(span_split(&value, ','));
    struct span track = span_trim(span_split(&value, ','));
    if (!take_mark_word(p, word, &bit.op)) {
        return false;
    }
    return take_xbit_track(p, track, &bit.track) &&
           (value.len == 0 || take_expire(p, span_trim(span_split(&value, ',')), &bit.expire_s)) &&
           add_xbit(p, &bit, name);
}

/* hostbits:set|unset|toggle|isset|isnotset,name[,src|dst]: the older way to write an xbit. */
bool keyword_hostbits(struct rule_parse *p, struct span value)
{
    struct rule_xbit bit = {.expire_s = HOSTBIT_SECONDS, .track = RULE_XBIT_SRC, .at_once = true};
    struct span word = span_trim(span_split(&value, ','));
    if (is_noalert(word, value)) {
        return keyword_noalert(p, value);
    }
    struct span name = span_trim(span_split(&value, ','));
    struct span whose = span_trim(value);
    if (!take_mark_word(p, word, &bit.op)) {
        return false;
    }
    if (span_equal(whose, SPAN("dst"))) {
        bit.track = RULE_XBIT_DST;
    } else if (whose.len > 0 && !span_equal(whose, SPAN("src"))) {
        return rule_mistake(p, "is of 'src' or 'dst', not '%s'", rule_shown(whose).text);
    }
    return add_xbit(p, &bit, name);
}

bool keyword_alert(struct rule_parse *p, struct span value)
{
    (void)value;
    return p->rule->signature.action != SIGNATURE_PASS ||
           rule_mistake(p, "a pass rule tells of nothing");
}

bool keyword_noalert(struct rule_parse *p, struct span value)
{
    (void)value;
    p->rule->no_alert = true;
    return true;
}

/* --- protocols ---------------------------------------------------------------------------------
 */

static bool has_decoder(const struct rule *r, const char *name)
{
    for (size_t i = 0; i < r->n_decoders; i++) {
        if (r->decoders[i] == name) {
            return true;
        }
    }
    return false;
}

/* Whether the header or a buffer has said which protocol it is. */
static bool is_settled(const struct rule_parse *p)
{
    bool settled = p->rule->protocol != NULL && p->rule->protocol->decoder != NULL;
    for (size_t i = 0; i < p->n_groups; i++) {
        settled = settled || rule_of_protocol(p->groups[i].buffer) != NULL;
    }
    return settled;
}

/* Protocols that Suricata knows and nobody here reads: no flow is one of them. */
static bool is_foreign(struct span name)
{
    static const char *const names[] = {
        "ftp",       "ftp-data", "ssh",  "imap", "pop3",  "msn",    "jabber",        "smb",
        "dcerpc",    "irc",      "dnp3", "nfs",  "ntp",   "modbus", "enip",          "tftp",
        "ike",       "krb5",     "quic", "dhcp", "sip",   "rfb",    "mqtt",          "telnet",
        "websocket", "doh2",     "rdp",  "snmp", "pgsql", "mdns",   "bittorrent-dht"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (span_equal_nocase(name, span_str(names[i]))) {
            return true;
        }
    }
    return false;
}

/* "final" and the like: of which of two readings it is asked; a flow has one. */
static bool is_reading(struct span word)
{
    static const char *const words[] = {"final", "original", "either", "to_server", "to_client"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (span_equal(word, span_str(words[i]))) {
            return true;
        }
    }
    return false;
}

static bool add_protocol(struct rule_parse *p, struct span name)
{
    struct rule *r = p->rule;
    const char *decoder =
        span_equal_nocase(name, SPAN("failed")) ? RULE_UNREAD : rule_decoder_name(name);
    if (decoder == NULL && is_foreign(name)) {
        return true;
    }
    if (decoder == NULL) {
        return rule_mistake(p, "no decoder reads '%s'", rule_shown(name).text);
    }
    if (has_decoder(r, decoder) || r->n_decoders == RULE_DECODERS_MAX) {
        return rule_mistake(p, "up to %d different ones can stand there", RULE_DECODERS_MAX);
    }
    r->decoders[r->n_decoders++] = decoder;
    return true;
}

/* app-layer-protocol:[!]name, or app-layer-protocol:name|name; each with ",final" and the like */
bool keyword_app_layer_protocol(struct rule_parse *p, struct span value)
{
    struct rule *r = p->rule;
    bool negated = span_at(value, 0) == '!';
    if (is_settled(p)) {
        return rule_mistake(p, "the rule has said which protocol it is about");
    }
    if (r->n_decoders > 0 && !(negated && r->not_decoder)) {
        return rule_mistake(p, "several stand together only where each has a '!'");
    }
    r->not_decoder = negated;
    struct span reading = span_from(value, negated);
    struct span names = span_trim(span_split(&reading, ','));
    if (names.len == 0) {
        return rule_mistake(p, "wants the name of a protocol");
    }
    if (reading.len > 0 && !is_reading(span_trim(reading))) {
        return rule_mistake(p,
                            "the second word is final, original, either, to_server or "
                            "to_client, not '%s'",
                            rule_shown(reading).text);
    }
    while (names.len > 0) {
        struct span name = span_trim(negated ? names : span_split(&names, '|'));
        names = negated ? span_of(NULL, 0) : names;
        if (!add_protocol(p, name)) {
            return false;
        }
    }
    return negated || r->n_decoders > 0 ||
           rule_mistake(p, "no decoder reads '%s'", rule_shown(value).text);
}

/* urilen:[sign]bytes[,norm|raw]: the older way of writing bsize behind http.uri or http.uri.raw;
 * the former where it does not say. */
bool keyword_urilen(struct rule_parse *p, struct span value)
{
    struct rule_size size;
    bool negated = false;
    struct span length = span_trim(span_split(&value, ','));
    bool raw = span_equal(span_trim(value), SPAN("raw"));
    if (value.len > 0 && !raw && !span_equal(span_trim(value), SPAN("norm"))) {
        return rule_mistake(p, "the second word is norm or raw");
    }
    enum buffer buffer = (enum buffer)(raw ? FIELD_HTTP_URI_RAW : FIELD_HTTP_URI);
    struct rule_test *t = rule_size(p, length, &size, &negated) && rule_size_fits(p, &size)
                              ? rule_test_in(p, buffer, RULE_BSIZE)
                              : NULL;
    if (t == NULL) {
        return false;
    }
    t->negated = negated;
    t->size = size;
    return true;
}

/* --- how often ---------------------------------------------------------------------------------
 */

/* Of the words of a threshold each stands there once. */
enum limit_word {
    LIMIT_TYPE = 1,
    LIMIT_TRACK = 2,
    LIMIT_COUNT = 4,
    LIMIT_SECONDS = 8,
    LIMIT_MULTIPLIER = 16
};

/* "type limit", "track by_src", "count 1", "seconds 60": which of them it was; 0: none. */
static unsigned take_limit_word(struct signature_limit *limit, struct span word)
{
    static const struct {
        const char *name;
        enum signature_limit_kind kind;
    } kinds[] = {{"limit", SIGNATURE_LIMIT_FIRST},
                 {"threshold", SIGNATURE_LIMIT_EACH},
                 {"both", SIGNATURE_LIMIT_BOTH},
                 {"backoff", SIGNATURE_LIMIT_BACKOFF}};
    static const struct {
        const char *name;
        enum signature_track track;
    } tracks[] = {{"by_src", SIGNATURE_BY_SRC},
                  {"by_dst", SIGNATURE_BY_DST},
                  {"by_both", SIGNATURE_BY_BOTH},
                  {"by_rule", SIGNATURE_BY_RULE},
                  {"by_flow", SIGNATURE_BY_FLOW}};
    struct span value = word;
    struct span name = span_split(&value, ' ');
    value = span_trim(value);
    uint64_t number = 0;
    bool is_number = span_to_u64(value, &number) && number <= UINT32_MAX;
    for (size_t i = 0; span_equal(name, SPAN("type")) && i < ARRAY_LEN(kinds); i++) {
        if (span_equal(value, span_str(kinds[i].name))) {
            limit->kind = kinds[i].kind;
            return LIMIT_TYPE;
        }
    }
    for (size_t i = 0; span_equal(name, SPAN("track")) && i < ARRAY_LEN(tracks); i++) {
        if (span_equal(value, span_str(tracks[i].name))) {
            limit->track = tracks[i].track;
            return LIMIT_TRACK;
        }
    }
    if (span_equal(name, SPAN("count")) && is_number) {
        limit->count = (uint32_t)number;
        return LIMIT_COUNT;
    }
    if (span_equal(name, SPAN("seconds")) && is_number) {
        limit->seconds = (uint32_t)number;
        return LIMIT_SECONDS;
    }
    if (span_equal(name, SPAN("multiplier")) && is_number && number > 1 && number <= UINT16_MAX) {
        limit->multiplier = (uint32_t)number;
        return LIMIT_MULTIPLIER;
    }
    return 0;
}

/* Whether the words that its kind wants stood there. */
static bool is_whole(const struct signature_limit *limit, unsigned seen)
{
    bool backoff = limit->kind == SIGNATURE_LIMIT_BACKOFF;
    bool beyond = limit->kind == SIGNATURE_LIMIT_BEYOND;
    unsigned words = LIMIT_TRACK | LIMIT_COUNT | (beyond ? 0U : LIMIT_TYPE) |
                     (backoff ? LIMIT_MULTIPLIER : LIMIT_SECONDS);
    bool zero = limit->count == 0 || (beyond && limit->seconds == 0);
    return seen == words && !(zero && (backoff || beyond));
}

/* A count of 0 means what Suricata makes of it: the first of a period is told, as of 1; of
 * `threshold` all but that; of `both` none. */
static void set_zero(struct signature_limit *limit)
{
    if (limit->kind == SIGNATURE_LIMIT_EACH) {
        limit->kind = SIGNATURE_LIMIT_BEYOND;
    }
    limit->count = limit->kind == SIGNATURE_LIMIT_BOTH ? 0 : 1;
}

static bool take_limit(struct rule_parse *p, enum signature_limit_kind kind, struct span value)
{
    struct signature_limit limit = {.kind = kind};
    unsigned seen = 0;
    while (value.len > 0) {
        struct span word = span_trim(span_split(&value, ','));
        unsigned one = take_limit_word(&limit, word);
        if (one == 0 || (one == LIMIT_TYPE && kind == SIGNATURE_LIMIT_BEYOND)) {
            return rule_mistake(p, "unknown word '%s'", rule_shown(word).text);
        }
        if ((seen & one) != 0) {
            return rule_mistake(p, "'%s' says again what a word before it has said",
                                rule_shown(word).text);
        }
        seen |= one;
    }
    if (!is_whole(&limit, seen)) {
        return rule_mistake(p, "wants type, track, count and seconds, or of backoff a multiplier");
    }
    if (limit.kind == SIGNATURE_LIMIT_BACKOFF && limit.track != SIGNATURE_BY_FLOW) {
        return rule_mistake(p, "backoff is tracked by_flow");
    }
    bool pooled = limit.track == SIGNATURE_BY_BOTH || limit.track == SIGNATURE_BY_RULE;
    if (kind == SIGNATURE_LIMIT_BEYOND && pooled) {
        return rule_mistake(p, "is tracked by_src, by_dst or by_flow");
    }
    if (p->rule->signature.limit.kind != SIGNATURE_LIMIT_NONE) {
        return rule_mistake(p, "there is a threshold or detection_filter already");
    }
    if (limit.count == 0) {
        set_zero(&limit);
    }
    p->rule->signature.limit = limit;
    return true;
}

/* threshold:type limit|threshold|both, track by_src|by_dst|by_both|by_rule|by_flow,
 * count N, seconds N; threshold:type backoff, track by_flow, count N, multiplier N */
bool keyword_threshold(struct rule_parse *p, struct span value)
{
    return take_limit(p, SIGNATURE_LIMIT_NONE, value);
}

/* detection_filter:track by_src|by_dst|by_flow, count N, seconds N */
bool keyword_detection_filter(struct rule_parse *p, struct span value)
{
    return take_limit(p, SIGNATURE_LIMIT_BEYOND, value);
}
