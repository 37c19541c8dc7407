#pragma once

#include "sensor/base/span.h"

struct hash_key {
    uint64_t k0;
    uint64_t k1;
};

/* SipHash-2-4 (Aumasson and Bernstein, 2012). With a secret key an attacker cannot aim at one
 * bucket. */
uint64_t hash_siphash(struct span s, const struct hash_key *key);
/* The same with a key that never changes: for ids that must be equal in every run (flow_id,
 * attack_id, campaign). */
uint64_t hash_fixed(struct span s);
/* The same of n words, each taken as its eight bytes in little-endian order: faster, for keys that
 * are numbers already. */
uint64_t hash_words(const uint64_t *words, size_t n, const struct hash_key *key);
uint64_t hash_words_fixed(const uint64_t *words, size_t n);
/* A key from the kernel's random source; negative errno when there is none. */
MUST_USE int hash_key_random(struct hash_key *ret_key);
