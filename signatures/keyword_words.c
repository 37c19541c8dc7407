/* keyword_words: buffers and protocols that are one of a few words, asked as Suricata writes it.
 *
 * tls.version and ssl_version are tests of the buffer tls.version, the version that the hello of
 * the direction at hand says; ssl_state of whether there is a hello. The operations of LDAP stand
 * there by their names or by their numbers (RFC 4511 §4.2 to §4.13). */
#include "sensor/base/bytes.h"
#include "sensor/core/anomaly.h"
#include "sensor/core/packet.h"
#include "signatures/rule_parse.h"
#include "signatures/verify.h"

enum { ANY_MAX = 1024, WORDS_MAX = 24 };

/* Some words of a table. */
struct words {
    const char *list[WORDS_MAX];
    size_t n;
};

static bool ask_one(struct rule_parse *p, enum buffer buffer, const char *word, bool negated)
{
    struct rule_test *t = rule_test_in(p, buffer, RULE_CONTENT);
    if (t == NULL) {
        return false;
    }
    t->negated = negated;
    t->content.bytes = span_str(word);
    t->content.starts = true;
    t->content.ends = true;
    return true;
}

/* Any of several: an expression, "^(?:TLSv1|TLS 1.1)$". */
static bool ask_several(struct rule_parse *p, enum buffer buffer, const struct words *words)
{
    struct sbuf text = sbuf_with_cap(ANY_MAX);
    sbuf_add_str(&text, "^(?:");
    for (size_t i = 0; i < words->n; i++) {
        sbuf_add_str(&text, i > 0 ? "|" : "");
        sbuf_add_str(&text, words->list[i]);
    }
    sbuf_add_str(&text, ")$");
    char why[REGEX_WHY_SIZE];
    struct regex *regex = text.cut ? NULL : regex_new(sbuf_span(&text), 0, why);
    struct rule_test *t = regex != NULL ? rule_test_in(p, buffer, RULE_PCRE) : NULL;
    if (t != NULL) {
        t->pcre.regex = regex;
        t->pcre.text = arena_copy(p->set->arena, sbuf_span(&text), SIZE_MAX, NULL);
    } else {
        regex_free(&regex);
    }
    sbuf_free(&text);
    return t != NULL || rule_mistake(p, "too many words");
}

/* Asks that the buffer is any of the words, or, negated, none of them. */
static bool ask(struct rule_parse *p, enum buffer buffer, const struct words *words, bool negated)
{
    bool good = true;
    p->last = NULL;
    if (words->n > 1 && !negated) {
        return ask_several(p, buffer, words);
    }
    for (size_t i = 0; good && i < words->n; i++) {
        good = ask_one(p, buffer, words->list[i], negated);
    }
    return good;
}

static bool has_word(const struct words *words, const char *word)
{
    for (size_t i = 0; i < words->n; i++) {
        if (words->list[i] == word) {
            return true;
        }
    }
    return false;
}

/* --- events ------------------------------------------------------------------------------------
 */

/* app-layer-event:http.missing_host_header: those for which there is an anomaly that is just that.
 */
bool keyword_app_layer_event(struct rule_parse *p, struct span value)
{
    static const struct {
        const char *name;
        enum anomaly anomaly;
        unsigned flow;
    } events[] = {
        {"http.missing_host_header", ANOMALY_HTTP_MISSING_HOST, RULE_TO_SERVER},
        {"http.invalid_content_length_field_in_response", ANOMALY_HTTP_BAD_LENGTH, RULE_TO_CLIENT},
        {"http.invalid_response_chunk_len", ANOMALY_HTTP_BAD_CHUNK, RULE_TO_CLIENT},
        {"http.unable_to_match_response_to_request", ANOMALY_HTTP_RESPONSE_WITHOUT_REQUEST, 0},
        {"smtp.invalid_reply", ANOMALY_SMTP_BAD_REPLY, 0},
        {"smtp.invalid_bdat", ANOMALY_SMTP_BAD_BDAT, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        if (span_equal(value, span_str(events[i].name))) {
            const struct words one = {{anomaly_info(events[i].anomaly)->event}, 1};
            p->rule->flow |= events[i].flow;
            return ask(p, (enum buffer)FIELD_ANOMALY, &one, false);
        }
    }
    return rule_mistake(p, "no anomaly is just '%s'", rule_shown(value).text);
}

/* --- TLS ---------------------------------------------------------------------------------------
 */

static const struct {
    const char *tls_name; /* NULL: tls.version has none */
    const char *number;   /* RFC 8446 §4.2.1 and before, as tls.version writes it */
    const char *ssl_name;
    const char *text;
} versions[] = {
    {NULL, "0x0002", "sslv2", "SSLv2"},     {NULL, "0x0300", "sslv3", "SSLv3"},
    {"1.0", "0x0301", "tls1.0", "TLSv1"},   {"1.1", "0x0302", "tls1.1", "TLS 1.1"},
    {"1.2", "0x0303", "tls1.2", "TLS 1.2"}, {"1.3", "0x0304", "tls1.3", "TLS 1.3"},
};

/* tls.version:1.2, 0x0303 */
bool keyword_tls_version(struct rule_parse *p, struct span value)
{
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        const char *name = versions[i].tls_name;
        if ((name != NULL && span_equal(value, span_str(name))) ||
            span_equal(value, span_str(versions[i].number))) {
            const struct words one = {{versions[i].text}, 1};
            return ask(p, (enum buffer)FIELD_TLS_VERSION, &one, false);
        }
    }
    return rule_mistake(p,
                        "is 1.0, 1.1, 1.2 or 1.3, or a number as 0x0303, without quotes, "
                        "not '%s'",
                        rule_shown(value).text);
}

