/* segments: what one direction of a TCP flow holds behind a hole.
 *
 * A skip list (Pugh, 1990) of pieces that never overlap. Of bytes that come twice the first to
 * arrive stay, and the caller is told when the others differ. A new piece swallows the held pieces
 * that lie inside it, so n one-byte segments cost n log n whatever their order, and a large segment
 * over many small ones pays for each of them only once. Bytes that the capture cut off (snap
 * length) are held as a piece without bytes, which real bytes replace. The cap is the caller's. */
#include "sensor/flow/segments.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"

#include <errno.h>

/* The place where a piece goes: on each level the link that would lead to it. */
struct place {
    struct segment **links[SEGMENTS_LEVELS];
    struct segment *left; /* the last piece before it, or NULL */
};

static size_t size_of(unsigned n_levels, size_t len)
{
    return sizeof(struct segment) + n_levels * sizeof(struct segment *) + len;
}

size_t segments_cost(size_t len)
{
    return size_of(SEGMENTS_LEVELS, len) + MEM_OVERHEAD;
}

static uint64_t end_of(const struct segment *g)
{
    return g->pos + g->len;
}

static struct place find(struct segments *s, uint64_t pos)
{
    struct place p = {.left = NULL};
    for (unsigned level = SEGMENTS_LEVELS; level-- > 0;) {
        struct segment **link = p.left != NULL ? &p.left->next[level] : &s->head[level];
        while (*link != NULL && (*link)->pos < pos) {
            p.left = *link;
            link = &p.left->next[level];
            s->n_steps++;
        }
        p.links[level] = link;
    }
    return p;
}

/* Levels of a new piece: each is a quarter as likely as the one below. xorshift64*. */
static unsigned draw_levels(uint64_t *random)
{
    uint64_t x = *random != 0 ? *random : 1;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *random = x;
    uint64_t bits = x * 0x2545f4914f6cdd1dULL >> 32;
    unsigned n = 1;
    for (; n < SEGMENTS_LEVELS && (bits & 3) == 0; bits >>= 2) {
        n++;
    }
    return n;
}

static struct segment *make(const struct segments *s, uint64_t pos, size_t len, bool has_bytes,
                            uint64_t *random)
{
    unsigned n_levels = draw_levels(random);
    struct segment *g = mem_alloc(size_of(n_levels, has_bytes ? len : 0));
    if (g != NULL) {
        *g = (struct segment){.pos = pos,
                              .len = len,
                              .after = s->after,
                              .answers = s->answers,
                              .n_levels = (uint8_t)n_levels};
        g->bytes = has_bytes ? (uint8_t *)(g->next + n_levels) : NULL;
    }
    return g;
}

static size_t memory_of(const struct segment *g)
{
    return size_of(g->n_levels, g->bytes != NULL ? g->len : 0) + MEM_OVERHEAD;
}

static void link_in(struct segments *s, const struct place *p, struct segment *g)
{
    for (unsigned level = 0; level < g->n_levels; level++) {
        g->next[level] = *p->links[level];
        *p->links[level] = g;
    }
    s->n++;
    s->memory += memory_of(g);
}

/* Takes out the piece that follows the place. */
static void drop(struct segments *s, const struct place *p)
{
    struct segment *g = *p->links[0];
    for (unsigned level = 0; level < g->n_levels; level++) {
        *p->links[level] = g->next[level];
    }
    s->n--;
    s->memory -= memory_of(g);
    mem_free(g);
}

/* Compares a held piece with the new bytes where they lie over each other. */
static void compare(const struct segment *g, uint64_t pos, struct span bytes, enum overlap *o)
{
    uint64_t from = g->pos > pos ? g->pos : pos;
    uint64_t to = end_of(g) < pos + bytes.len ? end_of(g) : pos + bytes.len;
    if (from >= to || g->bytes == NULL) {
        return;
    }
    struct span theirs = span_sub(bytes, from - pos, to - from);
    bool same = bytes_equal(g->bytes + (from - g->pos), theirs.data, theirs.len);
    *o = !same ? OVERLAP_DIFFERENT : *o == OVERLAP_NONE ? OVERLAP_EQUAL : *o;
}

