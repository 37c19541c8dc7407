/* past: a copy of what one side sent lately.
 *
 * It is there to be compared with what comes again. A receiver ignores bytes that it has
 * acknowledged, so the copy lasts until then. To copy everything would cost 0.1 s per GB and more;
 * only the start of what a side says at a stretch is kept: whole requests, but not long transfers.
 * A side that has raised doubts is watched: its copy slides along with all it sends. Memory is
 * taken only while two thirds of the table's are free; without it there is no copy, and no harm but
 * that a difference is not seen as one.
 *
 * Nearly every segment makes one, and its ACK frees it: some of each of the small sizes are kept to
 * be used again, the latest first, which is still in the cache. They are half a megabyte at most,
 * and count for no flow. */
#include "sensor/flow/past.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"

enum { FIRST_ROOM = 512, SPARES_MAX = 128 };

uint64_t past_end(const struct past *p)
{
    return p->start + p->len;
}

struct span past_of(const struct past *p, uint64_t from, uint64_t to, uint64_t *ret_pos)
{
    if (p == NULL || from >= past_end(p) || to <= p->start) {
        return (struct span){NULL, 0};
    }
    uint64_t start = from > p->start ? from : p->start;
    *ret_pos = start;
    return span_sub(span_of(p->bytes, p->len), start - p->start, to - start);
}

/* Which of the sizes that are kept; PAST_SIZES: none of them. */
static unsigned size_of(size_t room)
{
    unsigned size = 0;
    while (size < PAST_SIZES && room > (size_t)FIRST_ROOM << size) {
        size++;
    }
    return size;
}

static size_t bytes_of(size_t room)
{
    return sizeof(struct past) + room + MEM_OVERHEAD;
}

/* With anything in it but its room; NULL when there is no memory. */
static struct past *get(struct flow_table *t, size_t room)
{
    unsigned size = size_of(room);
    struct past *p = size < PAST_SIZES ? t->spare_pasts[size] : NULL;
    if (p != NULL) {
        t->spare_pasts[size] = p->next;
        t->n_spare_pasts[size]--;
        mem_count(p->size);
        return p;
    }
    p = mem_resize(NULL, sizeof(*p) + room);
    if (p != NULL) {
        p->room = room;
        p->size = mem_size(p);
    }
    return p;
}

static void put(struct flow_table *t, struct past *p)
{
    unsigned size = size_of(p->room);
    if (size == PAST_SIZES || t->n_spare_pasts[size] == SPARES_MAX) {
        mem_free(p);
        return;
    }
    mem_count(-p->size); /* what lies here is no flow's */
    p->next = t->spare_pasts[size];
    t->spare_pasts[size] = p;
    t->n_spare_pasts[size]++;
}

void past_free(struct flow_table *t, struct side *s)
{
    if (s->past != NULL) {
        flow_unreserve(t, bytes_of(s->past->room));
        put(t, s->past);
        s->past = NULL;
    }
}

void past_free_spares(struct flow_table *t)
{
    for (size_t i = 0; i < PAST_SIZES; i++) {
        while (t->spare_pasts[i] != NULL) {
            struct past *p = t->spare_pasts[i];
            t->spare_pasts[i] = p->next;
            mem_count(p->size);
            mem_free(p);
        }
        t->n_spare_pasts[i] = 0;
    }
}

/* Room for `len` bytes in all; false when there is no memory: then the past is as it was. */
static bool grow(const struct half *x, size_t len)
{
    struct side *s = x->s;
    size_t old = s->past != NULL ? s->past->room : 0;
    size_t room = old > 0 ? old : FIRST_ROOM;
    while (room < len) {
        room *= 2;
    }
    if (room == old) {
        return true;
    }
    if (!flow_reserve_spare(x->t, bytes_of(room))) {
        return false;
    }
    struct past *p = get(x->t, room);
    if (p == NULL) {
        flow_unreserve(x->t, bytes_of(room));
        return false;
    }
    p->len = 0;
    if (s->past != NULL) {
        p->start = s->past->start;
        p->len = s->past->len;
        bytes_copy(p->bytes, s->past->bytes, p->len);
        past_free(x->t, s);
    }
    s->past = p;
    return true;
}

/* Forgets the oldest bytes, some more than needed, so that it is not done for each segment. */
static void slide(struct past *p, size_t n)
{
    size_t some = p->len / 4;
    n = n > some ? n : some;
    n = n < p->len ? n : p->len;
    bytes_move(p->bytes, p->bytes + n, p->len - n);
    p->start += n;
    p->len -= n;
}

/* How much of what a side says at a stretch is kept. Requests are what attackers write. */
static size_t cap_of(const struct half *x)
{
    bool request = half_dir(x) == TO_SERVER && side_has(x->s, SIDE_ACKED);
    return request ? x->t->limits.past : x->t->limits.past / 4;
}

static bool is_worth_keeping(const struct half *x, uint64_t end, size_t cap)
{
    const struct side *s = x->s;
    bool acked = side_has(s, SIDE_ACKED) && s->acked >= end;
    return !acked && cap > 0 && (s->said <= cap || side_has(s, SIDE_WATCHED));
}

void past_keep(const struct half *x, uint64_t pos, struct span bytes)
{
    struct side *s = x->s;
    size_t cap = cap_of(x);
    s->said = bytes.len < UINT32_MAX - s->said ? s->said + (uint32_t)bytes.len : UINT32_MAX;
    if (!is_worth_keeping(x, pos + bytes.len, cap)) {
        return;
    }
    uint64_t skip = bytes.len > cap ? bytes.len - cap : 0;
    struct span part = span_from(bytes, skip);
    struct past *p = s->past;
    if (p != NULL && (past_end(p) != pos || skip > 0)) {
        p->len = 0;
    }
    if (p != NULL && p->len + part.len > cap) {
        slide(p, p->len + part.len - cap);
    }
    if (!grow(x, (p != NULL ? p->len : 0) + part.len)) {
        return;
    }
    p = s->past;
    p->start = p->len == 0 ? pos + skip : p->start;
    bytes_copy(p->bytes + p->len, part.data, part.len);
    p->len += part.len;
}
