/* keyword: the table of the rule language.
 *
 * A keyword more is a row here and its function in one of the keyword_*.c files; a sticky buffer
 * more is a row of field.def or of buffer.c, a transform more a row of keyword_transform.c and its
 * case in the code that makes buffers. What is in none of these tables is an unknown keyword, and
 * its rule fails: a condition that was silently dropped would make a rule fire where its author
 * said it must not.
 */
#include "sensor/base/bytes.h"
#include "signatures/rule_parse.h"

static const struct keyword keywords[] = {
    {"msg", KEYWORD_ONCE, keyword_msg, KEYWORD_OF_PAYLOAD},
    {"sid", KEYWORD_ONCE, keyword_sid, KEYWORD_OF_PAYLOAD},
    {"rev", KEYWORD_ONCE, keyword_rev, KEYWORD_OF_PAYLOAD},
    {"gid", KEYWORD_ONCE, keyword_gid, KEYWORD_OF_PAYLOAD},
    {"priority", KEYWORD_VALUE, keyword_priority, KEYWORD_OF_PAYLOAD},
    {"classtype", KEYWORD_VALUE, keyword_classtype, KEYWORD_OF_PAYLOAD},
    {"reference", KEYWORD_VALUE, keyword_reference, KEYWORD_OF_PAYLOAD},
    {"metadata", KEYWORD_VALUE, keyword_metadata, KEYWORD_OF_PAYLOAD},
    {"target", KEYWORD_ONCE, keyword_target, KEYWORD_OF_PAYLOAD},
    {"flow", KEYWORD_VALUE, keyword_flow, KEYWORD_OF_PAYLOAD},
    {"threshold", KEYWORD_VALUE, keyword_threshold, KEYWORD_OF_PAYLOAD},
    {"detection_filter", KEYWORD_VALUE, keyword_detection_filter, KEYWORD_OF_PAYLOAD},
    {"ip_proto", KEYWORD_VALUE, keyword_ip_proto, KEYWORD_OF_PAYLOAD},
    {"dsize", KEYWORD_VALUE, keyword_dsize, KEYWORD_OF_PAYLOAD},
    {"stream_size", KEYWORD_VALUE, keyword_stream_size, KEYWORD_OF_PAYLOAD},
    {"ttl", KEYWORD_VALUE, keyword_ttl, KEYWORD_OF_PAYLOAD},
    {"id", KEYWORD_VALUE, keyword_ip_id, KEYWORD_OF_PAYLOAD},
    {"tos", KEYWORD_VALUE, keyword_tos, KEYWORD_OF_PAYLOAD},
    {"seq", KEYWORD_VALUE, keyword_seq, KEYWORD_OF_PAYLOAD},
    {"tcp.seq", KEYWORD_VALUE, keyword_seq, KEYWORD_OF_PAYLOAD},
    {"ack", KEYWORD_VALUE, keyword_ack, KEYWORD_OF_PAYLOAD},
    {"tcp.ack", KEYWORD_VALUE, keyword_ack, KEYWORD_OF_PAYLOAD},
    {"window", KEYWORD_VALUE, keyword_window, KEYWORD_OF_PAYLOAD},
    {"tcp.window", KEYWORD_VALUE, keyword_window, KEYWORD_OF_PAYLOAD},
    {"flags", KEYWORD_VALUE, keyword_tcp_flags, KEYWORD_OF_PAYLOAD},
    {"tcp.flags", KEYWORD_VALUE, keyword_tcp_flags, KEYWORD_OF_PAYLOAD},
    {"fragbits", KEYWORD_VALUE, keyword_fragbits, KEYWORD_OF_PAYLOAD},
    {"ipopts", KEYWORD_VALUE, keyword_ipopts, KEYWORD_OF_PAYLOAD},
    {"sameip", KEYWORD_ALONE, keyword_sameip, KEYWORD_OF_PAYLOAD},
    {"l3_proto", KEYWORD_VALUE, keyword_l3_proto, KEYWORD_OF_PAYLOAD},
    {"flowbits", KEYWORD_VALUE, keyword_flowbits, KEYWORD_OF_PAYLOAD},
    {"xbits", KEYWORD_VALUE, keyword_xbits, KEYWORD_OF_PAYLOAD},
    {"hostbits", KEYWORD_VALUE, keyword_hostbits, KEYWORD_OF_PAYLOAD},
    {"flowint", KEYWORD_VALUE, keyword_flowint, KEYWORD_OF_PAYLOAD},
    {"noalert", KEYWORD_ALONE, keyword_noalert, KEYWORD_OF_PAYLOAD},
    {"app-layer-protocol", KEYWORD_VALUE, keyword_app_layer_protocol, KEYWORD_OF_PAYLOAD},
    {"app-layer-event", KEYWORD_VALUE, keyword_app_layer_event, KEYWORD_OF_PAYLOAD},
    {"urilen", KEYWORD_VALUE, keyword_urilen, KEYWORD_OF_PAYLOAD},
    {"content", KEYWORD_VALUE, keyword_content, KEYWORD_OF_PAYLOAD},
    {"nocase", KEYWORD_ALONE, keyword_nocase, KEYWORD_OF_PAYLOAD},
    {"depth", KEYWORD_VALUE, keyword_depth, KEYWORD_OF_PAYLOAD},
    {"offset", KEYWORD_VALUE, keyword_offset, KEYWORD_OF_PAYLOAD},
    {"distance", KEYWORD_VALUE, keyword_distance, KEYWORD_OF_PAYLOAD},
    {"within", KEYWORD_VALUE, keyword_within, KEYWORD_OF_PAYLOAD},
    {"startswith", KEYWORD_ALONE, keyword_startswith, KEYWORD_OF_PAYLOAD},
    {"endswith", KEYWORD_ALONE, keyword_endswith, KEYWORD_OF_PAYLOAD},
    {"fast_pattern", KEYWORD_EITHER, keyword_fast_pattern, KEYWORD_OF_PAYLOAD},
    {"rawbytes", KEYWORD_ALONE, keyword_rawbytes, KEYWORD_OF_PAYLOAD},
    {"pcre", KEYWORD_VALUE, keyword_pcre, KEYWORD_OF_PAYLOAD},
    {"from_base64", KEYWORD_EITHER, keyword_from_base64, KEYWORD_OF_PAYLOAD},
    {"xor", KEYWORD_VALUE, keyword_xor, KEYWORD_OF_PAYLOAD},
    {"pcrexform", KEYWORD_VALUE, keyword_pcrexform, KEYWORD_OF_PAYLOAD},
    {"gunzip", KEYWORD_EITHER, keyword_gunzip, KEYWORD_OF_PAYLOAD},
    {"zlib_deflate", KEYWORD_EITHER, keyword_zlib_deflate, KEYWORD_OF_PAYLOAD},
    {"isdataat", KEYWORD_VALUE, keyword_isdataat, KEYWORD_FOLLOWS},
    {"absent", KEYWORD_EITHER, keyword_absent, KEYWORD_OF_PAYLOAD},
    {"bsize", KEYWORD_VALUE, keyword_bsize, KEYWORD_OF_PAYLOAD},
    {"byte_test", KEYWORD_VALUE, keyword_byte_test, KEYWORD_FOLLOWS},
    {"byte_jump", KEYWORD_VALUE, keyword_byte_jump, KEYWORD_FOLLOWS},
    {"byte_extract", KEYWORD_VALUE, keyword_byte_extract, KEYWORD_FOLLOWS},
    {"byte_math", KEYWORD_VALUE, keyword_byte_math, KEYWORD_FOLLOWS},
    {"base64_decode", KEYWORD_EITHER, keyword_base64_decode, KEYWORD_FOLLOWS},
    {"base64_data", KEYWORD_ALONE, keyword_base64_data, KEYWORD_OF_PAYLOAD},
    {"dns.opcode", KEYWORD_VALUE, keyword_dns_opcode, KEYWORD_OF_PAYLOAD},
    {"dns.rcode", KEYWORD_VALUE, keyword_dns_rcode, KEYWORD_OF_PAYLOAD},
    {"dns.rrtype", KEYWORD_VALUE, keyword_dns_rrtype, KEYWORD_OF_PAYLOAD},
    {"filename", KEYWORD_VALUE, keyword_filename, KEYWORD_OF_PAYLOAD},
    {"fileext", KEYWORD_VALUE, keyword_fileext, KEYWORD_OF_PAYLOAD},
    {"filesize", KEYWORD_VALUE, keyword_filesize, KEYWORD_OF_PAYLOAD},
    {"tls.version", KEYWORD_VALUE, keyword_tls_version, KEYWORD_OF_PAYLOAD},
    {"ssl_version", KEYWORD_VALUE, keyword_ssl_version, KEYWORD_OF_PAYLOAD},
    {"ssl_state", KEYWORD_VALUE, keyword_ssl_state, KEYWORD_OF_PAYLOAD},
    {"uricontent", KEYWORD_VALUE, keyword_uricontent, KEYWORD_OF_PAYLOAD},
    {"requires", KEYWORD_VALUE, keyword_without_effect, KEYWORD_OF_PAYLOAD}, /* see rule_lacks() */
    {"tag", KEYWORD_VALUE, keyword_tag, KEYWORD_OF_PAYLOAD},
    {"prefilter", KEYWORD_ALONE, keyword_prefilter, KEYWORD_OF_PAYLOAD},
    {"alert", KEYWORD_ALONE, keyword_alert, KEYWORD_OF_PAYLOAD},
    {"bypass", KEYWORD_ALONE, keyword_without_effect, KEYWORD_OF_PAYLOAD},
    {"filestore", KEYWORD_EITHER, keyword_without_effect, KEYWORD_OF_PAYLOAD},
    {"jndi.class", KEYWORD_VALUE, keyword_jndi_class, KEYWORD_OF_PAYLOAD},
    {"jndi.dialect", KEYWORD_VALUE, keyword_jndi_dialect, KEYWORD_OF_PAYLOAD},
    {"jndi.scheme", KEYWORD_VALUE, keyword_jndi_scheme, KEYWORD_OF_PAYLOAD},
    {"jndi.reaches_network", KEYWORD_EITHER, keyword_jndi_reaches_network, KEYWORD_OF_PAYLOAD},
};

