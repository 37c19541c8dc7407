/* canaries: rules for tokens that decoys gave away, and for addresses that nobody has.
 *
 * A token is looked for in everything that rules see, in both directions: a login or a cookie that
 * was read off a decoy, a page or a mail that passes a list of them on. The flow in which its own
 * listener gives it away is where it belongs. */
#include "sensor/app/canaries.h"

#include "sensor/base/bytes.h"

#include <errno.h>

enum { SID_CANARY = 9002001, SID_TRAP = 9003001, TOKEN_MIN = 8, TOKEN_MAX = 128, NAME_MAX = 96 };

#define METADATA_KEY "canary"

/* What needs no escape in a rule, and is not cut at a blank. */
static bool is_plain(struct span s, const char *also)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!byte_is_alnum(s.data[i]) &&
            span_find_byte(span_str(also), 0, s.data[i]) == SPAN_NONE) {
            return false;
        }
    }
    return true;
}

/* "TOKEN" or "TOKEN NAME". */
static bool split_canary(const char *text, struct span *ret_token, struct span *ret_name)
{
    struct span name = span_str(text);
    struct span token = span_split(&name, ' ');
    name = span_trim(name);
    if (token.len < TOKEN_MIN || token.len > TOKEN_MAX || !is_plain(token, "-_.+@") ||
        name.len > NAME_MAX || !is_plain(name, "-_.:*[]/@")) {
        return false;
    }
    *ret_token = token;
    *ret_name = name.len > 0 ? name : SPAN("unnamed");
    return true;
}

static int add_canary(const char *text, unsigned sid, struct sbuf *rules, struct errbuf *err)
{
    struct span token;
    struct span name;
    if (!split_canary(text, &token, &name)) {
        errbuf_add(err,
                   "honeypot.canaries: '%s' is no token of %d to %d letters, digits, - _ . + and "
                   "@, with the name of its listener behind a blank; see --honeypot-canaries",
                   text, TOKEN_MIN, TOKEN_MAX);
        return -EINVAL;
    }
    (void)sbuf_add_format(rules,
                          "alert ip any any -> any any (msg:\"Honeypot canary seen elsewhere\"; "
                          "content:\"%.*s\"; nocase; classtype:successful-recon-limited; "
                          "priority:1; metadata:" METADATA_KEY " %.*s, listener %.*s; sid:%u; "
                          "rev:1;)\n",
                          (int)token.len, (const char *)token.data, (int)token.len,
                          (const char *)token.data, (int)name.len, (const char *)name.data, sid);
    return 0;
}

/* An address as envelopes have it, without its brackets. */
static bool is_address(struct span s)
{
    size_t at = span_find_byte(s, 0, '@');
    return s.len <= TOKEN_MAX && at != SPAN_NONE && at > 0 && at + 1 < s.len &&
           span_find_byte(s, at + 1, '@') == SPAN_NONE && is_plain(s, "-_.+=@");
}

static int add_trap(const char *text, unsigned sid, struct sbuf *rules, struct errbuf *err)
{
    struct span address = span_str(text);
    if (!is_address(address)) {
        errbuf_add(err,
                   "honeypot.spam_traps: '%s' is no mail address of letters, digits, - _ . + = "
                   "and one @; example: trap@example.org",
                   text);
        return -EINVAL;
    }
    (void)sbuf_add_format(rules,
                          "alert smtp any any -> any any (msg:\"Mail to a spam trap\"; "
                          "smtp.rcpt_to; content:\"<%.*s>\"; nocase; classtype:misc-attack; "
                          "metadata:spam_trap %.*s; sid:%u; rev:1;)\n",
                          (int)address.len, (const char *)address.data, (int)address.len,
                          (const char *)address.data, sid);
    return 0;
}

/* The rules of one list. */
static int add_all(const struct config_list *list, unsigned first_sid,
                   int (*add)(const char *, unsigned, struct sbuf *, struct errbuf *),
                   struct sbuf *rules, struct errbuf *err)
{
    int worst = 0;
    for (size_t i = 0; i < list->n && i < CANARIES_MAX; i++) {
        int rc = add(list->items[i], first_sid + (unsigned)i, rules, err);
        worst = rc != 0 ? rc : worst;
    }
    return worst;
}

static int check_number(const struct config_list *list, const char *key, struct errbuf *err)
{
    if (list->n <= CANARIES_MAX) {
        return 0;
    }
    errbuf_add(err, "%s: %zu entries are too many: %d are possible", key, list->n, CANARIES_MAX);
    return -E2BIG;
}

int canaries_rules(const struct config *config, struct sbuf *text, struct errbuf *err)
{
    const struct config_list *canaries = &config->honeypot_canaries;
    const struct config_list *traps = &config->honeypot_spam_traps;
    const int rcs[] = {check_number(canaries, "honeypot.canaries", err),
                       check_number(traps, "honeypot.spam_traps", err),
                       add_all(canaries, SID_CANARY, add_canary, text, err),
                       add_all(traps, SID_TRAP, add_trap, text, err)};
    for (size_t i = 0; i < ARRAY_LEN(rcs); i++) {
        if (rcs[i] != 0) {
            return rcs[i];
        }
    }
    return text->cut ? -ENOMEM : 0;
}

bool canaries_at_home(const struct conn *conn, const struct finding *finding)
{
    const struct signature *s = finding->signature;
    const struct decoy *decoy = conn_extra(conn)->decoy;
    if (decoy == NULL || s->sid < SID_CANARY || s->sid >= SID_CANARY + CANARIES_MAX) {
        return false;
    }
    struct span own = span_str(decoy->canary);
    for (size_t i = 0; i < s->n_metadata; i++) {
        if (span_equal(s->metadata[i].key, SPAN(METADATA_KEY))) {
            return own.len == 0 || span_equal(s->metadata[i].value, own);
        }
    }
    return false;
}
