/* redact: credentials and contents that are not to stand in a log.
 *
 * Where a value has a place of its own, as a cookie has, it is known by that place. Where bytes may
 * hold several things, as a whole head does, they are left out whole: a window into them may begin
 * within a value, whose name nobody sees then. Of addresses of the web only the parameters go that
 * are called so. The hash has a secret key, made at the start or from a salt: passwords are too
 * short for one that everybody can compute. */
#include "sensor/output/redact.h"

#include "sensor/base/bytes.h"
#include "sensor/base/sbuf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *word;
    enum redacted what;
} words[] = {
    {"authorization", REDACT_AUTHORIZATION},
    {"cookie", REDACT_COOKIE},
    {"password", REDACT_PASSWORD},
    {"body", REDACT_BODY},
};

static const struct {
    const char *name;
    enum redacted what;
} headers[] = {
    {"authorization", REDACT_AUTHORIZATION},
    {"proxy-authorization", REDACT_AUTHORIZATION},
    {"x-api-key", REDACT_AUTHORIZATION},
    {"x-auth-token", REDACT_AUTHORIZATION},
    {"cookie", REDACT_COOKIE},
    {"set-cookie", REDACT_COOKIE},
};

static const char *const passwords[] = {
    "password", "passwd", "pass", "pwd", "passphrase", "secret", "token", "api_key", "apikey",
};

static struct hash_key key_of(const char *salt)
{
    char text[2][256];
    for (unsigned i = 0; i < 2; i++) {
        (void)snprintf(text[i], sizeof(text[i]), "%u %s", i, salt);
    }
    return (struct hash_key){hash_fixed(span_str(text[0])), hash_fixed(span_str(text[1]))};
}

int redact_read(const struct config *config, struct redact *ret_redact, struct errbuf *err)
{
    struct redact r = {.hashed = strcmp(config->redact_as, "hash") == 0};
    for (size_t i = 0; i < config->redact.n; i++) {
        for (size_t k = 0; k < ARRAY_LEN(words); k++) {
            r.what |= strcmp(config->redact.items[i], words[k].word) == 0 ? words[k].what : 0;
        }
    }
    if (config->redact_salt[0] != '\0') {
        r.key = key_of(config->redact_salt);
    } else if (r.what != 0 && r.hashed) {
        int rc = hash_key_random(&r.key);
        if (rc != 0) {
            errbuf_add(err, "redact: no key for hashes: %s", strerror(-rc));
            return rc;
        }
    }
    *ret_redact = r;
    return 0;
}

/* Whether a word begins there: "user.password" of JSON, "login[password]" of a form, "newPassword"
 * of a program. */
static bool word_begins(struct span name, size_t at)
{
    uint8_t before = at > 0 ? span_at(name, at - 1) : '.';
    return span_find_byte(SPAN(".[_-"), 0, before) != SPAN_NONE ||
           (byte_is_upper(span_at(name, at)) && !byte_is_upper(before));
}

static bool is_password(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(passwords); i++) {
        struct span word = span_str(passwords[i]);
        size_t at = span_find_nocase(name, 0, word);
        while (at != SPAN_NONE) {
            struct span behind = span_from(name, at + word.len);
            if (word_begins(name, at) && (behind.len == 0 || span_at(behind, 0) == ']')) {
                return true;
            }
            at = span_find_nocase(name, at + 1, word);
        }
    }
    return false;
}

static unsigned of_header(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        if (span_equal_nocase(name, span_str(headers[i].name))) {
            return headers[i].what;
        }
    }
    return 0;
}

enum { NAME_MAX_BYTES = 256 };
enum { HEAD = REDACT_AUTHORIZATION | REDACT_COOKIE | REDACT_PASSWORD };
enum { ALL = HEAD | REDACT_BODY };