static const char *ssl_text(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        if (span_equal_nocase(name, span_str(versions[i].ssl_name))) {
            return versions[i].text;
        }
    }
    return NULL;
}

/* ssl_version:tls1.0,tls1.1 (any of them), or ssl_version:!tls1.0,tls1.1 (none of them) */
bool keyword_ssl_version(struct rule_parse *p, struct span value)
{
    struct words words = {.n = 0};
    bool negated = span_at(value, 0) == '!';
    struct span rest = span_from(value, negated);
    while (rest.len > 0) {
        const char *text = ssl_text(span_trim(span_split(&rest, ',')));
        if (text == NULL) {
            return rule_mistake(p,
                                "is some of sslv2, sslv3, tls1.0, tls1.1, tls1.2 and tls1.3, or "
                                "one '!' and those that it is not: '%s'",
                                rule_shown(value).text);
        }
        if (has_word(&words, text)) {
            return rule_mistake(p, "a version stands there twice: '%s'", rule_shown(value).text);
        }
        words.list[words.n++] = text;
    }
    return ask(p, (enum buffer)FIELD_TLS_VERSION, &words, negated);
}

/* ssl_state:client_hello, server_hello, or both with '|' or ',' between: nothing behind the hellos
 * is seen. */
bool keyword_ssl_state(struct rule_parse *p, struct span value)
{
    unsigned ways = 0;
    struct span rest = value;
    while (rest.len > 0) {
        uint8_t sign = span_find_byte(rest, 0, '|') != SPAN_NONE ? '|' : ',';
        struct span word = span_trim(span_split(&rest, sign));
        bool client = span_equal(word, SPAN("client_hello"));
        if (!client && !span_equal(word, SPAN("server_hello"))) {
            return rule_mistake(p, "is client_hello or server_hello, not '%s'",
                                rule_shown(word).text);
        }
        ways |= client ? RULE_TO_SERVER : RULE_TO_CLIENT;
    }
    struct rule_test *t = rule_test_in(p, (enum buffer)FIELD_TLS_VERSION, RULE_BSIZE);
    p->last = NULL;
    if (t == NULL) {
        return false;
    }
    t->size = (struct rule_size){.compare = RULE_GREATER};
    bool one = ways == RULE_TO_SERVER || ways == RULE_TO_CLIENT;
    unsigned other = (RULE_TO_SERVER | RULE_TO_CLIENT) & ~ways;
    p->rule->flow |= one ? ways : 0;
    return !one || (p->rule->flow & other) == 0 || rule_mistake(p, "the rule goes the other way");
}

/* --- IP ----------------------------------------------------------------------------------------
 */

/* Numbers of IANA, "Assigned Internet Protocol Numbers"; names as in /etc/protocols. */
static bool take_transport(struct span text, uint64_t *ret)
{
    static const struct {
        const char *name;
        uint8_t number;
    } names[] = {{"icmp", 1}, {"igmp", 2}, {"tcp", 6},        {"udp", 17},  {"gre", 47},
                 {"esp", 50}, {"ah", 51},  {"ipv6-icmp", 58}, {"sctp", 132}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (span_equal_nocase(text, span_str(names[i].name))) {
            *ret = names[i].number;
            return true;
        }
    }
    return span_to_u64(text, ret) && *ret <= UINT8_MAX;
}