/* Cuts [*pos, *end) down to what the pieces around it leave free, given that a piece that has no
 * bytes gives way. Says how the bytes compare with all held ones. */
static enum overlap trim(struct segments *s, const struct place *p, struct span bytes,
                         uint64_t *pos, uint64_t *end)
{
    enum overlap overlap = OVERLAP_NONE;
    uint64_t start = *pos;
    uint64_t stop = *end;
    struct segment *left = p->left;
    if (left != NULL && end_of(left) > start) {
        compare(left, start, bytes, &overlap);
        if (left->bytes != NULL) {
            *pos = end_of(left);
        }
    }
    for (struct segment *g = *p->links[0]; g != NULL && g->pos < stop; g = g->next[0]) {
        compare(g, start, bytes, &overlap);
        s->n_steps++;
        if (end_of(g) >= stop && g->bytes != NULL) {
            *end = g->pos;
        }
        if (g->pos == *pos && g->bytes != NULL) {
            *pos = end_of(g);
        }
    }
    return overlap;
}

/* A piece may go out as early as the earliest of those that make it up. */
static void note_earlier(struct segment *into, const struct segment *g)
{
    bool earlier = (int32_t)(g->after - into->after) < 0;
    into->after = earlier ? g->after : into->after;
    into->answers = into->answers && g->answers;
}

/* Pieces inside the new one hand it their bytes and go; pieces without bytes give way. */
static void swallow(struct segments *s, const struct place *p, struct segment *into)
{
    struct segment *left = p->left;
    if (left != NULL && left->bytes == NULL && end_of(left) > into->pos) {
        left->len = into->pos - left->pos;
    }
    struct segment *g = *p->links[0];
    while (g != NULL && g->pos < end_of(into)) {
        if (g->bytes == NULL && end_of(g) > end_of(into)) {
            g->len = end_of(g) - end_of(into);
            g->pos = end_of(into);
            return;
        }
        if (g->bytes != NULL) {
            bytes_copy(into->bytes + (g->pos - into->pos), g->bytes, g->len);
            note_earlier(into, g);
        }
        drop(s, p);
        g = *p->links[0];
    }
}

int segments_add(struct segments *s, uint64_t pos, struct span bytes, uint64_t *random,
                 enum overlap *ret_overlap)
{
    uint64_t start = pos;
    uint64_t end = pos + bytes.len;
    struct place p = find(s, pos);
    enum overlap overlap = trim(s, &p, bytes, &start, &end);
    if (start < end) {
        struct segment *g = make(s, start, end - start, true, random);
        if (g == NULL) {
            return -ENOMEM;
        }
        bytes_copy(g->bytes, span_from(bytes, start - pos).data, g->len);
        p = start > pos ? find(s, start) : p;
        swallow(s, &p, g);
        link_in(s, &p, g);
    }
    *ret_overlap = overlap;
    return 0;
}

int segments_add_missing(struct segments *s, uint64_t pos, uint64_t len, uint64_t *random)
{
    uint64_t end = pos + len;
    struct place p = find(s, pos);
    if (p.left != NULL && end_of(p.left) > pos) {
        pos = end_of(p.left);
    }
    const struct segment *right = *p.links[0];
    if (right != NULL && right->pos < end) {
        end = right->pos;
    }
    if (pos >= end) {
        return 0;
    }
    struct segment *g = make(s, pos, end - pos, false, random);
    if (g == NULL) {
        return -ENOMEM;
    }
    link_in(s, &p, g);
    return 0;
}

const struct segment *segments_first(const struct segments *s)
{
    return s->head[0];
}

void segments_drop_first(struct segments *s)
{
    struct place p = find(s, 0);
    if (s->head[0] != NULL) {
        drop(s, &p);
    }
}

void segments_free(struct segments *s)
{
    while (s->head[0] != NULL) {
        segments_drop_first(s);
    }
}
