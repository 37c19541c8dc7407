/* plan: listeners as they are named in options and configuration.
 *
 * Only addresses are taken, no names: nothing is looked up for a honeypot, not even at its start.
 */
#include "sensor/decoy/plan.h"

#include "sensor/base/bytes.h"
#include "sensor/decoy/persona.h"

#include <stdio.h>

static const char *const kind_names[DECOY_KIND_N] = {
    [DECOY_HTTP] = "http", [DECOY_TCP] = "tcp",       [DECOY_SMTP] = "smtp",
    [DECOY_LDAP] = "ldap", [DECOY_SYSLOG] = "syslog",
};

const char *decoy_kind_name(enum decoy_kind kind)
{
    return kind_names[kind];
}

bool decoy_kind_is_datagrams(enum decoy_kind kind)
{
    return kind == DECOY_SYSLOG;
}

static bool take_kind(struct span *text, struct decoy_spot *spot)
{
    struct span word = span_split(text, ':');
    for (unsigned kind = 0; kind < DECOY_KIND_N; kind++) {
        if (span_equal(word, span_str(kind_names[kind]))) {
            spot->kind = (enum decoy_kind)kind;
            return true;
        }
    }
    return false;
}

/* The address, up to the colon behind it. */
static bool take_address(struct span *text, struct decoy_spot *spot)
{
    size_t from = span_at(*text, 0) == '[' ? span_find_byte(*text, 0, ']') : 0;
    size_t colon = from == SPAN_NONE ? SPAN_NONE : span_find_byte(*text, from, ':');
    if (colon == SPAN_NONE) {
        return false;
    }
    struct span word = span_head(*text, colon);
    *text = span_from(*text, colon + 1);
    if (span_equal(word, SPAN("*"))) {
        return true;
    }
    return addr_parse(word, &spot->addr) && (spot->addr.family == 4 || from > 0);
}

static bool take_port(struct span *text, struct decoy_spot *spot)
{
    uint64_t port;
    struct span word = span_split(text, ':');
    if (!span_to_u64(word, &port) || port > UINT16_MAX) {
        return false;
    }
    spot->port = (uint16_t)port;
    return true;
}

/* Names of personas go into events and messages as they are. */
static bool take_persona(struct span text, struct decoy_spot *spot)
{
    if (text.len >= sizeof(spot->persona) || (text.len > 0 && !persona_is_name(text))) {
        return false;
    }
    bytes_copy(spot->persona, text.data, text.len);
    return true;
}

void decoy_spot_rename(struct decoy_spot *spot)
{
    char text[ADDR_TEXT_SIZE] = "*";
    bool brackets = spot->addr.family == 6;
    if (spot->addr.family != 0) {
        addr_format(&spot->addr, text, sizeof(text));
    }
    (void)snprintf(spot->name, sizeof(spot->name), "%s:%s%s%s:%u", decoy_kind_name(spot->kind),
                   brackets ? "[" : "", text, brackets ? "]" : "", spot->port);
}

bool decoy_spot_parse(const char *text, struct decoy_spot *ret_spot, char ret_why[DECOY_WHY_SIZE])
{
    struct decoy_spot spot = {.kind = DECOY_HTTP};
    struct span rest = span_str(text);
    const char *why = NULL;
    if (!take_kind(&rest, &spot)) {
        why = "begins with no kind of listener (http, ldap, smtp, syslog, tcp)";
    } else if (!take_address(&rest, &spot)) {
        why = "has no address: an IPv4 one, an IPv6 one in brackets, or *";
    } else if (!take_port(&rest, &spot)) {
        why = "has no port from 0 to 65535";
    } else if (!take_persona(rest, &spot)) {
        why = "has no name of a persona behind its port";
    }
    if (why != NULL) {
        (void)snprintf(ret_why, DECOY_WHY_SIZE, "%s", why);
        return false;
    }
    decoy_spot_rename(&spot);
    *ret_spot = spot;
    return true;
}
