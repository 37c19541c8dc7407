/* keyword_tls: versions of TLS, as Suricata writes them.
 *
 * tls.version and ssl_version are contents of the buffer tls.version: the version that the hello of
 * the direction at hand says. */
#include "sensor/base/bytes.h"
#include "signatures/rule_parse.h"

enum { ANY_MAX = 256 };

static const struct {
    const char *tls_name; /* NULL: tls.version has none */
    const char *ssl_name;
    const char *text;
} versions[] = {
    {NULL, "sslv3", "SSLv3"},     {"1.0", "tls1.0", "TLSv1"},   {"1.1", "tls1.1", "TLS 1.1"},
    {"1.2", "tls1.2", "TLS 1.2"}, {"1.3", "tls1.3", "TLS 1.3"},
};

static bool ask_version(struct rule_parse *p, const char *text, bool negated)
{
    struct rule_test *t = rule_test_in(p, (enum buffer)FIELD_TLS_VERSION, RULE_CONTENT);
    p->last = NULL;
    if (t == NULL) {
        return false;
    }
    t->negated = negated;
    t->content.bytes = span_str(text);
    t->content.starts = true;
    t->content.ends = true;
    return true;
}

/* tls.version:1.2, also in quotes */
bool keyword_tls_version(struct rule_parse *p, struct span value)
{
    struct span name = value;
    if (span_at(value, 0) == '"' && !rule_unquote(p, value, &name)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        if (versions[i].tls_name != NULL && span_equal(name, span_str(versions[i].tls_name))) {
            return ask_version(p, versions[i].text, false);
        }
    }
    return rule_mistake(p, "is 1.0, 1.1, 1.2 or 1.3, not '%s'", rule_shown(value).text);
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

/* Any of several: an expression, "^(?:TLSv1|TLS 1.1)$". */
static bool ask_any(struct rule_parse *p, struct span list)
{
    struct sbuf text = sbuf_with_cap(ANY_MAX);
    sbuf_add_str(&text, "^(?:");
    for (size_t n = 0; list.len > 0; n++) {
        const char *one = ssl_text(span_trim(span_split(&list, ',')));
        sbuf_add_str(&text, n > 0 ? "|" : "");
        sbuf_add_str(&text, one != NULL ? one : "");
    }
    sbuf_add_str(&text, ")$");
    char why[REGEX_WHY_SIZE];
    struct regex *regex = text.cut ? NULL : regex_new(sbuf_span(&text), 0, why);
    struct rule_test *t =
        regex != NULL ? rule_test_in(p, (enum buffer)FIELD_TLS_VERSION, RULE_PCRE) : NULL;
    p->last = NULL;
    if (t != NULL) {
        t->pcre.regex = regex;
        t->pcre.text = arena_copy(p->set->arena, sbuf_span(&text), SIZE_MAX, NULL);
    } else {
        regex_free(&regex);
    }
    sbuf_free(&text);
    return t != NULL || rule_mistake(p, "too many versions");
}

/* ssl_version:tls1.0,tls1.1 (any of them), or ssl_version:!tls1.0,!tls1.1 (none of them) */
bool keyword_ssl_version(struct rule_parse *p, struct span value)
{
    bool negated = span_at(value, 0) == '!';
    size_t n = 0;
    struct span rest = value;
    while (rest.len > 0) {
        struct span name = span_trim(span_split(&rest, ','));
        bool not = span_at(name, 0) == '!';
        if (not != negated || ssl_text(span_from(name, not )) == NULL) {
            return rule_mistake(
                p,
                "is some of sslv3, tls1.0, tls1.1, tls1.2 and tls1.3, all with '!' or none: '%s'",
                rule_shown(value).text);
        }
        n++;
    }
    if (!negated && n > 1) {
        return ask_any(p, value);
    }
    bool good = true;
    while (good && value.len > 0) {
        struct span name = span_trim(span_split(&value, ','));
        good = ask_version(p, ssl_text(span_from(name, negated)), negated);
    }
    return good;
}
