/* limits: threshold and detection_filter.
 *
 * What is counted together has a row in a table of fixed size, four rows for each place of the
 * hash; when they are taken the one whose period began first goes, and its count with it: then
 * more is told, never less than without the table. Periods are of packet time, and begin with
 * the first alert in them. */
#include "sensor/output/limits.h"

#include "sensor/base/mem.h"

enum { PLACES = 16384, WAYS = 4, SECOND_US = 1000000 };

struct row {
    uint64_t key; /* 0: free */
    uint64_t start_us;
    uint32_t n;
};

struct limits {
    struct row rows[PLACES][WAYS];
};

struct limits *limits_new(void)
{
    return mem_alloc(sizeof(struct limits));
}

void limits_free(struct limits **l)
{
    mem_free(*l);
    *l = NULL;
}

static struct row *row_of(struct limits *l, uint64_t key)
{
    struct row *ways = l->rows[key % PLACES];
    struct row *oldest = &ways[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (ways[i].key == key) {
            return &ways[i];
        }
        if (ways[i].key == 0 || (oldest->key != 0 && ways[i].start_us < oldest->start_us)) {
            oldest = &ways[i];
        }
    }
    *oldest = (struct row){.key = key};
    return oldest;
}

/* Whether n is count, or count times some power of the multiplier. */
static bool is_step(const struct signature_limit *limit, uint32_t n)
{
    uint64_t step = limit->count;
    while (step < n && limit->multiplier > 1) {
        step *= limit->multiplier;
    }
    return step == n && n < UINT32_MAX;
}

bool limits_pass(struct limits *l, const struct event *event)
{
    const struct signature_limit *limit = &event->limit;
    if (limit->kind == SIGNATURE_LIMIT_NONE) {
        return true;
    }
    struct row *row = row_of(l, event->limit_key | 1);
    uint64_t now = event->key.clock_us;
    bool endless = limit->kind == SIGNATURE_LIMIT_BACKOFF;
    if (row->n == 0 || (!endless && now - row->start_us > (uint64_t)limit->seconds * SECOND_US)) {
        row->start_us = now;
        row->n = 0;
    }
    row->n += row->n < UINT32_MAX;
    switch (limit->kind) {
    case SIGNATURE_LIMIT_FIRST:
        return row->n <= limit->count;
    case SIGNATURE_LIMIT_EACH:
        return row->n % limit->count == 0;
    case SIGNATURE_LIMIT_BOTH:
        return row->n == limit->count;
    case SIGNATURE_LIMIT_BEYOND:
        return row->n > limit->count;
    case SIGNATURE_LIMIT_BACKOFF:
        return is_step(limit, row->n);
    case SIGNATURE_LIMIT_NONE:
        break;
    }
    return true;
}
