/* buffer: the sticky buffers of the rule language, over the fields that decoders emit.
 *
 * Every row of field.def is a buffer by its own name, so a new field needs no line here. This table
 * has what is more than a field: Suricata's names for several fields together, its older names, and
 * the headers, which Suricata shows to a rule with their names in front. */
#include "signatures/buffer.h"

struct extra {
    enum buffer buffer;
    struct buffer_info info;
};

static const struct extra extras[] = {
    {BUFFER_PAYLOAD, {"pkt_data", BUFFER_VALUE, {0}, 0}},
    {BUFFER_HTTP_START, {"http.start", BUFFER_VALUE, {0}, 0}},
    {BUFFER_FILE_DATA,
     {"file.data",
      BUFFER_VALUE,
      {FIELD_FILE_DATA, FIELD_HTTP_RESPONSE_BODY, FIELD_HTTP_REQUEST_BODY},
      3}},
    {BUFFER_REQUEST_HEADER,
     {"http.request_header",
      BUFFER_HEADER_LINE,
      {FIELD_HTTP_REQUEST_HEADER, FIELD_HTTP_HOST_RAW, FIELD_HTTP_USER_AGENT, FIELD_HTTP_REFERER,
       FIELD_HTTP_ACCEPT, FIELD_HTTP_ACCEPT_ENC, FIELD_HTTP_ACCEPT_LANG, FIELD_HTTP_CONNECTION,
       FIELD_HTTP_CONTENT_TYPE, FIELD_HTTP_CONTENT_LEN, FIELD_HTTP_COOKIE},
      11}},
    {BUFFER_RESPONSE_HEADER,
     {"http.response_header",
      BUFFER_HEADER_LINE,
      {FIELD_HTTP_RESPONSE_HEADER, FIELD_HTTP_SERVER, FIELD_HTTP_LOCATION, FIELD_HTTP_CONNECTION,
       FIELD_HTTP_CONTENT_TYPE, FIELD_HTTP_CONTENT_LEN, FIELD_HTTP_COOKIE},
      7}},
    {BUFFER_HEADER_RAW, {"http.header.raw", BUFFER_VALUE, {FIELD_HTTP_HEADER}, 1}},
    {BUFFER_HEADER_NAMES, {"http.header_names", BUFFER_NAMES, {FIELD_HTTP_HEADER}, 1}},
    {BUFFER_DNS_QUERIES,
     {"dns.queries.rrname", BUFFER_VALUE, {FIELD_DNS_QUERY, FIELD_DNS_QUESTION}, 2}},
    {BUFFER_DNS_RESPONSE,
     {"dns.response.rrname",
      BUFFER_VALUE,
      {FIELD_DNS_QUESTION, FIELD_DNS_ANSWER, FIELD_DNS_AUTHORITY, FIELD_DNS_ADDITIONAL,
       FIELD_DNS_RDATA},
      5}},
    {BUFFER_IP_SRC, {"ip.src", BUFFER_VALUE, {0}, 0}},
    {BUFFER_IP_DST, {"ip.dst", BUFFER_VALUE, {0}, 0}},
    {BUFFER_IPV4_HDR, {"ipv4.hdr", BUFFER_VALUE, {0}, 0}},
    {BUFFER_IPV6_HDR, {"ipv6.hdr", BUFFER_VALUE, {0}, 0}},
    {BUFFER_TCP_HDR, {"tcp.hdr", BUFFER_VALUE, {0}, 0}},
    {BUFFER_UDP_HDR, {"udp.hdr", BUFFER_VALUE, {0}, 0}},
};

/* Other names of what there is. */
static const struct {
    const char *name;
    const char *means;
} aliases[] = {
    {"file_data", "file.data"},
    /* Sticky buffers as Suricata 4 wrote them. */
    {"http_accept", "http.accept"},
    {"http_accept_enc", "http.accept_enc"},
    {"http_accept_lang", "http.accept_lang"},
    {"http_connection", "http.connection"},
    {"http_content_len", "http.content_len"},
    {"http_content_type", "http.content_type"},
    {"http_header_names", "http.header_names"},
    {"http_protocol", "http.protocol"},
    {"http_referer", "http.referer"},
    {"http_request_line", "http.request_line"},
    {"http_response_line", "http.response_line"},
    {"http_start", "http.start"},
    {"tls_sni", "tls.sni"},
    {"dns_query", "dns.query"},
    {"dns.query.name", "dns.queries.rrname"},
    {"dns.answer.name", "dns.answers.rrname"},
};