const struct keyword *keyword_find(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        if (span_equal_nocase(name, span_str(keywords[i].name))) {
            return &keywords[i];
        }
    }
    return NULL;
}

/* Moves the last content to the buffer that an old modifier names. */
static void move_last(struct rule_parse *p, struct span name, enum buffer buffer)
{
    p->keyword = name;
    struct group_parse *from = p->last_group;
    if (p->last == NULL || from->buffer != BUFFER_PAYLOAD) {
        (void)rule_mistake(p, "no content of the payload stands before it");
        return;
    }
    struct rule_test moved = *p->last;
    if (moved.kind == RULE_CONTENT && moved.content.raw) {
        (void)rule_mistake(p, "cannot stand with rawbytes");
        return;
    }
    struct group_parse *to = rule_group_for(p, buffer);
    if (to == NULL) {
        return;
    }
    if (moved.varies && to != &p->groups[moved.variables_of]) {
        (void)rule_mistake(p, "the content has a variable of another buffer");
        return;
    }
    if (to->n_tests == RULE_TESTS_MAX) {
        (void)rule_mistake(p, "more than %d tests of one buffer", RULE_TESTS_MAX);
        return;
    }
    size_t at = (size_t)(p->last - from->tests);
    bytes_move(p->last, p->last + 1, (from->n_tests - at - 1) * sizeof(*p->last));
    from->n_tests--;
    to->tests[to->n_tests] = moved;
    p->last = &to->tests[to->n_tests++];
    p->last_group = to;
    p->followed = to;
}

