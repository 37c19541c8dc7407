/* lookup_commons: what Commons Text 1.5 to 1.9 makes of a text (CVE-2022-42889).
 *
 * An application that hands a text of others to StringSubstitutor.createInterpolator() carries out
 * the look-ups of those versions, three of which are dangerous: script runs code, dns resolves a
 * name, url fetches. The grammar is that of Log4j, whose substitutor has the same ancestor, less
 * much of it: one pass, no nesting in names unless the application turns that on, ":-" and no other
 * splitter, and other look-ups. Prefixes are compared without case, as ASCII.
 *
 * What is asked by itself is an attack. What is asked only where names nest, with the missing '}'
 * behind it or without the '$' before it, is conditional. What the look-ups refuse for its form
 * (a script without an engine, a URL without a character set) or what is lost to an exception
 * before it is an attempt.
 *
 * Values of the host are unknown: files, properties, constants, variables and properties count as
 * unset, names of the host become marks (lookup_answer.c). What the three dangerous ones give is
 * taken as nothing.
 *
 * Source of all this: the behaviour of Commons Text itself, tried with names that only take notes.
 */
#include "signatures/lookup_date.h"
#include "signatures/lookup_machine.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/base64.h"
#include "sensor/codec/utf.h"

static struct lookup_answer null_value(void)
{
    return (struct lookup_answer){.kind = LOOKUP_VALUE_NULL};
}

static struct lookup_answer text_value(uint32_t tricks)
{
    return (struct lookup_answer){.kind = LOOKUP_VALUE_TEXT, .has_text = true, .tricks = tricks};
}

static struct lookup_answer throws(void)
{
    return (struct lookup_answer){.kind = LOOKUP_VALUE_THROWS};
}

static struct lookup_answer unset(struct lookup *l, struct span key)
{
    (void)l;
    (void)key;
    return (struct lookup_answer){.kind = LOOKUP_VALUE_NULL, .host_knows = true};
}

/* --- the dangerous ones ------------------------------------------------------------------------
 */

/* It throws; whether it was meant to do more is noted. */
static struct lookup_answer refuse(struct lookup *l, bool meant)
{
    l->found.refused = l->found.refused || meant;
    return throws();
}

static struct lookup_answer ask(void)
{
    return (struct lookup_answer){.kind = LOOKUP_VALUE_ASK};
}

static struct lookup_answer ask_script(struct lookup *l, struct span key)
{
    size_t colon = span_find_byte(key, 0, ':');
    if (colon == SPAN_NONE || colon == 0) {
        return refuse(l, span_find_byte(key, 0, '(') != SPAN_NONE);
    }
    return ask();
}

static struct lookup_answer ask_dns(struct lookup *l, struct span key)
{
    (void)l;
    (void)key;
    return ask();
}

struct span lookup_commons_url(struct span key)
{
    size_t colon = span_find_byte(key, 0, ':');
    struct span url = colon == SPAN_NONE ? (struct span){NULL, 0} : span_from(key, colon + 1);
    url = span_trim(url);
    return span_starts_nocase(url, SPAN("url:")) ? span_from(url, 4) : url;
}

/* Whether the JDK knows the protocol of a URL. */
static bool is_url(struct span url)
{
    static const struct span protocols[] = {
        SPAN_LITERAL("http:"), SPAN_LITERAL("https:"), SPAN_LITERAL("ftp:"),
        SPAN_LITERAL("file:"), SPAN_LITERAL("jar:"),
    };
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        if (span_starts_nocase(url, protocols[i])) {
            return true;
        }
    }
    return false;
}

static struct lookup_answer ask_url(struct lookup *l, struct span key)
{
    if (!is_url(lookup_commons_url(key))) {
        return refuse(l, span_find(key, 0, SPAN("://")) != SPAN_NONE);
    }
    return ask();
}

bool lookup_commons_reaches_network(struct span name)
{
    struct span key = span_from(name, span_find_byte(name, 0, ':') + 1);
    if (!span_starts(name, SPAN("url:"))) {
        return span_trim(key).len > 0;
    }
    struct span url = lookup_commons_url(key);
    bool jar = span_starts_nocase(url, SPAN("jar:"));
    return !span_starts_nocase(jar ? span_from(url, 4) : url, SPAN("file:"));
}

/* --- the others --------------------------------------------------------------------------------
 */