/* What bytes of a field may hold, whatever its item is called. */
static const struct {
    enum field_id field;
    unsigned what;
} fields[] = {
    {FIELD_HTTP_HEADER, HEAD},
    {FIELD_HTTP_COOKIE, REDACT_COOKIE},
    {FIELD_HTTP_URI, REDACT_PASSWORD},
    {FIELD_HTTP_URI_RAW, REDACT_PASSWORD},
    {FIELD_HTTP_REQUEST_LINE, REDACT_PASSWORD},
    {FIELD_HTTP_REFERER, REDACT_PASSWORD},
    {FIELD_HTTP_LOCATION, REDACT_PASSWORD},
    {FIELD_EMAIL_URL, REDACT_PASSWORD},
    {FIELD_HTTP_REQUEST_BODY, REDACT_BODY},
    {FIELD_HTTP_RESPONSE_BODY, REDACT_BODY},
    {FIELD_WEBSOCKET_PAYLOAD, ALL},
    {FIELD_SOCKS_PASSWORD, REDACT_PASSWORD},
    {FIELD_SMTP_COMMAND, REDACT_PASSWORD},
    {FIELD_EMAIL_BODY, REDACT_BODY},
    {FIELD_FILE_DATA, REDACT_BODY},
    {FIELD_LDAP_CREDENTIALS, REDACT_PASSWORD},
    {FIELD_LDAP_MESSAGE, REDACT_PASSWORD | REDACT_BODY},
    {FIELD_RMI_DATA, REDACT_BODY},
    {FIELD_STREAM_PAYLOAD, ALL},
    {FIELD_UDP_PAYLOAD, ALL},
};

static unsigned of_field(enum field_id field)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (fields[i].field == field) {
            return fields[i].what;
        }
    }
    return 0;
}

/* A whole body may hold a password; of one with a name that says so. */
static unsigned holds(enum field_id field, struct span item)
{
    unsigned what = of_field(field);
    if (field == FIELD_HTTP_REQUEST_BODY && item.len == 0) {
        return what | REDACT_PASSWORD;
    }
    if (field == FIELD_HTTP_REQUEST_HEADER || field == FIELD_HTTP_RESPONSE_HEADER ||
        field == FIELD_HTTP_TRAILER) {
        return what | of_header(item);
    }
    return what | (is_password(item) ? (unsigned)REDACT_PASSWORD : 0);
}

bool redact_wants(const struct redact *r, enum field_id field, struct span item)
{
    return r->what != 0 && (r->what & holds(field, item)) != 0;
}

bool redact_is_secret(const struct redact *r, enum field_id field, struct span item)
{
    return (r->what & holds(field, item) & ~(unsigned)REDACT_BODY) != 0;
}

size_t redact_value(const struct redact *r, struct span value, char ret_text[REDACTED_SIZE])
{
    int len = r->hashed ? snprintf(ret_text, REDACTED_SIZE, "[redacted, %zu bytes, %016" PRIx64 "]",
                                   value.len, hash_siphash(value, &r->key))
                        : snprintf(ret_text, REDACTED_SIZE, "[redacted, %zu bytes]", value.len);
    return len > 0 ? (size_t)len : 0;
}

/* The character at off, which may be percent-encoded (RFC 3986, section 2.1), and how long it is.
 */
static uint8_t char_at(struct span s, size_t off, size_t *ret_len)
{
    int high = byte_hex(span_at(s, off + 1));
    int low = byte_hex(span_at(s, off + 2));
    bool encoded = span_at(s, off) == '%' && high >= 0 && low >= 0;
    *ret_len = encoded ? 3 : 1;
    return (uint8_t)(encoded ? high << 4 | low : span_at(s, off));
}

/* The same of a name in an address. Nobody knows what a longer one is, so its value goes. */
static bool is_password_in_url(struct span name)
{
    uint8_t room[NAME_MAX_BYTES];
    size_t n = 0;
    size_t len;
    for (size_t at = 0; at < name.len && n < sizeof(room); at += len) {
        room[n++] = char_at(name, at, &len);
    }
    return n == sizeof(room) || is_password(span_of(room, n));
}

static size_t parameter_end(struct span s)
{
    size_t end = 0;
    while (end < s.len && span_find_byte(SPAN("&;#"), 0, span_at(s, end)) == SPAN_NONE) {
        end++;
    }
    return end;
}

void redact_url(const struct redact *r, struct span url, struct sbuf *out)
{
    size_t query = (r->what & REDACT_PASSWORD) != 0 ? span_find_byte(url, 0, '?') : SPAN_NONE;
    size_t at = query != SPAN_NONE ? query + 1 : url.len;
    sbuf_add(out, span_head(url, at));
    struct span rest = span_from(url, at);
    while (rest.len > 0) {
        size_t end = parameter_end(rest);
        struct span one = span_head(rest, end);
        size_t equals = span_find_byte(one, 0, '=');
        if (equals != SPAN_NONE && is_password_in_url(span_head(one, equals))) {
            char text[REDACTED_SIZE];
            size_t len = redact_value(r, span_from(one, equals + 1), text);
            sbuf_add(out, span_head(one, equals + 1));
            sbuf_add(out, span_of(text, len));
        } else {
            sbuf_add(out, one);
        }
        sbuf_add(out, span_sub(rest, end, 1));
        rest = span_from(rest, end + 1);
    }
}
