/* target: a request target as rules are written for it.
 *
 * Rules of Suricata are written against what libhtp makes of a target, which is what a lenient web
 * server would look for: scheme and host of an absolute target are cut, percent signs (also %u) are
 * undone once, backslashes are slashes, overlong UTF-8 is the letter that it hides, several slashes
 * are one, and dot segments are carried out (RFC 3986 section 5.2.4; unlike there a dot segment at
 * the end leaves no slash). The query is only percent-decoded; a plus stays one. */
#include "signatures/target.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/uri.h"

/* Where the path ends. */
static size_t path_len(struct span target)
{
    size_t query = span_find_byte(target, 0, '?');
    size_t fragment = span_find_byte(span_head(target, query), 0, '#');
    size_t end = fragment != SPAN_NONE ? fragment : query;
    return end != SPAN_NONE ? end : target.len;
}

/* Cuts "scheme://authority" off. */
static struct span without_authority(struct span target)
{
    size_t colon = span_find_byte(target, 0, ':');
    bool absolute = colon != SPAN_NONE && span_at(target, 0) != '/' &&
                    span_starts(span_from(target, colon), SPAN("://"));
    for (size_t i = 0; absolute && i < colon; i++) {
        uint8_t c = span_at(target, i);
        absolute = byte_is_alnum(c) || c == '+' || c == '-' || c == '.';
    }
    if (!absolute) {
        return target;
    }
    struct span rest = span_from(target, colon + 3);
    size_t len = path_len(rest);
    size_t slash = span_find_byte(span_head(rest, len), 0, '/');
    return span_from(rest, slash != SPAN_NONE ? slash : len);
}

bool target_is_normal(struct span target)
{
    uint8_t last = 0;
    for (size_t i = 0; i < target.len; i++) {
        uint8_t c = span_at(target, i);
        if (c == '?' || c == '#') {
            return true; /* what follows is decoded as it stands */
        }
        if (c == '%' || c == '\\' || c >= 0x80 || (last == '/' && (c == '/' || c == '.')) ||
            (i == 0 && c != '/')) {
            return false;
        }
        last = c;
    }
    return true;
}

/* The length of an overlong form of an ASCII letter at off, which is *ret_byte; 0: none. */
static size_t overlong(struct span text, size_t off, uint8_t *ret_byte)
{
    uint8_t a = span_at(text, off);
    uint8_t b = span_at(text, off + 1);
    uint8_t c = span_at(text, off + 2);
    if ((a & 0xfe) == 0xc0 && (b & 0xc0) == 0x80 && off + 1 < text.len) {
        *ret_byte = (uint8_t)((a & 1) << 6 | (b & 0x3f));
        return 2;
    }
    if (a == 0xe0 && (b & 0xfe) == 0x80 && (c & 0xc0) == 0x80 && off + 2 < text.len) {
        *ret_byte = (uint8_t)((b & 1) << 6 | (c & 0x3f));
        return 3;
    }
    return 0;
}

/* One byte for each letter, one slash for several. */
static void add_plain(struct sbuf *to, struct span path)
{
    uint8_t last = 0;
    for (size_t i = 0; i < path.len;) {
        uint8_t c = span_at(path, i);
        size_t n = overlong(path, i, &c);
        i += n > 0 ? n : 1;
        c = c == '\\' ? '/' : c;
        if (c != '/' || last != '/') {
            sbuf_add_byte(to, c);
        }
        last = c;
    }
}

/* Takes the last segment away, and its slash. */
static void drop_segment(struct sbuf *to)
{
    size_t slash = span_rfind_byte(sbuf_span(to), '/');
    sbuf_shorten(to, slash == SPAN_NONE ? 0 : slash);
}

static void add_segments(struct sbuf *to, struct span path)
{
    bool first = true;
    bool dots = false;
    while (path.len > 0 || first) {
        bool rooted = span_at(path, 0) == '/';
        path = span_from(path, rooted ? 1 : 0);
        size_t slash = span_find_byte(path, 0, '/');
        struct span segment = span_head(path, slash);
        path = slash == SPAN_NONE ? (struct span){0} : span_from(path, slash);
        bool up = span_equal(segment, SPAN(".."));
        if (up) {
            drop_segment(to);
        } else if (!span_equal(segment, SPAN(".")) && (segment.len > 0 || !dots)) {
            sbuf_add(to, rooted ? SPAN("/") : (struct span){0});
            sbuf_add(to, segment);
        }
        dots = up || span_equal(segment, SPAN("."));
        first = false;
    }
}

static void add_path(struct span path, struct sbuf *to, struct sbuf *scratch)
{
    sbuf_reset(to);
    (void)uri_decode(path, URI_PERCENT | URI_PERCENT_U, to);
    sbuf_reset(scratch);
    add_plain(scratch, sbuf_span(to));
    sbuf_reset(to);
    if (scratch->len > 0) {
        add_segments(to, sbuf_span(scratch));
    }
}

struct span target_path(struct span target, struct sbuf *to, struct sbuf *scratch)
{
    target = without_authority(target);
    add_path(span_head(target, path_len(target)), to, scratch);
    return sbuf_span(to);
}

struct span target_normal(struct span target, struct sbuf *to, struct sbuf *scratch)
{
    target = without_authority(target);
    size_t len = path_len(target);
    add_path(span_head(target, len), to, scratch);
    (void)uri_decode(span_from(target, len), URI_PERCENT, to);
    return sbuf_span(to);
}
