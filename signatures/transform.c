/* transform: what rules have done to a buffer before they look at it.
 *
 * As Suricata 8 documents it. Each reads the text that the one before it made. */
#include "signatures/transform.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/base64.h"
#include "sensor/codec/inflater.h"
#include "sensor/codec/uri.h"

#include <nettle/md5.h>
#include <nettle/nettle-meta.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>

struct span transform_bytes(struct span text, uint8_t (*change)(uint8_t), struct sbuf *to)
{
    sbuf_reset(to);
    for (size_t i = 0; i < text.len; i++) {
        sbuf_add_byte(to, change(text.data[i]));
    }
    return sbuf_span(to);
}

static struct span add_without_space(struct sbuf *to, struct span text, bool keep_one)
{
    bool space = false;
    sbuf_reset(to);
    for (size_t i = 0; i < text.len; i++) {
        bool is_space = byte_is_space(text.data[i]);
        if (!is_space) {
            sbuf_add_byte(to, text.data[i]);
        } else if (keep_one && !space) {
            sbuf_add_byte(to, ' ');
        }
        space = is_space;
    }
    return sbuf_span(to);
}

/* What stands before the colon of each line, in lower case. */
static struct span add_lower_names(struct sbuf *to, struct span text)
{
    bool name = true;
    sbuf_reset(to);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        name = c == '\n' || (name && c != ':');
        sbuf_add_byte(to, name ? byte_lower(c) : c);
    }
    return sbuf_span(to);
}

static bool is_base64(struct span text, size_t i)
{
    return base64_value(BASE64_STANDARD, span_at(text, i)) >= 0;
}

/* The part of a text that RFC 4648 lets be decoded: to the first byte that is not of the alphabet.
 */
static struct span plain_base64(struct span text, bool strict)
{
    size_t n = 0;
    while (n < text.len && is_base64(text, n)) {
        n++;
    }
    size_t n_pads = 0;
    while (n_pads < 2 && span_at(text, n + n_pads) == '=') {
        n_pads++;
    }
    bool whole = n + n_pads == text.len && text.len % 4 == 0;
    return strict && !whole ? span_of(NULL, 0) : span_head(text, n);
}

static struct span add_from_base64(struct sbuf *to, struct span text, const struct rule_step *step)
{
    struct base64 decoder = base64_start(BASE64_STANDARD);
    text = span_head(span_from(text, step->offset), step->bytes);
    if (step->mode != RULE_BASE64_RFC2045) {
        text = plain_base64(text, step->mode == RULE_BASE64_STRICT);
    }
    sbuf_reset(to);
    base64_decode(&decoder, text, to);
    base64_finish(&decoder, to);
    return sbuf_span(to);
}

static struct span add_sum(struct sbuf *to, struct span text, const struct nettle_hash *hash)
{
    union {
        struct md5_ctx md5;
        struct sha1_ctx sha1;
        struct sha256_ctx sha256;
    } state;
    uint8_t sum[SHA256_DIGEST_SIZE];
    hash->init(&state);
    hash->update(&state, text.len, text.data);
    hash->digest(&state, hash->digest_size, sum);
    sbuf_reset(to);
    sbuf_add(to, span_of(sum, hash->digest_size));
    return sbuf_span(to);
}

/* The key is repeated as often as need be. */
static struct span add_xor(struct sbuf *to, struct span text, struct span key)
{
    sbuf_reset(to);
    for (size_t i = 0; i < text.len; i++) {
        sbuf_add_byte(to, text.data[i] ^ key.data[i % key.len]);
    }
    return sbuf_span(to);
}

static bool is_compressed(struct span text, bool gzip)
{
    unsigned head = (unsigned)(span_at(text, 0) << 8 | span_at(text, 1));
    return gzip ? head == 0x1f8b /* RFC 1952 §2.3.1 */
                : (head & 0x0f00) == 0x0800 && head % 31 == 0 /* RFC 1950 §2.2 */;
}

/* One stream, as far as it can be read. A text that is none stays: of bodies the encoding that
 * their head tells was undone before. */
static struct span add_inflated(struct sbuf *to, struct span text, const struct rule_step *step)
{
    bool gzip = step->how == TRANSFORM_GUNZIP;
    struct inflater *inflater =
        is_compressed(text, gzip) ? inflater_new(gzip ? INFLATER_GZIP : INFLATER_DEFLATE) : NULL;
    enum inflater_result r = INFLATER_FULL;
    struct span in = text;
    sbuf_reset(to);
    if (inflater == NULL) {
        return text;
    }
    while (r == INFLATER_FULL && to->len < step->bytes && !to->cut) {
        struct span out = {NULL, 0};
        r = inflater_next(inflater, &in, &out);
        sbuf_add(to, span_head(out, step->bytes - to->len));
    }
    inflater_free(&inflater);
    return sbuf_span(to);
}

static struct span captured(const struct rule_step *step, struct span text,
                            struct regex_scratch *scratch)
{
    struct span part;
    return regex_capture(step->regex, scratch, text, &part) ? part : text;
}

struct span transform(const struct rule_step *step, struct span text, struct regex_scratch *scratch,
                      struct sbuf *to)
{
    switch (step->how) {
    case TRANSFORM_DOTPREFIX:
        sbuf_reset(to);
        sbuf_add_byte(to, '.');
        sbuf_add(to, text);
        return sbuf_span(to);
    case TRANSFORM_TO_LOWERCASE:
        return transform_bytes(text, byte_lower, to);
    case TRANSFORM_TO_UPPERCASE:
        return transform_bytes(text, byte_upper, to);
    case TRANSFORM_STRIP_WHITESPACE:
        return add_without_space(to, text, false);
    case TRANSFORM_COMPRESS_WHITESPACE:
        return add_without_space(to, text, true);
    case TRANSFORM_URL_DECODE:
        sbuf_reset(to);
        (void)uri_decode(text, URI_PERCENT | URI_PLUS, to);
        return sbuf_span(to);
    case TRANSFORM_FROM_BASE64:
        return add_from_base64(to, text, step);
    case TRANSFORM_HEADER_LOWERCASE:
        return add_lower_names(to, text);
    case TRANSFORM_TO_MD5:
        return add_sum(to, text, &nettle_md5);
    case TRANSFORM_TO_SHA1:
        return add_sum(to, text, &nettle_sha1);
    case TRANSFORM_TO_SHA256:
        return add_sum(to, text, &nettle_sha256);
    case TRANSFORM_XOR:
        return add_xor(to, text, step->key);
    case TRANSFORM_PCREXFORM:
        return captured(step, text, scratch);
    case TRANSFORM_GUNZIP:
    case TRANSFORM_ZLIB_DEFLATE:
        return add_inflated(to, text, step);
    case TRANSFORM_NONE:
        return text;
    }
    return text;
}
