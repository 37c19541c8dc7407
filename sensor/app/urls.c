/* urls: http, https and ftp URLs in the texts of mails, as events list them.
 *
 * A URL begins with its scheme and "://" and goes on to a byte that no URL has (RFC 3986 section 2)
 * or that ends one in text and HTML. A URL longer than URL_CAP is told as far as that; of a mail
 * URLS_MAX different ones are told. Only colons are looked for, so that texts without any cost
 * little. */
#include "sensor/app/urls.h"

#include "sensor/base/bytes.h"
#include "sensor/base/hash.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"

enum { URLS_MAX = 32, URL_CAP = 512, SCHEME_MAX = 5 };

struct urls {
    struct sbuf before; /* the last bytes seen, in lower case: a scheme may be among them */
    struct sbuf url;    /* of the URL at hand, from its scheme on; empty: none */
    unsigned n_slashes; /* behind its colon, as far as they came */
    uint64_t told[URLS_MAX];
    unsigned n_told;
};

static struct urls *get(struct urls **urls)
{
    if (*urls == NULL) {
        *urls = mem_alloc(sizeof(**urls));
        if (*urls != NULL) {
            (*urls)->before = sbuf_with_cap(SCHEME_MAX);
            (*urls)->url = sbuf_with_cap(URL_CAP);
        }
    }
    return *urls;
}

void urls_free(struct urls **urls)
{
    if (*urls != NULL) {
        sbuf_free(&(*urls)->before);
        sbuf_free(&(*urls)->url);
        mem_free(*urls);
        *urls = NULL;
    }
}

static bool is_url_byte(uint8_t c)
{
    return c > ' ' && c < 0x7f && c != '"' && c != '\'' && c != '<' && c != '>' && c != ')' &&
           c != ']' && c != '\\' && c != '`';
}

static void tell(struct urls *u, const struct urls_user *user, struct tx *tx)
{
    struct span url = sbuf_span(&u->url);
    while (url.len > 0 && (span_at(url, url.len - 1) == '.' || span_at(url, url.len - 1) == ',')) {
        url.len--; /* the end of a sentence */
    }
    uint64_t hash = hash_fixed(url);
    bool known = u->n_told == URLS_MAX;
    for (unsigned i = 0; i < u->n_told && !known; i++) {
        known = u->told[i] == hash;
    }
    if (!known) {
        u->told[u->n_told++] = hash;
        user->url(user->ctx, tx, url);
    }
}

/* The scheme that the bytes end with; empty when they end with none. */
static struct span scheme_at_end(struct span bytes)
{
    static const struct span schemes[] = {SPAN_LITERAL("https"), SPAN_LITERAL("http"),
                                          SPAN_LITERAL("ftp")};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t len = schemes[i].len;
        if (bytes.len >= len && span_equal_nocase(span_from(bytes, bytes.len - len), schemes[i])) {
            return schemes[i];
        }
    }
    return (struct span){0};
}

/* Remembers the last bytes of what was passed. */
static void remember(struct urls *u, struct span passed)
{
    struct span end = span_from(passed, passed.len > SCHEME_MAX ? passed.len - SCHEME_MAX : 0);
    size_t n_old = SCHEME_MAX - end.len;
    sbuf_drop(&u->before, u->before.len > n_old ? u->before.len - n_old : 0);
    sbuf_add(&u->before, end);
}

/* Up to a colon that a scheme stands in front of. */
static struct span look_for_colon(struct urls *u, struct span in)
{
    size_t colon = span_find_byte(in, 0, ':');
    remember(u, span_head(in, colon));
    if (colon == SPAN_NONE) {
        return (struct span){0};
    }
    struct span scheme = scheme_at_end(sbuf_span(&u->before));
    sbuf_reset(&u->before);
    if (scheme.len > 0) {
        sbuf_add(&u->url, scheme);
        sbuf_add_byte(&u->url, ':');
        u->n_slashes = 0;
    }
    return span_from(in, colon + 1);
}

static struct span take_slash(struct urls *u, struct span in)
{
    if (span_at(in, 0) != '/') {
        sbuf_reset(&u->url);
        return in;
    }
    u->n_slashes++;
    sbuf_add_byte(&u->url, '/');
    return span_from(in, 1);
}

static struct span take_url(struct urls *u, const struct urls_user *user, struct tx *tx,
                            struct span in)
{
    size_t n = 0;
    while (n < in.len && is_url_byte(span_at(in, n))) {
        n++;
    }
    sbuf_add(&u->url, span_head(in, n));
    if (n < in.len) {
        tell(u, user, tx);
        sbuf_reset(&u->url);
    }
    return span_from(in, n);
}

static void end_text(struct urls *u, const struct urls_user *user, struct tx *tx)
{
    if (u->url.len > 0 && u->n_slashes == 2) {
        tell(u, user, tx);
    }
    sbuf_reset(&u->url);
    sbuf_reset(&u->before);
}

void urls_region(struct urls **urls, const struct urls_user *user, struct tx *tx,
                 const struct region *region)
{
    if (region->kind != REGION_BODY || region->field != FIELD_EMAIL_BODY || get(urls) == NULL) {
        return;
    }
    struct urls *u = *urls;
    struct span in = region->bytes;
    if ((region->flags & REGION_AFTER_GAP) != 0) {
        end_text(u, user, tx);
    }
    while (in.len > 0 && u->n_told < URLS_MAX) {
        if (u->url.len == 0) {
            in = look_for_colon(u, in);
        } else if (u->n_slashes < 2) {
            in = take_slash(u, in);
        } else {
            in = take_url(u, user, tx, in);
        }
    }
    if ((region->flags & REGION_LAST) != 0) {
        end_text(u, user, tx);
    }
}