/* Whether java.util.Base64 takes it: no other characters, and padding, if any, to a whole group. */
static bool is_strict_base64(struct span text)
{
    size_t n = 0;
    while (n < text.len && base64_value(BASE64_STANDARD, text.data[n]) >= 0) {
        n++;
    }
    size_t n_pad = text.len - n;
    bool padding = n_pad <= 2 && (n_pad == 0 || (n + n_pad) % 4 == 0);
    for (size_t i = n; i < text.len; i++) {
        padding = padding && text.data[i] == '=';
    }
    return padding && n % 4 != 1;
}

static struct lookup_answer ask_base64_decoder(struct lookup *l, struct span key)
{
    if (!lookup_spend(l, key.len * LOOKUP_COST_CODER) || !is_strict_base64(key)) {
        return null_value();
    }
    uint32_t bits = 0;
    unsigned n_bits = 0;
    for (size_t i = 0; i < key.len && key.data[i] != '='; i++) {
        bits = bits << 6 | (uint32_t)base64_value(BASE64_STANDARD, key.data[i]);
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            utf8_add(&l->value, (uint8_t)(bits >> n_bits)); /* bytes are characters of ISO 8859-1 */
        }
    }
    return text_value(1u << TRICK_BASE64_DECODER);
}

static struct lookup_answer ask_base64_encoder(struct lookup *l, struct span key)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (!lookup_spend(l, key.len * LOOKUP_COST_CODER)) {
        return null_value();
    }
    for (size_t i = 0; i < key.len; i += 3) {
        size_t n = key.len - i < 3 ? key.len - i : 3;
        uint32_t bits = (uint32_t)span_at(key, i) << 16 | (uint32_t)span_at(key, i + 1) << 8 |
                        span_at(key, i + 2);
        for (size_t j = 0; j < 4; j++) {
            uint8_t c = (uint8_t)letters[bits >> (18 - 6 * j) & 63];
            sbuf_add_byte(&l->value, j <= n ? c : '=');
        }
    }
    return text_value(0);
}

