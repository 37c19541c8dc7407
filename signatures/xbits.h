#pragma once

#include "sensor/base/span.h"

/* The marks that rules leave with an address, or a pair of them, for the flows of whoever has it:
 * one table for all workers. What one sets while another asks is seen or not, as it happens. What a
 * packet does to a mark is seen by what comes behind that packet, whatever the order of its rules;
 * `packet` tells packets apart, and 0 is none that could be. */
struct xbits;

/* NULL when there is no memory. 1 MiB, whatever is marked. */
MUST_USE struct xbits *xbits_new(void);
/* Nulls *x; accepts NULL. */
void xbits_free(struct xbits **x);
/* Whether the mark with that key is there at now_us, in packet time, for the rules of a packet. */
bool xbits_have(struct xbits *x, uint64_t key, uint64_t now_us, uint64_t packet);
/* Sets it until `until_us`; one that is there already gets the new end. When there is no place left
 * for it the mark goes that would have ended first. */
void xbits_set(struct xbits *x, uint64_t key, uint64_t until_us, uint64_t packet);
void xbits_unset(struct xbits *x, uint64_t key, uint64_t packet);
