/* base64: RFC 4648 sections 4 and 5, read as mail programs and lenient libraries read it.
 *
 * Lines, and blocks of 32 characters, go through what the processor has for them (base64_fast.h).
 * Other whole groups of four go through a table of 32-bit words with a character's six bits; a byte
 * outside the alphabet sets the top bit, so that one test covers the group. Only groups with
 * something else in them (line ends, padding, junk) take the path for single characters.
 *
 * Nothing is refused: missing padding, padding in the middle (two encoded texts one after the
 * other), bits left over in the last character, and blanks or any other character in between are
 * all read, since the reader behind us would. */
#include "sensor/codec/base64_fast.h"

#define BAD BASE64_BAD

enum {
    GROUP = 4,
    GROUP_BYTES = 3,
    BLOCK_GROUPS = 1024,
    FAST_ROOM = BLOCK_GROUPS * GROUP_BYTES + BASE64_FAST_BLOCK,
};

static const uint32_t values[3][256] = {
    [BASE64_STANDARD] = {BASE64_ROW256(BASE64_V_STANDARD)},
    [BASE64_URL] = {BASE64_ROW256(BASE64_V_URL)},
    [BASE64_EITHER] = {BASE64_ROW256(BASE64_V_EITHER)},
};

struct base64 base64_start(enum base64_alphabet alphabet)
{
    return (struct base64){.alphabet = alphabet};
}

int base64_value(enum base64_alphabet alphabet, uint8_t c)
{
    uint32_t v = values[alphabet][c];
    return v == BAD ? -1 : (int)v;
}

static void flush(struct base64 *d, struct sbuf *out)
{
    if (d->n == 2) {
        sbuf_add_byte(out, (uint8_t)(d->bits >> 4));
    } else if (d->n == 3) {
        sbuf_add_byte(out, (uint8_t)(d->bits >> 10));
        sbuf_add_byte(out, (uint8_t)(d->bits >> 2));
    }
    d->bits = 0;
    d->n = 0;
}

static void one_char(struct base64 *d, uint8_t c, struct sbuf *out)
{
    uint32_t v = values[d->alphabet][c];
    if (v != BAD) {
        d->bits = (d->bits << 6 | v) & 0xffffff;
        d->n++;
        if (d->n == GROUP) {
            uint8_t bytes[GROUP_BYTES] = {(uint8_t)(d->bits >> 16), (uint8_t)(d->bits >> 8),
                                          (uint8_t)d->bits};
            sbuf_add(out, span_of(bytes, sizeof(bytes)));
            d->n = 0;
            d->bits = 0;
        }
    } else if (c == '=') {
        flush(d, out);
    } else if (c != '\r' && c != '\n') {
        d->n_junk++;
    }
}

/* Decodes whole groups from the start of `in` until one has another character in it; returns the
 * characters taken. */
static size_t groups(enum base64_alphabet alphabet, struct span in, struct sbuf *out)
{
    const uint32_t *table = values[alphabet];
    size_t n = in.len / GROUP < BLOCK_GROUPS ? in.len / GROUP : BLOCK_GROUPS;
    uint8_t *to = n > 0 ? sbuf_reserve(out, n * GROUP_BYTES + BASE64_FAST_BLOCK) : NULL;
    if (to == NULL) {
        return 0;
    }
    size_t i = base64_fast(alphabet, span_head(in, n * GROUP), to) / GROUP;
    for (; i < n; i++) {
        uint32_t a = table[in.data[i * GROUP]];
        uint32_t b = table[in.data[i * GROUP + 1]];
        uint32_t c = table[in.data[i * GROUP + 2]];
        uint32_t e = table[in.data[i * GROUP + 3]];
        if (((a | b | c | e) & BAD) != 0) {
            break;
        }
        uint32_t bits = a << 18 | b << 12 | c << 6 | e;
        to[i * GROUP_BYTES] = (uint8_t)(bits >> 16);
        to[i * GROUP_BYTES + 1] = (uint8_t)(bits >> 8);
        to[i * GROUP_BYTES + 2] = (uint8_t)bits;
    }
    sbuf_commit(out, i * GROUP_BYTES);
    return i * GROUP;
}

/* How many bytes of line ends stand at the front. */
static size_t line_end(struct span in)
{
    size_t n = 0;
    while (span_at(in, n) == '\r' || span_at(in, n) == '\n') {
        n++;
    }
    return n;
}

/* Decodes lines as long as nothing else stands in them; returns the characters taken. */
static size_t lines(struct base64 *d, struct span in, struct sbuf *out)
{
    struct span part = span_head(in, BASE64_LINES_MAX);
    uint8_t *to = sbuf_reserve(out, part.len + BASE64_LINES_MORE);
    size_t len = 0;
    size_t taken = to != NULL ? base64_lines(d, part, to, &len) : 0;
    sbuf_commit(out, len);
    return taken;
}

void base64_decode(struct base64 *d, struct span in, struct sbuf *out)
{
    const bool has_lines = base64_has_lines();
    size_t off = 0;
    while (off < in.len && !out->cut) {
        size_t room = out->cap - out->len;
        if (has_lines && in.len - off >= BASE64_FAST_BLOCK && room >= FAST_ROOM) {
            size_t taken = lines(d, span_from(in, off), out);
            off += taken;
            if (taken > 0) {
                continue;
            }
        }
        if (d->n == 0 && in.len - off >= GROUP && room >= FAST_ROOM) {
            off += groups(d->alphabet, span_from(in, off), out);
            size_t n_end = line_end(span_from(in, off));
            off += n_end;
            if (n_end > 0) {
                continue;
            }
        }
        /* The group that stopped the fast path, or the rest near the cap. */
        for (unsigned i = 0; off < in.len && (i < GROUP || d->n != 0); i++) {
            one_char(d, in.data[off++], out);
        }
    }
}

void base64_finish(struct base64 *d, struct sbuf *out)
{
    flush(d, out);
}
