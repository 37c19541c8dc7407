/* tally: counts by protocol, field, scheme and class.
 *
 * A table of fixed size, hashed and probed, whose cells are never given up. The one who writes
 * publishes a cell's key after everything it needs (release), who reads sees whole cells or none
 * (acquire), so that neither waits. When the table is full, what has no cell is counted in one of
 * its kind and class under "other": the sum is right whatever was left out. */
#include "sensor/core/tally.h"

#include "sensor/base/distinct.h"
#include "sensor/base/hash.h"
#include "sensor/base/mem.h"

#include <stdatomic.h>
#include <string.h>

enum { CELLS = 1024, PROTOS = 32, CLASSES = LOOKUP_ATTACK + 1, KINDS = TALLY_ATTEMPT + 1 };

struct cell {
    _Atomic uint64_t key; /* 0: free */
    _Atomic uint64_t n;
};

struct tally {
    struct cell cells[CELLS];
    _Atomic uint64_t others[KINDS][CLASSES];
    _Atomic(const char *) protos[PROTOS];
    struct distinct sources;
};

static const char *const scheme_names[SCHEME_N] = {
#define SCHEME(id, name) [SCHEME_##id] = name,
#include "sensor/core/scheme.def"
#undef SCHEME
};

const char *scheme_name(enum scheme scheme)
{
    CHECK(scheme < SCHEME_N);
    return scheme_names[scheme];
}

enum scheme scheme_of(struct span name)
{
    if (name.len == 0) {
        return SCHEME_NONE;
    }
    for (unsigned i = SCHEME_NONE + 1; i < SCHEME_N; i++) {
        if (span_equal_nocase(name, span_str(scheme_names[i]))) {
            return (enum scheme)i;
        }
    }
    return SCHEME_OTHER;
}

struct tally *tally_new(void)
{
    return mem_alloc(sizeof(struct tally));
}

void tally_free(struct tally **t)
{
    mem_free(*t);
    *t = NULL;
}

/* --- cells
 * ---------------------------------------------------------------------------------------------- */

/* Its number, from 1; a new one is entered. 0 when there is no room. */
static uint64_t number_of_proto(struct tally *t, const char *proto)
{
    for (size_t i = 0; i < PROTOS; i++) {
        const char *name = atomic_load_explicit(&t->protos[i], memory_order_relaxed);
        if (name == NULL) {
            atomic_store_explicit(&t->protos[i], proto, memory_order_release);
            return i + 1;
        }
        if (strcmp(name, proto) == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* 8 bits each of class, scheme and kind, 16 of the field, and the protocol, never 0. */
static uint64_t key_of(struct tally *t, const struct tally_row *row)
{
    uint64_t proto = number_of_proto(t, row->proto);
    return proto == 0 ? 0
                      : (uint64_t)row->class | (uint64_t)row->scheme << 8 |
                            (uint64_t)row->kind << 16 | (uint64_t)row->field << 24 | proto << 40;
}

static void bump(_Atomic uint64_t *n, uint64_t by)
{
    uint64_t now = atomic_load_explicit(n, memory_order_relaxed);
    atomic_store_explicit(n, now + by, memory_order_relaxed);
}

static void count(struct tally *t, const struct tally_row *row)
{
    uint64_t key = row->field < FIELD_N ? key_of(t, row) : 0;
    size_t start = (size_t)hash_words_fixed(&key, 1);
    for (size_t i = 0; key != 0 && i < CELLS; i++) {
        struct cell *c = &t->cells[(start + i) % CELLS];
        uint64_t there = atomic_load_explicit(&c->key, memory_order_relaxed);
        if (there == 0) {
            atomic_store_explicit(&c->key, key, memory_order_release);
        }
        if (there == 0 || there == key) {
            bump(&c->n, row->n);
            return;
        }
    }
    bump(&t->others[row->kind][row->class], row->n);
}

/* --- interface
 * ------------------------------------------------------------------------------------------ */

void tally_dollar_brace(struct tally *t, const char *proto, enum field_id field, uint64_t n)
{
    count(t,
          &(struct tally_row){.kind = TALLY_DOLLAR_BRACE, .proto = proto, .field = field, .n = n});
}

void tally_attempt(struct tally *t, const char *proto, enum field_id field, const struct jndi *jndi)
{
    count(t, &(struct tally_row){.kind = TALLY_ATTEMPT,
                                 .proto = proto,
                                 .field = field,
                                 .scheme = scheme_of(jndi->scheme),
                                 .class = jndi->class,
                                 .n = 1});
}

void tally_source(struct tally *t, const struct addr *addr)
{
    distinct_add(&t->sources, hash_fixed(addr_span(addr)));
}

uint64_t tally_n_sources(const struct tally *t)
{
    return distinct_count(&t->sources);
}

static struct tally_row row_of(const struct tally *t, uint64_t key, uint64_t n)
{
    return (struct tally_row){
        .kind = (enum tally_kind)(key >> 16 & 0xff),
        .proto = atomic_load_explicit(&t->protos[(key >> 40) - 1], memory_order_acquire),
        .field = (enum field_id)(key >> 24 & 0xffff),
        .scheme = (enum scheme)(key >> 8 & 0xff),
        .class = (enum lookup_class)(key & 0xff),
        .n = n};
}

bool tally_next(const struct tally *t, size_t *at, struct tally_row *ret_row)
{
    for (; *at < CELLS; (*at)++) {
        const struct cell *c = &t->cells[*at];
        uint64_t key = atomic_load_explicit(&c->key, memory_order_acquire);
        if (key != 0) {
            *ret_row = row_of(t, key, atomic_load_explicit(&c->n, memory_order_relaxed));
            (*at)++;
            return true;
        }
    }
    for (; *at < CELLS + KINDS * CLASSES; (*at)++) {
        size_t kind = (*at - CELLS) / CLASSES;
        size_t class = (*at - CELLS) % CLASSES;
        uint64_t n = atomic_load_explicit(&t->others[kind][class], memory_order_relaxed);
        if (n > 0) {
            *ret_row = (struct tally_row){.kind = (enum tally_kind)kind,
                                          .proto = "other",
                                          .field = FIELD_N,
                                          .scheme = SCHEME_OTHER,
                                          .class = (enum lookup_class) class,
                                          .n = n};
            (*at)++;
            return true;
        }
    }
    return false;
}

void tally_sum(struct tally *to, const struct tally *from)
{
    struct tally_row row;
    size_t at = 0;
    while (tally_next(from, &at, &row)) {
        count(to, &row);
    }
    distinct_join(&to->sources, &from->sources);
}