/* The modifiers of Suricata before version 5, written behind the content they apply to. */
static const struct {
    const char *name;
    const char *means;
} modifiers[] = {
    {"http_uri", "http.uri"},
    {"http_raw_uri", "http.uri.raw"},
    {"http_method", "http.method"},
    {"http_header", "http.header"},
    {"http_raw_header", "http.header.raw"},
    {"http_cookie", "http.cookie"},
    {"http_user_agent", "http.user_agent"},
    {"http_host", "http.host"},
    {"http_raw_host", "http.host.raw"},
    {"http_client_body", "http.request_body"},
    {"http_server_body", "http.response_body"},
    {"http_stat_code", "http.stat_code"},
    {"http_stat_msg", "http.stat_msg"},
};

static const struct {
    uint8_t letter;
    enum buffer buffer;
} pcre_flags[] = {
    {'U', (enum buffer)FIELD_HTTP_URI},
    {'I', (enum buffer)FIELD_HTTP_URI_RAW},
    {'M', (enum buffer)FIELD_HTTP_METHOD},
    {'H', (enum buffer)FIELD_HTTP_HEADER},
    {'D', BUFFER_HEADER_RAW},
    {'C', (enum buffer)FIELD_HTTP_COOKIE},
    {'P', (enum buffer)FIELD_HTTP_REQUEST_BODY},
    {'Q', (enum buffer)FIELD_HTTP_RESPONSE_BODY},
    {'V', (enum buffer)FIELD_HTTP_USER_AGENT},
    {'W', (enum buffer)FIELD_HTTP_HOST},
    {'Z', (enum buffer)FIELD_HTTP_HOST_RAW},
    {'S', (enum buffer)FIELD_HTTP_STAT_CODE},
    {'Y', (enum buffer)FIELD_HTTP_STAT_MSG},
};

/* What only a client sends, or only a server. */
static const struct {
    enum buffer buffer;
    enum direction dir;
} one_way[] = {
    {(enum buffer)FIELD_HTTP_METHOD, TO_SERVER},
    {(enum buffer)FIELD_HTTP_URI, TO_SERVER},
    {(enum buffer)FIELD_HTTP_URI_RAW, TO_SERVER},
    {(enum buffer)FIELD_HTTP_REQUEST_LINE, TO_SERVER},
    {(enum buffer)FIELD_HTTP_HOST, TO_SERVER},
    {(enum buffer)FIELD_HTTP_HOST_RAW, TO_SERVER},
    {(enum buffer)FIELD_HTTP_USER_AGENT, TO_SERVER},
    {(enum buffer)FIELD_HTTP_REFERER, TO_SERVER},
    {(enum buffer)FIELD_HTTP_ACCEPT, TO_SERVER},
    {(enum buffer)FIELD_HTTP_ACCEPT_ENC, TO_SERVER},
    {(enum buffer)FIELD_HTTP_ACCEPT_LANG, TO_SERVER},
    {(enum buffer)FIELD_HTTP_REQUEST_BODY, TO_SERVER},
    {BUFFER_REQUEST_HEADER, TO_SERVER},
    {(enum buffer)FIELD_HTTP_STAT_CODE, TO_CLIENT},
    {(enum buffer)FIELD_HTTP_STAT_MSG, TO_CLIENT},
    {(enum buffer)FIELD_HTTP_RESPONSE_LINE, TO_CLIENT},
    {(enum buffer)FIELD_HTTP_SERVER, TO_CLIENT},
    {(enum buffer)FIELD_HTTP_LOCATION, TO_CLIENT},
    {(enum buffer)FIELD_HTTP_RESPONSE_BODY, TO_CLIENT},
    {BUFFER_RESPONSE_HEADER, TO_CLIENT},
    {(enum buffer)FIELD_DNS_QUERY, TO_SERVER},
    {BUFFER_DNS_RESPONSE, TO_CLIENT},
    {(enum buffer)FIELD_TLS_SNI, TO_SERVER},
};

static const struct {
    enum field_id id;
    const char *name;
} header_names[] = {
    {FIELD_HTTP_HOST_RAW, "Host"},
    {FIELD_HTTP_USER_AGENT, "User-Agent"},
    {FIELD_HTTP_REFERER, "Referer"},
    {FIELD_HTTP_ACCEPT, "Accept"},
    {FIELD_HTTP_ACCEPT_ENC, "Accept-Encoding"},
    {FIELD_HTTP_ACCEPT_LANG, "Accept-Language"},
    {FIELD_HTTP_CONNECTION, "Connection"},
    {FIELD_HTTP_CONTENT_TYPE, "Content-Type"},
    {FIELD_HTTP_CONTENT_LEN, "Content-Length"},
    {FIELD_HTTP_COOKIE, "Cookie"},
    {FIELD_HTTP_SERVER, "Server"},
    {FIELD_HTTP_LOCATION, "Location"},
};

