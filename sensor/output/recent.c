/* recent: how many campaigns are at work.
 *
 * A table of fixed size, four rows for each place of the hash. When they are taken, the one that
 * was quiet for longest goes: then the figure is too low, which of some thousands nobody sees. Rows
 * are looked through only from time to time, so that asking costs nothing. */
#include "sensor/output/recent.h"

#include "sensor/base/hash.h"
#include "sensor/base/mem.h"

#include <stdatomic.h>

enum { PLACES = 2048, WAYS = 4, LOOKS = 60 };

struct row {
    uint64_t campaign;
    uint64_t last_us;
    bool taken;
};

struct recent {
    uint64_t quiet_us;
    uint64_t next_look_us;
    _Atomic uint64_t n;
    struct row rows[PLACES][WAYS];
};

struct recent *recent_new(uint64_t quiet_us)
{
    struct recent *r = mem_alloc(sizeof(*r));
    if (r != NULL) {
        r->quiet_us = quiet_us;
    }
    return r;
}

void recent_free(struct recent **r)
{
    mem_free(*r);
    *r = NULL;
}

static void change(struct recent *r, uint64_t n)
{
    atomic_store_explicit(&r->n, n, memory_order_relaxed);
}

/* The campaign's row, else a free one, else that which was quiet for longest. */
static struct row *row_of(struct recent *r, uint64_t campaign)
{
    struct row *ways = r->rows[hash_words_fixed(&campaign, 1) % PLACES];
    struct row *best = &ways[0];
    for (size_t i = 0; i < WAYS; i++) {
        struct row *row = &ways[i];
        if (row->taken && row->campaign == campaign) {
            return row;
        }
        if (best->taken && (!row->taken || row->last_us < best->last_us)) {
            best = row;
        }
    }
    return best;
}

void recent_see(struct recent *r, uint64_t campaign, uint64_t clock_us)
{
    struct row *row = row_of(r, campaign);
    change(r, recent_n(r) + (row->taken ? 0 : 1));
    *row = (struct row){.campaign = campaign, .last_us = clock_us, .taken = true};
}

static bool is_quiet(const struct recent *r, const struct row *row, uint64_t clock_us)
{
    return clock_us > row->last_us && clock_us - row->last_us > r->quiet_us;
}

void recent_until(struct recent *r, uint64_t clock_us)
{
    uint64_t n = 0;
    if (clock_us < r->next_look_us || recent_n(r) == 0) {
        return;
    }
    for (size_t i = 0; i < PLACES; i++) {
        for (size_t k = 0; k < WAYS; k++) {
            struct row *row = &r->rows[i][k];
            row->taken = row->taken && !is_quiet(r, row, clock_us);
            n += row->taken;
        }
    }
    change(r, n);
    r->next_look_us = clock_us + r->quiet_us / LOOKS;
}

uint64_t recent_n(const struct recent *r)
{
    return atomic_load_explicit(&r->n, memory_order_relaxed);
}