/* Names of buffers are written in small letters everywhere else. */
enum { BUFFER_NAME_MAX = 64 };

/* Whether the buffer is one of which there are several, and something was asked of one already:
 * what follows is asked of any, as Suricata has it. */
static bool is_asked_again(const struct rule_parse *p, enum buffer buffer)
{
    static const enum buffer several[] = {
        BUFFER_REQUEST_HEADER,
        BUFFER_RESPONSE_HEADER,
        BUFFER_DNS_QUERIES,
        BUFFER_DNS_RESPONSE,
        (enum buffer)FIELD_DNS_QUERY,
        (enum buffer)FIELD_DNS_ANSWER,
        (enum buffer)FIELD_DNS_AUTHORITY,
        (enum buffer)FIELD_DNS_ADDITIONAL,
        (enum buffer)FIELD_EMAIL_RECEIVED,
        (enum buffer)FIELD_EMAIL_URL,
        (enum buffer)FIELD_FILE_NAME,
        (enum buffer)FIELD_LDAP_REQUEST_TYPE,
        (enum buffer)FIELD_LDAP_RESPONSE_DN,
        (enum buffer)FIELD_LDAP_RESPONSE_MESSAGE,
        (enum buffer)FIELD_LDAP_RESPONSE_TYPE,
        (enum buffer)FIELD_SMTP_RCPT_TO,
        (enum buffer)FIELD_TLS_ALPN,
    };
    bool of_several = false;
    for (size_t i = 0; i < ARRAY_LEN(several); i++) {
        of_several = of_several || several[i] == buffer;
    }
    for (size_t i = 0; of_several && i < p->n_groups; i++) {
        if (p->groups[i].buffer == buffer && p->groups[i].n_tests > 0) {
            return true;
        }
    }
    return false;
}

