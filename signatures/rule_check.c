/* rule_check: whether the parts of a finished rule agree.
 *
 * Each keyword looks at its own words; what no single one can know is asked here, once all have
 * been read: whether the buffers belong to the header's protocol and go one way, whether sizes
 * leave room for what must be in them. A rule that could never match, or of which Suricata would
 * not say what it means, is a mistake. */
#include "sensor/core/packet.h"
#include "signatures/rule_parse.h"

#include <string.h>

const char *rule_of_protocol(enum buffer buffer)
{
    static const struct {
        const char *before; /* of the buffer's name */
        const char *decoder;
    } owners[] = {{"http.", "http"}, {"smtp.", "smtp"}, {"email.", "smtp"},
                  {"dns.", "dns"},   {"ldap.", "ldap"}, {"tls.", "tls"}};
    struct span name = span_str(buffer_info(buffer).name);
    for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
        if (span_starts(name, span_str(owners[i].before))) {
            return owners[i].decoder;
        }
    }
    return NULL;
}

static bool is_file(enum buffer buffer)
{
    return buffer == BUFFER_FILE_DATA || buffer == (enum buffer)FIELD_FILE_NAME;
}

/* Whether the buffer can come in what the header says. */
static bool is_of_protocol(const struct rule_protocol *protocol, enum buffer buffer)
{
    const char *owner = rule_of_protocol(buffer);
    if (protocol == NULL || protocol->decoder == NULL) {
        return protocol == NULL || owner == NULL || protocol->ip_proto != IP_PROTO_UDP ||
               strcmp(owner, "dns") == 0;
    }
    struct span decoder = span_str(protocol->decoder);
    if (buffer == BUFFER_HTTP_START && span_equal(decoder, SPAN("http2"))) {
        return false;
    }
    if (is_file(buffer)) {
        return span_starts(decoder, SPAN("http")) || span_equal(decoder, SPAN("smtp"));
    }
    return owner == NULL || span_starts(decoder, span_str(owner));
}

/* Whether it is part of the rule: older modifiers may have taken all its tests away. */
bool rule_asks_something(const struct group_parse *g)
{
    return g->n_tests > 0 || g->presence == RULE_IS_ABSENT;
}

static void check_protocol(struct rule_parse *p)
{
    for (size_t i = 0; i < p->n_groups; i++) {
        const struct group_parse *g = &p->groups[i];
        if (rule_asks_something(g) && !is_of_protocol(p->rule->protocol, g->buffer)) {
            (void)rule_mistake(p, "the protocol '%s' has no buffer '%s'", p->rule->protocol->name,
                               buffer_info(g->buffer).name);
        }
    }
}

/* The name of a buffer that only goes that way; NULL when the rule has none. */
static const char *buffer_that_goes(const struct rule_parse *p, enum direction dir)
{
    for (size_t i = 0; i < p->n_groups; i++) {
        const struct group_parse *g = &p->groups[i];
        if (rule_asks_something(g) && buffer_ways(g->buffer) == 1U << dir) {
            return buffer_info(g->buffer).name;
        }
    }
    return NULL;
}

/* What mail brings goes to the server. */
static void check_mail(struct rule_parse *p)
{
    const struct rule_protocol *protocol = p->rule->protocol;
    bool mail = protocol != NULL && protocol->decoder != NULL &&
                strcmp(protocol->decoder, "smtp") == 0 && (p->rule->flow & RULE_TO_CLIENT) != 0;
    for (size_t i = 0; mail && i < p->n_groups; i++) {
        if (rule_asks_something(&p->groups[i]) && is_file(p->groups[i].buffer)) {
            (void)rule_mistake(p, "'%s' of mail does not go that way",
                               buffer_info(p->groups[i].buffer).name);
        }
    }
}

/* A rule is about what goes one way, unless it is about both sides of a transaction or what a
 * look-up came to. */
static void check_direction(struct rule_parse *p)
{
    const char *asked = buffer_that_goes(p, TO_SERVER);
    const char *answered = buffer_that_goes(p, TO_CLIENT);
    unsigned *flow = &p->rule->flow;
    if (p->rule->whole_tx || p->rule->jndi.asked) {
        return;
    }
    if (asked != NULL && answered != NULL) {
        (void)rule_mistake(p, "'%s' is of requests and '%s' of answers: => asks both", asked,
                           answered);
    } else if ((asked != NULL && (*flow & RULE_TO_CLIENT) != 0) ||
               (answered != NULL && (*flow & RULE_TO_SERVER) != 0)) {
        (void)rule_mistake(p, "'%s' does not go that way", asked != NULL ? asked : answered);
    }
    *flow |= asked != NULL ? RULE_TO_SERVER : 0U;
    *flow |= answered != NULL ? RULE_TO_CLIENT : 0U;
}

/* --- sizes -------------------------------------------------------------------------------------
 */

/* The most bytes that a size lets there be; UINT64_MAX: any number. */
static uint64_t most_of(const struct rule_size *size)
{
    return size->compare == RULE_EQUAL || size->compare == RULE_LESS ? size->low
           : size->compare == RULE_BETWEEN                           ? size->high
                                                                     : UINT64_MAX;
}

/* Whether the contents of a buffer, the first and those that follow one another, have room in
 * `most` bytes. */
