/* http_coding: content and transfer codings, stacked (RFC 9110 section 8.4).
 *
 * Each level inflates what the level before it gives. The deepest level that has something to do
 * goes first, so that a window is never written over before it was read, and no level needs more
 * room than its window. Output of each level is capped in bytes and in ratio; the ratio is looked
 * at once for each 4 KiB of input, so that it does not depend on how the input was cut.
 *
 * A level whose stream is broken, or followed by other bytes, or incomplete at the end, is given
 * up: what it was given is then given out as it is. There are servers that ignore Content-Encoding
 * in requests; they read just that. */
#include "decoders/http_coding.h"

#include "sensor/base/mem.h"

enum { RATIO_STEP = 4096, RATIO_FREE = 1 << 20 };

static const struct {
    enum encoding encoding;
    enum inflater_kind kind;
} rows[] = {
    [HTTP_CODING_GZIP] = {ENCODING_GZIP, INFLATER_GZIP},
    [HTTP_CODING_DEFLATE] = {ENCODING_DEFLATE, INFLATER_DEFLATE},
    [HTTP_CODING_BR] = {ENCODING_BR, INFLATER_BROTLI},
    [HTTP_CODING_ZSTD] = {ENCODING_ZSTD, INFLATER_ZSTD},
};

enum encoding http_coding_encoding(enum http_coding coding)
{
    CHECK(coding < HTTP_CODING_UNKNOWN);
    return rows[coding].encoding;
}

struct http_codings *http_codings_new(const struct decoder_limits *limits, const uint8_t *codings,
                                      size_t n)
{
    CHECK(n <= HTTP_CODINGS_MAX);
    struct http_codings *c = mem_alloc(sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    c->limits = limits;
    c->n = c->n_made = n;
    for (size_t i = 0; i < n; i++) {
        c->levels[i].coding = (enum http_coding)codings[i];
    }
    return c;
}

void http_codings_free(struct http_codings **c)
{
    if (*c == NULL) {
        return;
    }
    for (size_t i = 0; i < (*c)->n_made; i++) {
        inflater_free(&(*c)->levels[i].inflater);
    }
    mem_free(*c);
    *c = NULL;
}

/* Something to inflate, something to end, or a verdict that nothing was done about yet. */
static bool is_busy(const struct http_coding_level *level)
{
    return level->in.len > 0 || level->has_more || level->broken || level->spent ||
           (level->closing && !level->closed);
}

static struct http_coding_level *deepest_busy(struct http_codings *c)
{
    for (size_t i = c->n; i > 0; i--) {
        if (is_busy(&c->levels[i - 1])) {
            return &c->levels[i - 1];
        }
    }
    return NULL;
}

bool http_codings_idle(const struct http_codings *c)
{
    bool busy = c->out.len > 0 || c->raw.len > 0;
    for (size_t i = 0; i < c->n && !busy; i++) {
        busy = is_busy(&c->levels[i]);
    }
    return !busy;
}

bool http_codings_complete(const struct http_codings *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct inflater *inflater = c->levels[i].inflater;
        if (inflater != NULL && !inflater_is_complete(inflater)) {
            return false;
        }
    }
    return http_codings_idle(c);
}

void http_codings_finish(struct http_codings *c, bool quiet)
{
    c->quiet = quiet;
    if (c->n > 0) {
        c->levels[0].closing = true;
    }
}

uint64_t http_codings_spent_on(const struct http_codings *c)
{
    return c->n_in > 0 ? (c->n_in - 1) % RATIO_STEP + 1 : 0;
}

/* The next level, or what is behind the last one, gets its input. */
static void pass_on(struct http_codings *c, size_t to, struct span bytes)
{
    if (to < c->n) {
        c->levels[to].in = bytes;
    } else {
        c->out = bytes;
    }
}

static uint64_t most_out(const struct http_codings *c)
{
    uint64_t n_in = (c->n_in + RATIO_STEP - 1) / RATIO_STEP * RATIO_STEP;
    uint64_t by_ratio = n_in * c->limits->inflate_ratio;
    by_ratio = by_ratio > RATIO_FREE ? by_ratio : RATIO_FREE;
    return by_ratio < c->limits->inflate_bytes ? by_ratio : c->limits->inflate_bytes;
}

