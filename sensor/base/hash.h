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

enum { HASH_ROW_MAX = 5 };

/* Numbers of 128 bits, low halves first, one for each word and one to begin with. */
struct hash_row {
    uint64_t keys[HASH_ROW_MAX + 1][2];
};

/* Made from a key by SipHash. */
struct hash_row hash_row_of(const struct hash_key *key);
/* At most HASH_ROW_MAX words times secret numbers, added up: the upper half (Lemire and Kaser,
 * "Strongly universal string hashing is fast", 2014). Whoever does not know the numbers cannot do
 * better than chance at finding words that collide, which is all that a table needs, at a tenth of
 * SipHash's cost. Not for what others get to see. Zeros at the end do not count. */
static inline uint64_t hash_row(const struct hash_row *row, const uint64_t *words, size_t n)
{
    __extension__ typedef unsigned __int128 wide;
    CHECK(n <= HASH_ROW_MAX);
    wide sum = (wide)row->keys[0][1] << 64 | row->keys[0][0];
    for (size_t i = 0; i < n; i++) {
        const uint64_t *k = row->keys[i + 1];
        sum += ((wide)k[1] << 64 | k[0]) * words[i];
    }
    return (uint64_t)(sum >> 64);
}

/* A key from the kernel's random source; negative errno when there is none. */
MUST_USE int hash_key_random(struct hash_key *ret_key);
