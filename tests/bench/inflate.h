#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Finds the gzip bodies of answers and inflates each once, with ISA-L. Data must be in order. */
struct inflater;

struct inflated {
    uint64_t n_bodies;
    uint64_t n_bytes;
};

/* NULL when there is no memory. */
struct inflater *inflater_new(void);
/* Bytes of the direction that `flow` names (a hash of addresses and ports). */
void inflater_data(struct inflater *in, uint64_t flow, const uint8_t *data, size_t len);
/* The direction ended. */
void inflater_end(struct inflater *in, uint64_t flow);
struct inflated inflater_sum(const struct inflater *in);
void inflater_free(struct inflater *in);