/* java.net.URLDecoder; bytes that are no UTF-8 stay as they are. */
static struct lookup_answer ask_url_decoder(struct lookup *l, struct span key)
{
    if (!lookup_spend(l, key.len * LOOKUP_COST_CODER)) {
        return null_value();
    }
    for (size_t i = 0; i < key.len; i++) {
        uint8_t c = key.data[i];
        if (c == '%') {
            int high = byte_hex(span_at(key, i + 1));
            int low = byte_hex(span_at(key, i + 2));
            if (i + 2 >= key.len || high < 0 || low < 0) {
                sbuf_reset(&l->value);
                return throws();
            }
            c = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        sbuf_add_byte(&l->value, c);
    }
    return text_value(1u << TRICK_URL_DECODER);
}

static struct lookup_answer ask_url_encoder(struct lookup *l, struct span key)
{
    if (!lookup_spend(l, key.len * LOOKUP_COST_CODER)) {
        return null_value();
    }
    for (size_t i = 0; i < key.len; i++) {
        uint8_t c = key.data[i];
        if (byte_is_alnum(c) || c == '.' || c == '-' || c == '*' || c == '_') {
            sbuf_add_byte(&l->value, c);
        } else if (c == ' ') {
            sbuf_add_byte(&l->value, '+');
        } else {
            sbuf_add_format(&l->value, "%%%02X", (unsigned)c);
        }
    }
    return text_value(0);
}

static struct lookup_answer ask_date(struct lookup *l, struct span key)
{
    if (!lookup_spend(l, LOOKUP_COST_DATE + key.len * LOOKUP_COST_DATE_BYTE) ||
        !lookup_date(key, l->options->time_us, &l->value)) {
        sbuf_reset(&l->value);
        return throws();
    }
    return text_value(1u << TRICK_DATE);
}

static struct lookup_answer ask_java(struct lookup *l, struct span key)
{
    return lookup_host_value(l, SPAN("java:"), key) ? text_value(0) : throws();
}

static struct lookup_answer ask_localhost(struct lookup *l, struct span key)
{
    return lookup_host_value(l, SPAN("localhost:"), key) ? text_value(0) : throws();
}

static const struct prefix {
    struct span name;
    struct lookup_answer (*ask)(struct lookup *l, struct span key);
} prefixes[] = {
    {SPAN_LITERAL("script"), ask_script},
    {SPAN_LITERAL("dns"), ask_dns},
    {SPAN_LITERAL("url"), ask_url},
    {SPAN_LITERAL("base64Decoder"), ask_base64_decoder},
    {SPAN_LITERAL("base64"), ask_base64_decoder},
    {SPAN_LITERAL("base64Encoder"), ask_base64_encoder},
    {SPAN_LITERAL("urlDecoder"), ask_url_decoder},
    {SPAN_LITERAL("urlEncoder"), ask_url_encoder},
    {SPAN_LITERAL("date"), ask_date},
    {SPAN_LITERAL("java"), ask_java},
    {SPAN_LITERAL("localhost"), ask_localhost},
    {SPAN_LITERAL("env"), unset},
    {SPAN_LITERAL("sys"), unset},
    {SPAN_LITERAL("const"), unset},
    {SPAN_LITERAL("file"), unset},
    {SPAN_LITERAL("properties"), unset},
    {SPAN_LITERAL("resourceBundle"), unset},
    {SPAN_LITERAL("xml"), unset},
};

struct lookup_answer lookup_commons_answer_to(struct lookup *l, struct span name)
{
    sbuf_reset(&l->value);
    size_t colon = span_find_byte(name, 0, ':');
    const struct prefix *found = NULL;
    for (size_t i = 0; colon != SPAN_NONE && i < ARRAY_LEN(prefixes) && found == NULL; i++) {
        found = span_equal_nocase(span_head(name, colon), prefixes[i].name) ? &prefixes[i] : NULL;
    }
    if (found == NULL) {
        return null_value();
    }
    struct span key = span_from(name, colon + 1);
    struct lookup_answer a = found->ask(l, key);
    a.key = key;
    a.prefix = found->name;
    return a;
}

bool lookup_commons_begins(struct span name)
{
    static const struct span words[] = {
        SPAN_LITERAL("script:"),        SPAN_LITERAL("dns:"),    SPAN_LITERAL("url:"),
        SPAN_LITERAL("base64Decoder:"), SPAN_LITERAL("base64:"), SPAN_LITERAL("urlDecoder:"),
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (span_starts_nocase(name, words[i])) {
            return true;
        }
    }
    return false;
}

bool lookup_commons_may_ask(struct span text)
{
    size_t at = span_find(text, 0, SPAN("${"));
    while (at != SPAN_NONE) {
        if (lookup_commons_begins(span_from(text, at + 2))) {
            return true;
        }
        at = span_find(text, at + 2, SPAN("${"));
    }
    return false;
}

/* --- the class ---------------------------------------------------------------------------------
 */

/* Whether a reading asks something. */
static bool fires(struct lookup *l, struct span text, bool nests, const char *as)
{
    l->nests = nests;
    lookup_tell_reading(l, as);
    (void)lookup_read(l, text, 0);
    return l->found.names.n > 0;
}

static bool is_conditional(struct lookup *l, struct span text)
{
    if (fires(l, text, true, "where an application lets names nest")) {
        return true;
    }
    size_t n = lookup_count_unclosed(l, text);
    if (n > 0) {
        lookup_tell_reading(l, "with each missing '}' behind it");
    }
    if (n > 0 && lookup_fires_closed(l, text, n)) {
        return true;
    }
    l->nests = false;
    return (n > 0 && lookup_fires_closed(l, text, 1)) || lookup_fires_unescaped(l, text);
}

static bool is_attempt(struct lookup *l, struct span text, struct span *ret_attempt)
{
    struct lookup_found *found = &l->found;
    bool lost = !fires(l, text, false, "for what was meant as a look-up") && found->thrown;
    size_t from = found->thrown_from;
    size_t end = found->thrown_end;
    if (!lost || (!found->refused && !lookup_fires_behind_exception(l, text))) {
        return false;
    }
    if (!found->refused) {
        from = found->raw_off;
        end = from + found->raw_len;
    }
    found->has_raw = true;
    found->raw_off = from;
    found->raw_len = end - from;
    *ret_attempt = span_head(span_sub(text, from, end - from), LOOKUP_ATTEMPT_MAX);
    return true;
}

enum lookup_class lookup_commons_read(struct lookup *l, struct span text, struct span *ret_attempt)
{
    if (fires(l, text, false, "as it stands")) {
        return LOOKUP_ATTACK;
    }
    if (!l->over_budget && is_conditional(l, text)) {
        return LOOKUP_CONDITIONAL;
    }
    bool attempt = !l->over_budget && is_attempt(l, text, ret_attempt);
    lookup_list_reset(&l->found.names);
    lookup_list_reset(&l->found.variables);
    l->found.tricks = 0;
    l->found.depth = 0;
    return attempt ? LOOKUP_ATTEMPT : LOOKUP_NONE;
}