static bool have_room(const struct group_parse *g, uint64_t most)
{
    int64_t sum = 0;
    int64_t offset = 0;
    bool first = true;
    for (size_t i = 0; i < g->n_tests; i++) {
        const struct rule_content *c = &g->tests[i].content;
        if (g->tests[i].kind != RULE_CONTENT || (!first && !g->tests[i].relative)) {
            continue;
        }
        if (!first && g->tests[i].negated) {
            if (sum + c->distance + c->within > (int64_t)most) {
                return false;
            }
            continue;
        }
        sum += (int64_t)c->bytes.len + c->distance;
        offset = c->offset > offset ? c->offset : offset;
        first = false;
    }
    return sum + offset <= (int64_t)most;
}

static void check_sizes(struct rule_parse *p, const struct group_parse *g)
{
    uint64_t most = UINT64_MAX;
    for (size_t i = 0; i < g->n_tests && most == UINT64_MAX; i++) {
        if (g->tests[i].kind == RULE_BSIZE && !g->tests[i].negated) {
            most = most_of(&g->tests[i].size);
        }
    }
    for (size_t i = 0; g->buffer == BUFFER_PAYLOAD && i < p->rule->n_amounts; i++) {
        const struct rule_amount *a = &p->rule->amounts[i];
        most = a->of == RULE_AMOUNT_PAYLOAD ? most_of(&a->size) : most;
    }
    if (most <= INT32_MAX && !have_room(g, most)) {
        (void)rule_mistake(p, "the contents of '%s' are longer than it may be",
                           buffer_info(g->buffer).name);
    }
}

/* A size of datagrams is none of what is put together from several. */
static void check_payload(struct rule_parse *p)
{
    bool sized = false;
    for (size_t i = 0; i < p->rule->n_amounts; i++) {
        sized = sized || p->rule->amounts[i].of == RULE_AMOUNT_PAYLOAD;
    }
    for (size_t i = 0; i < p->n_groups; i++) {
        const struct group_parse *g = &p->groups[i];
        if (!rule_asks_something(g)) {
            continue;
        }
        if (sized && (rule_of_protocol(g->buffer) != NULL || is_file(g->buffer))) {
            (void)rule_mistake(p, "dsize cannot stand with the buffer '%s'",
                               buffer_info(g->buffer).name);
        }
        const struct rule_protocol *protocol = p->rule->protocol;
        bool both_sides = p->rule->whole_tx && protocol != NULL && protocol->decoder != NULL;
        if (both_sides && g->buffer == BUFFER_PAYLOAD && g->outer == NULL) {
            (void)rule_mistake(p, "'=>' wants buffers of requests or answers");
        }
        if (g->buffer == BUFFER_HEADER_RAW &&
            (p->rule->flow & (RULE_TO_SERVER | RULE_TO_CLIENT)) == 0) {
            (void)rule_mistake(p, "http.header.raw wants flow:to_server or flow:to_client");
        }
    }
}

/* What is asked of one packet is asked of none of the buffers of transactions. */
static void check_packet(struct rule_parse *p)
{
    struct rule *r = p->rule;
    const struct rule_protocol *protocol = r->protocol;
    bool asks = r->n_headers > 0;
    bool tcp_alone = protocol != NULL && protocol->ip_proto == IP_PROTO_TCP;
    bool udp_alone = protocol != NULL && protocol->ip_proto == IP_PROTO_UDP;
    for (size_t i = 0; i < p->n_groups; i++) {
        enum buffer b = p->groups[i].buffer;
        asks = asks || buffer_is_header(b);
        if ((b == BUFFER_TCP_HDR && udp_alone) || (b == BUFFER_UDP_HDR && tcp_alone)) {
            (void)rule_mistake(p, "the protocol '%s' has no buffer '%s'", protocol->name,
                               buffer_info(b).name);
        }
    }
    r->asks_packet = asks;
    for (size_t i = 0; asks && i < p->n_groups; i++) {
        const struct group_parse *g = &p->groups[i];
        if (rule_asks_something(g) && g->outer == NULL && g->buffer != BUFFER_PAYLOAD &&
            !buffer_is_header(g->buffer)) {
            (void)rule_mistake(p, "what is asked of a packet cannot stand with the buffer '%s'",
                               buffer_info(g->buffer).name);
        }
    }
    if (asks && protocol != NULL && strcmp(protocol->name, "tcp-stream") == 0) {
        (void)rule_mistake(p, "what is asked of a packet cannot stand with 'tcp-stream'");
    }
    if (asks && r->jndi.asked) {
        (void)rule_mistake(p, "a look-up is none of a packet");
    }
    if (r->ip_version == 0 && protocol != NULL) {
        r->ip_version = protocol->ip_version;
    }
}

void rule_check(struct rule_parse *p)
{
    struct rule *r = p->rule;
    for (size_t i = 0; i < p->n_groups; i++) {
        if (!rule_asks_something(&p->groups[i]) && p->groups[i].buffer != BUFFER_PAYLOAD &&
            p->n_mistakes == 0) {
            (void)rule_mistake(p, "nothing is asked of the buffer '%s'",
                               buffer_info(p->groups[i].buffer).name);
        }
        (void)keyword_content_check(p, &p->groups[i]);
        check_sizes(p, &p->groups[i]);
        r->jndi.asked = r->jndi.asked || buffer_is_result(p->groups[i].buffer);
    }
    check_protocol(p);
    check_direction(p);
    check_payload(p);
    check_mail(p);
    check_packet(p);
    if (p->sid == 0) {
        (void)rule_mistake(p, "no sid");
    }
}
