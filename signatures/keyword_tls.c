/* keyword_tls: versions of TLS, as Suricata writes them.
 *
 * tls.version and ssl_version are contents of the buffer tls.version: the version that the hello of
 * the direction at hand says. Lists of versions are not taken. */
#include "sensor/base/bytes.h"
#include "signatures/rule_parse.h"

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
    struct group_parse *before = p->group;
    p->group = rule_group_for(p, (enum buffer)FIELD_TLS_VERSION);
    struct rule_test *t = p->group != NULL ? rule_test_add(p, RULE_CONTENT) : NULL;
    p->group = before;
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

/* ssl_version:[!]tls1.2 */
bool keyword_ssl_version(struct rule_parse *p, struct span value)
{
    bool negated = span_at(value, 0) == '!';
    struct span name = span_from(value, negated);
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        if (span_equal_nocase(name, span_str(versions[i].ssl_name))) {
            return ask_version(p, versions[i].text, negated);
        }
    }
    return rule_mistake(p, "is one of sslv3, tls1.0, tls1.1, tls1.2 and tls1.3, not '%s'",
                        rule_shown(value).text);
}