static void inflate(struct http_codings *c, struct http_coding_level *level, size_t at)
{
    struct span out = {0};
    bool closing = level->closing && level->in.len == 0 && !level->has_more;
    enum inflater_result result = closing ? inflater_finish(level->inflater, &out)
                                          : inflater_next(level->inflater, &level->in, &out);
    uint64_t left = most_out(c) - level->n_out;
    level->spent = out.len > left;
    out = span_head(out, level->spent ? (size_t)left : out.len);
    level->n_out += out.len;
    level->has_more = result == INFLATER_FULL && !closing;
    level->ended = result == INFLATER_END;
    bool followed = level->in.len > 0 || inflater_input(level->inflater).len > 0;
    level->broken = result == INFLATER_BROKEN || (level->ended && followed);
    level->closed = closing && result != INFLATER_FULL;
    if (level->closed && at + 1 < c->n) {
        c->levels[at + 1].closing = true;
    }
    pass_on(c, at + 1, out);
}

/* Levels behind one that gives nothing more first give what they hold. */
static bool closes_deeper(struct http_codings *c, size_t at)
{
    if (at + 1 == c->n || c->levels[at + 1].closed) {
        return false;
    }
    c->levels[at + 1].closing = true;
    c->quiet = true;
    return true;
}

/* From here on what the level was given goes past it. */
static enum http_decode_step give_up(struct http_codings *c, struct http_coding_level *level,
                                     size_t at)
{
    bool reported = !c->quiet || !level->closed;
    struct span rest = level->in;
    if (reported) {
        c->raw = inflater_input(level->inflater);
    }
    level->in = (struct span){0};
    c->n = at;
    c->is_raw = true;
    c->out = rest;
    return reported ? HTTP_DECODE_BROKEN : HTTP_DECODE_MORE;
}

static bool make_inflater(struct http_coding_level *level)
{
    if (level->inflater == NULL) {
        level->inflater = inflater_new(rows[level->coding].kind);
    }
    return level->inflater != NULL;
}

/* Lets a level do one thing; MORE when there is nothing to tell. */
static enum http_decode_step step(struct http_codings *c, struct http_coding_level *level)
{
    size_t at = (size_t)(level - c->levels);
    if (level->broken || level->spent) {
        if (closes_deeper(c, at)) {
            return HTTP_DECODE_MORE;
        }
        return level->spent ? HTTP_DECODE_BOMB : give_up(c, level, at);
    }
    if (level->inflater == NULL && level->in.len == 0) {
        level->closed = true; /* it never got anything */
        return HTTP_DECODE_MORE;
    }
    if (!make_inflater(level)) {
        return HTTP_DECODE_NO_MEMORY;
    }
    inflate(c, level, at);
    return HTTP_DECODE_MORE;
}

/* What is ready to be given out. */
static enum http_decode_step take_ready(struct http_codings *c, struct span *ret_piece)
{
    struct span *from = c->raw.len > 0 ? &c->raw : &c->out;
    *ret_piece = *from;
    *from = (struct span){0};
    return c->is_raw ? HTTP_DECODE_RAW : HTTP_DECODE_PIECE;
}

static void take_input(struct http_codings *c, struct span *in)
{
    struct span part = span_head(*in, RATIO_STEP - c->n_in % RATIO_STEP);
    c->n_in += part.len;
    *in = span_from(*in, part.len);
    pass_on(c, 0, part);
}

enum http_decode_step http_codings_next(struct http_codings *c, struct span *in,
                                        struct span *ret_piece)
{
    enum http_decode_step result = HTTP_DECODE_MORE;
    while (result == HTTP_DECODE_MORE) {
        if (c->raw.len > 0 || c->out.len > 0) {
            return take_ready(c, ret_piece);
        }
        struct http_coding_level *level = deepest_busy(c);
        if (level != NULL) {
            result = step(c, level);
        } else if (in->len > 0) {
            take_input(c, in);
        } else {
            break;
        }
    }
    return result;
}