/* ip_proto:6, tcp, !17, >5, <7: of rules of "ip"; several must all hold */
bool keyword_ip_proto(struct rule_parse *p, struct span value)
{
    static const struct {
        uint8_t number;
        uint8_t bit;
    } seen[] = {{IP_PROTO_TCP, RULE_OVER_TCP}, {IP_PROTO_UDP, RULE_OVER_UDP}};
    uint64_t number = 0;
    struct rule *r = p->rule;
    uint8_t sign = span_at(value, 0);
    bool has_sign = sign == '!' || sign == '<' || sign == '>';
    if (!take_transport(span_trim(span_from(value, has_sign)), &number)) {
        return rule_mistake(p, "'%s' is no protocol of IP", rule_shown(value).text);
    }
    if (r->protocol == NULL || r->protocol->ip_proto != 0 || r->protocol->decoder != NULL ||
        (!has_sign && r->not_over != 0)) {
        return rule_mistake(p, "the rule has said which protocol it is about");
    }
    enum rule_compare how = sign == '<' ? RULE_LESS : sign == '>' ? RULE_GREATER : RULE_EQUAL;
    for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
        if (verify_compare(how, seen[i].number, number, 0) == (sign == '!')) {
            r->not_over |= seen[i].bit;
        }
    }
    return r->not_over != (RULE_OVER_TCP | RULE_OVER_UDP) ||
           rule_mistake(p, "only TCP and UDP are looked at");
}

/* --- LDAP --------------------------------------------------------------------------------------
 */

/* Numbers are those of the tags. */
static const struct {
    const char *name;
    uint8_t number;
} operations[] = {
    {"bind_request", 0},      {"bind_response", 1},       {"unbind_request", 2},
    {"search_request", 3},    {"search_result_entry", 4}, {"search_result_done", 5},
    {"modify_request", 6},    {"modify_response", 7},     {"add_request", 8},
    {"add_response", 9},      {"del_request", 10},        {"del_response", 11},
    {"mod_dn_request", 12},   {"mod_dn_response", 13},    {"compare_request", 14},
    {"compare_response", 15}, {"abandon_request", 16},    {"search_result_reference", 19},
    {"extended_request", 23}, {"extended_response", 24},  {"intermediate_response", 25},
};

/* The operations that a name, or a number with a sign, stands for. */
static bool take_operations(struct rule_parse *p, struct span word, struct words *ret_words)
{
    struct rule_size size;
    bool negated = span_at(word, 0) == '!';
    struct span name = span_trim(span_from(word, negated));
    bool named = false;
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        if (span_equal_nocase(name, span_str(operations[i].name))) {
            size = (struct rule_size){.compare = RULE_EQUAL, .low = operations[i].number};
            named = true;
        }
    }
    if (!named && byte_is_alpha(span_at(name, 0))) {
        return rule_mistake(p, "'%s' is no operation of LDAP", rule_shown(word).text);
    }
    if (!named && !rule_size(p, word, &size, &negated)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        uint8_t number = operations[i].number;
        if (verify_compare(size.compare, number, size.low, size.high) != negated) {
            ret_words->list[ret_words->n++] = operations[i].name;
        }
    }
    return ret_words->n > 0 ||
           rule_mistake(p, "no operation of LDAP is '%s'", rule_shown(word).text);
}

/* Of which of several responses it is asked: only any can be. */
static bool is_of_any(struct rule_parse *p, struct span value, struct span *ret_word)
{
    struct span rest = value;
    *ret_word = span_trim(span_split(&rest, ','));
    return rest.len == 0 || span_equal(span_trim(rest), SPAN("any")) ||
           rule_mistake(p, "is asked of any response, alone or with ',any', not '%s'",
                        rule_shown(value).text);
}

bool keyword_buffer_value(struct rule_parse *p, struct span name, struct span value)
{
    static const enum field_id fields[] = {FIELD_LDAP_REQUEST_OP, FIELD_LDAP_RESPONSE_OP};
    struct words words = {.n = 0};
    struct span word = value;
    size_t i = 0;
    while (i < ARRAY_LEN(fields) &&
           !span_equal_nocase(name, span_str(field_info(fields[i])->name))) {
        i++;
    }
    if (i == ARRAY_LEN(fields)) {
        return false;
    }
    if (value.len == 0 || (i == 0 && span_find_byte(value, 0, ',') != SPAN_NONE)) {
        (void)rule_mistake(p, "wants the name or number of an operation");
    } else if (is_of_any(p, value, &word) && take_operations(p, word, &words)) {
        (void)ask(p, (enum buffer)fields[i], &words, false);
    }
    return true;
}
