/* lookup_url: whom a JNDI name would call.
 *
 * Taken apart as the JDK's providers do (com.sun.jndi.toolkit.url.Uri, lenient form): the scheme
 * ends at the first ':', which stands before any '/'; host and port follow "//"; a host in brackets
 * keeps them. Where there is no "//", ldap, ldaps, rmi and the others call the local host, and dns
 * asks the system's resolver, which is nobody we can name. Default ports are those of the
 * providers' sources: ldap 389, ldaps 636, rmi 1099, dns 53, iiop 900, iiopname 9999, corbaname
 * 2089.
 *
 * A variable that only the host knows stands in the name as `${env:X}`; its ':' divides nothing.
 * Of Commons Text: url names a character set and then a URL, with java.net.URL's ports (http 80,
 * https 443, ftp 21); dns a host, behind '|' when there is one; a script's text is not read.
 *
 * What a strict provider would refuse (user names, blanks, '#') is given as it stands. */
#include "signatures/lookup_machine.h"

#include "sensor/base/bytes.h"

static const struct scheme {
    struct span name;
    uint16_t port;
} schemes[] = {
    {SPAN_LITERAL("ldap"), 389},       {SPAN_LITERAL("ldaps"), 636},
    {SPAN_LITERAL("rmi"), 1099},       {SPAN_LITERAL("dns"), 53},
    {SPAN_LITERAL("iiop"), 900},       {SPAN_LITERAL("iiopname"), 9999},
    {SPAN_LITERAL("corbaname"), 2089},
};

static const struct scheme *find_scheme(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (span_equal(schemes[i].name, name)) {
            return &schemes[i];
        }
    }
    return NULL;
}

struct span lookup_scheme(struct span name)
{
    size_t colon = span_find_byte(name, 0, ':');
    size_t slash = span_find_byte(name, 0, '/');
    return colon < slash ? span_head(name, colon) : (struct span){NULL, 0};
}

bool lookup_scheme_reaches_network(struct span scheme)
{
    return find_scheme(scheme) != NULL;
}

/* The first c at or after off that is not part of a variable; the end when there is none. */
static size_t find_outside(struct span s, size_t off, uint8_t c)
{
    while (off < s.len && s.data[off] != c) {
        bool variable = s.data[off] == '$' && span_at(s, off + 1) == '{';
        size_t end = variable ? span_find_byte(s, off, '}') : SPAN_NONE;
        off = end == SPAN_NONE ? off + 1 : end + 1;
    }
    return off;
}

static uint16_t parse_port(struct span text, uint16_t otherwise)
{
    uint64_t port = 0;
    return span_to_u64(text, &port) && port > 0 && port <= UINT16_MAX ? (uint16_t)port : otherwise;
}

/* "host:port", without the path. */
static void parse_authority(struct span authority, uint16_t port, struct lookup_callback *c)
{
    size_t colon = find_outside(authority, 0, ':');
    if (span_at(authority, 0) == '[') {
        size_t bracket = span_find_byte(authority, 0, ']');
        colon = bracket == SPAN_NONE ? authority.len : bracket + 1;
    }
    c->host = span_head(authority, colon);
    c->port = parse_port(span_from(authority, colon + 1), port);
}

/* "iiop:1.2@host:port#path"; the protocol may be empty, and "rir:" asks the local resolver. */
static struct lookup_callback parse_corbaname(struct span rest, uint16_t port)
{
    struct lookup_callback c = {.port = 0};
    struct span protocol = span_split(&rest, ':');
    if (protocol.len > 0 && !span_equal(protocol, SPAN("iiop"))) {
        return c;
    }
    size_t hash = find_outside(rest, 0, '#');
    size_t version = span_find_byte(span_head(rest, hash), 0, '@');
    size_t start = version == SPAN_NONE ? 0 : version + 1;
    c.path = span_from(rest, hash);
    parse_authority(span_sub(rest, start, hash - start), port, &c);
    return c;
}

static struct lookup_callback log4j_callback(struct span name)
{
    struct span scheme = lookup_scheme(name);
    struct lookup_callback c = {.scheme = scheme};
    const struct scheme *known = find_scheme(scheme);
    uint16_t port = known != NULL ? known->port : 0;
    struct span rest = scheme.len > 0 ? span_from(name, scheme.len + 1) : name;
    if (known != NULL && span_equal(scheme, SPAN("corbaname"))) {
        c = parse_corbaname(rest, port);
        c.scheme = scheme;
        return c;
    }
    if (scheme.len == 0 || !span_starts(rest, SPAN("//"))) {
        c.path = known != NULL ? rest : (struct span){NULL, 0};
        if (known != NULL && !span_equal(scheme, SPAN("dns"))) {
            c.host = SPAN("localhost");
            c.port = port;
        }
        return c;
    }
    struct span authority = span_from(rest, 2);
    size_t slash = find_outside(authority, 0, '/');
    c.path = span_from(authority, slash);
    parse_authority(span_head(authority, slash), port, &c);
    if (c.host.len == 0 && known != NULL) {
        c.host = SPAN("localhost");
    }
    return c;
}

/* "http://user@host:port/path?query" behind its protocol. */
static struct lookup_callback parse_web(struct span url)
{
    static const struct scheme protocols[] = {
        {SPAN_LITERAL("http:"), 80}, {SPAN_LITERAL("https:"), 443}, {SPAN_LITERAL("ftp:"), 21}};
    struct lookup_callback c = {.port = 0};
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        struct span rest = span_from(url, protocols[i].name.len);
        if (span_starts_nocase(url, protocols[i].name) && span_starts(rest, SPAN("//"))) {
            rest = span_from(rest, 2);
            size_t end = find_outside(rest, 0, '/');
            size_t query = find_outside(span_head(rest, end), 0, '?');
            end = query < end ? query : end;
            struct span authority = span_head(rest, end);
            size_t at = span_rfind_byte(authority, '@');
            parse_authority(at == SPAN_NONE ? authority : span_from(authority, at + 1),
                            protocols[i].port, &c);
            c.path = span_from(rest, end);
            c.scheme = span_head(url, protocols[i].name.len - 1);
        }
    }
    return c;
}

static struct lookup_callback commons_callback(struct span name)
{
    struct lookup_callback c = {.port = 0};
    struct span key = name;
    struct span prefix = span_split(&key, ':');
    if (span_equal(prefix, SPAN("dns"))) {
        size_t bar = span_find_byte(key, 0, '|');
        struct span host = bar == SPAN_NONE ? key : span_from(key, bar + 1);
        c.host = span_trim(span_head(host, span_find_byte(host, 0, '|')));
        c.scheme = prefix;
    } else if (span_equal(prefix, SPAN("url"))) {
        struct span url = lookup_commons_url(key);
        c = parse_web(span_starts_nocase(url, SPAN("jar:")) ? span_from(url, 4) : url);
    }
    return c;
}

struct lookup_callback lookup_callback(enum lookup_dialect dialect, struct span name)
{
    return dialect == LOOKUP_COMMONS_TEXT ? commons_callback(name) : log4j_callback(name);
}