bool keyword_buffer_way(struct rule_parse *p, struct span name, struct span value)
{
    bool file = span_equal_nocase(name, SPAN("file.data")) ||
                span_equal_nocase(name, SPAN("file_data")) ||
                span_equal_nocase(name, SPAN("file.name"));
    bool to_server = span_equal(value, SPAN("to_server"));
    if (!file || (!to_server && !span_equal(value, SPAN("to_client"))) ||
        !keyword_buffer(p, name)) {
        return false;
    }
    unsigned flag = to_server ? RULE_TO_SERVER : RULE_TO_CLIENT;
    unsigned both = RULE_TO_SERVER | RULE_TO_CLIENT;
    p->rule->flow |= flag;
    return (p->rule->flow & both) != both || rule_mistake(p, "the rule goes the other way");
}

bool keyword_buffer(struct rule_parse *p, struct span name)
{
    if (keyword_transform(p, name)) {
        return true;
    }
    uint8_t small[BUFFER_NAME_MAX];
    size_t n = name.len < sizeof(small) ? name.len : 0;
    bytes_copy_lower(small, name.data, n);
    struct span own = span_of(small, n);
    enum buffer buffer = buffer_by_name(own);
    if (buffer != BUFFER_N) {
        p->group =
            is_asked_again(p, buffer) ? rule_group_new(p, buffer) : rule_group_for(p, buffer);
        p->named = true;
        p->last = NULL;
        return true;
    }
    buffer = buffer_by_modifier(own);
    if (buffer != BUFFER_N) {
        move_last(p, name, buffer);
        return true;
    }
    return false;
}

bool rule_number(struct span text, int64_t *ret_value)
{
    uint64_t value = 0;
    bool minus = span_at(text, 0) == '-';
    text = span_from(text, minus || span_at(text, 0) == '+');
    if (!span_to_u64(text, &value) || value > UINT32_MAX) {
        return false;
    }
    *ret_value = minus ? -(int64_t)value : (int64_t)value;
    return true;
}

unsigned rule_variable(const struct group_parse *g, struct span name)
{
    for (unsigned i = 0; i < g->n_variables; i++) {
        if (span_equal(g->variables[i], name)) {
            return i + 1;
        }
    }
    return 0;
}

bool rule_number_or_variable(const struct group_parse *g, struct rule_test *t,
                             enum rule_number_of of, struct span text, int64_t *ret_value)
{
    if (rule_number(text, ret_value)) {
        return true;
    }
    unsigned variable = rule_variable(g, text);
    if (variable > 0) {
        t->variables[of] = (uint8_t)variable;
        t->varies = true;
        *ret_value = 0;
    }
    return variable > 0;
}

bool rule_unquote(struct rule_parse *p, struct span text, struct span *ret)
{
    if (text.len < 2 || text.data[0] != '"' || text.data[text.len - 1] != '"') {
        return rule_mistake(p, "the value must stand in double quotes");
    }
    *ret = span_sub(text, 1, text.len - 2);
    return true;
}
