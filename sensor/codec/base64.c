/* base64: RFC 4648 sections 4 and 5, read as mail programs and lenient libraries read it.
 *
 * Blocks of 32 characters go through what the processor has for it (base64_fast.h). Other whole
 * groups of four go through a table of 32-bit words with a character's six bits; a byte outside the
 * alphabet sets the top bit, so that one test covers the group. Only groups with something else in
 * them (line ends, padding, junk) take the path for single characters.
 *
 * Nothing is refused: missing padding, padding in the middle (two encoded texts one after the
 * other), bits left over in the last character, and blanks or any other character in between are
 * all read, since the reader behind us would. */
#include "sensor/codec/base64_fast.h"

enum {
    GROUP = 4,
    GROUP_BYTES = 3,
    BLOCK_GROUPS = 1024,
    FAST_ROOM = BLOCK_GROUPS * GROUP_BYTES + BASE64_FAST_BLOCK,
};

#define BAD 0x80000000u

/* The value of c, or BAD. */
#define PLAIN(c)                                                                                   \
    ((c) >= 'A' && (c) <= 'Z'   ? (uint32_t)(c) - 'A'                                              \
     : (c) >= 'a' && (c) <= 'z' ? (uint32_t)(c) - 'a' + 26                                         \
     : (c) >= '0' && (c) <= '9' ? (uint32_t)(c) - '0' + 52                                         \
                                : BAD)
#define V_STANDARD(c) ((c) == '+' ? 62u : (c) == '/' ? 63u : PLAIN(c))
#define V_URL(c)      ((c) == '-' ? 62u : (c) == '_' ? 63u : PLAIN(c))
#define V_EITHER(c)   ((c) == '+' || (c) == '-' ? 62u : (c) == '/' || (c) == '_' ? 63u : PLAIN(c))

#define ROW4(v, c)  v(c), v((c) + 1), v((c) + 2), v((c) + 3)
#define ROW16(v, c) ROW4(v, c), ROW4(v, (c) + 4), ROW4(v, (c) + 8), ROW4(v, (c) + 12)
#define ROW64(v, c) ROW16(v, c), ROW16(v, (c) + 16), ROW16(v, (c) + 32), ROW16(v, (c) + 48)
#define ROW256(v)   ROW64(v, 0), ROW64(v, 64), ROW64(v, 128), ROW64(v, 192)

static const uint32_t values[3][256] = {
    [BASE64_STANDARD] = {ROW256(V_STANDARD)},
    [BASE64_URL] = {ROW256(V_URL)},
    [BASE64_EITHER] = {ROW256(V_EITHER)},
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

void base64_decode(struct base64 *d, struct span in, struct sbuf *out)
{
    size_t off = 0;
    while (off < in.len && !out->cut) {
        size_t room = out->cap - out->len;
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
