#pragma once

#include "sensor/core/addr.h"
#include "sensor/core/finding.h"
#include "sensor/core/scheme.h"

/* One worker's counts of what was found, by what it was found in: too many kinds for stats.def, few
 * enough to be bounded. Written by the worker alone, read by anybody, as stats are. */
struct tally;

/* About 30 KiB. NULL when there is no memory. */
MUST_USE struct tally *tally_new(void);
/* Nulls *t; accepts NULL. */
void tally_free(struct tally **t);

/* `proto`: name of the decoder or of the transport; static. */
void tally_dollar_brace(struct tally *t, const char *proto, enum field_id field, uint64_t n);
void tally_attempt(struct tally *t, const char *proto, enum field_id field,
                   const struct jndi *jndi);
/* Who attempted: the real client where it is known. */
void tally_source(struct tally *t, const struct addr *addr);

/* Adds all of `from` to `to`, which nobody else uses. */
void tally_sum(struct tally *to, const struct tally *from);
/* Different sources, about. */
uint64_t tally_n_sources(const struct tally *t);

enum tally_kind { TALLY_DOLLAR_BRACE, TALLY_ATTEMPT };
/* One count. proto "other" and field FIELD_N: of all that there was no room for. */
struct tally_row {
    enum tally_kind kind;
    const char *proto;
    enum field_id field;
    enum scheme scheme;      /* of an attempt */
    enum lookup_class class; /* of an attempt */
    uint64_t n;
};
/* The first row at or behind place *at, which is moved behind it; false when there is none. In no
 * particular order. */
bool tally_next(const struct tally *t, size_t *at, struct tally_row *ret_row);
