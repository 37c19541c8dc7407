/* noise: repeats of one campaign against one target.
 *
 * A table of fixed size, four rows for each place of the hash. When they are taken, the one that
 * was quiet for longest goes, and with it its count: then more is told, never less than without the
 * table. */
#include "sensor/output/noise.h"

#include "sensor/base/hash.h"
#include "sensor/base/mem.h"

enum { PLACES = 8192, WAYS = 4 };

struct row {
    uint64_t key; /* 0: free */
    uint64_t last_us;
    uint64_t n;
};

struct noise {
    uint64_t quiet_us;
    struct row rows[PLACES][WAYS];
};

struct noise *noise_new(uint64_t quiet_us)
{
    struct noise *n = mem_alloc(sizeof(*n));
    if (n != NULL) {
        n->quiet_us = quiet_us;
    }
    return n;
}

void noise_free(struct noise **n)
{
    mem_free(*n);
    *n = NULL;
}

static uint64_t key_of(const struct alert_facts *f)
{
    const uint64_t words[] = {f->campaign, (uint64_t)f->class, hash_fixed(addr_span(&f->target))};
    return hash_words_fixed(words, ARRAY_LEN(words)) | 1;
}

static struct row *row_of(struct noise *n, uint64_t key)
{
    struct row *ways = n->rows[key / 2 % PLACES];
    struct row *oldest = &ways[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (ways[i].key == key) {
            return &ways[i];
        }
        if (ways[i].key == 0 || (oldest->key != 0 && ways[i].last_us < oldest->last_us)) {
            oldest = &ways[i];
        }
    }
    *oldest = (struct row){.key = key};
    return oldest;
}

uint64_t noise_repeat(struct noise *n, const struct event *alert)
{
    struct row *row = row_of(n, key_of(alert->facts));
    uint64_t now = alert->key.clock_us;
    if (now > row->last_us && now - row->last_us > n->quiet_us) {
        row->n = 0;
    }
    row->last_us = now;
    return ++row->n;
}