/* Fields that never come to rules: encoded numbers and what repeats another one, for events; and
 * parts that are only named where something was found. */
static bool is_for_events(enum field_id id)
{
    static const enum field_id ids[] = {
        FIELD_HTTP_URI_PARAM, FIELD_HTTP2_STREAM, FIELD_EMAIL_ATTACHMENT, FIELD_DNS_HEADER,
        FIELD_DNS_RECORD,     FIELD_LDAP_RESULT,  FIELD_LDAP_MESSAGE_ID,
    };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

static enum buffer by_own_name(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(extras); i++) {
        if (span_equal(name, span_str(extras[i].info.name))) {
            return extras[i].buffer;
        }
    }
    enum field_id id = field_by_name(name);
    return id == FIELD_N || is_for_events(id) ? BUFFER_N : (enum buffer)id;
}

enum buffer buffer_by_name(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
        if (span_equal(name, span_str(aliases[i].name))) {
            return by_own_name(span_str(aliases[i].means));
        }
    }
    return by_own_name(name);
}

enum buffer buffer_by_modifier(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(modifiers); i++) {
        if (span_equal(name, span_str(modifiers[i].name))) {
            return by_own_name(span_str(modifiers[i].means));
        }
    }
    return BUFFER_N;
}

enum buffer buffer_by_pcre_flag(uint8_t letter)
{
    for (size_t i = 0; i < ARRAY_LEN(pcre_flags); i++) {
        if (pcre_flags[i].letter == letter) {
            return pcre_flags[i].buffer;
        }
    }
    return BUFFER_N;
}

struct buffer_info buffer_info(enum buffer b)
{
    for (size_t i = 0; i < ARRAY_LEN(extras); i++) {
        if (extras[i].buffer == b) {
            return extras[i].info;
        }
    }
    enum field_id id = (enum field_id)b;
    enum buffer_make make = id == FIELD_HTTP_HEADER ? BUFFER_HEADERS : BUFFER_VALUE;
    return (struct buffer_info){field_info(id)->name, make, {id}, 1};
}

unsigned buffer_ways(enum buffer b)
{
    for (size_t i = 0; i < ARRAY_LEN(one_way); i++) {
        if (one_way[i].buffer == b) {
            return 1U << one_way[i].dir;
        }
    }
    struct span name = span_str(buffer_info(b).name);
    if (span_starts(name, SPAN("ldap.responses."))) {
        return 1U << TO_CLIENT;
    }
    bool mail = span_starts(name, SPAN("email.")) || span_starts(name, SPAN("smtp."));
    if ((mail && b != (enum buffer)FIELD_SMTP_REPLY) || span_starts(name, SPAN("ldap.request."))) {
        return 1U << TO_SERVER;
    }
    return 1U << TO_SERVER | 1U << TO_CLIENT;
}

bool buffer_is_region(enum buffer b)
{
    return b == BUFFER_PAYLOAD || b == BUFFER_HTTP_START;
}

bool buffer_is_header(enum buffer b)
{
    return b >= BUFFER_IP_SRC && b <= BUFFER_UDP_HDR;
}

bool buffer_is_result(enum buffer b)
{
    return b == (enum buffer)FIELD_JNDI_LOOKUP || b == (enum buffer)FIELD_JNDI_CALLBACK ||
           b == (enum buffer)FIELD_JNDI_VARIABLE;
}

const char *buffer_header_name(enum field_id id)
{
    for (size_t i = 0; i < ARRAY_LEN(header_names); i++) {
        if (header_names[i].id == id) {
            return header_names[i].name;
        }
    }
    return "";
}

enum field_id buffer_header_field(struct span name, enum direction dir)
{
    bool set_cookie = span_equal_nocase(name, SPAN("set-cookie"));
    if (set_cookie || span_equal_nocase(name, SPAN("cookie"))) {
        return set_cookie == (dir == TO_CLIENT) ? FIELD_HTTP_COOKIE : FIELD_N;
    }
    for (size_t i = 0; i < ARRAY_LEN(header_names); i++) {
        enum field_id id = header_names[i].id;
        if (span_equal_nocase(name, span_str(header_names[i].name))) {
            return (buffer_ways((enum buffer)id) & 1U << dir) != 0 ? id : FIELD_N;
        }
    }
    return FIELD_N;
}
