/* hash: SipHash-2-4, the hash of ids and of tables whose key others may learn of.
 *
 * Reads little-endian words whatever the machine, so ids are the same everywhere. */
#include "sensor/base/hash.h"

#include "sensor/base/cursor.h"

#include <errno.h>
#include <sys/random.h>

static const struct hash_key fixed_key = {0x6a6e646977617463ULL, 0x682d666978656421ULL};

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

static struct sip sip_begin(const struct hash_key *key)
{
    return (struct sip){
        key->k0 ^ 0x736f6d6570736575ULL,
        key->k1 ^ 0x646f72616e646f6dULL,
        key->k0 ^ 0x6c7967656e657261ULL,
        key->k1 ^ 0x7465646279746573ULL,
    };
}

static uint64_t sip_end(struct sip *s)
{
    s->v2 ^= 0xff;
    for (int i = 0; i < 4; i++) {
        sip_round(s);
    }
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t hash_siphash(struct span in, const struct hash_key *key)
{
    struct sip s = sip_begin(key);
    struct cursor c = cursor_of(in);
    while (cursor_left(&c) >= 8) {
        sip_word(&s, cursor_le64(&c));
    }
    uint64_t last = (uint64_t)(in.len & 0xff) << 56;
    for (unsigned shift = 0; cursor_left(&c) > 0; shift += 8) {
        last |= (uint64_t)cursor_u8(&c) << shift;
    }
    sip_word(&s, last);
    return sip_end(&s);
}

uint64_t hash_words(const uint64_t *words, size_t n, const struct hash_key *key)
{
    struct sip s = sip_begin(key);
    for (size_t i = 0; i < n; i++) {
        sip_word(&s, words[i]);
    }
    sip_word(&s, (uint64_t)(n * sizeof(*words) & 0xff) << 56);
    return sip_end(&s);
}

uint64_t hash_words_fixed(const uint64_t *words, size_t n)
{
    return hash_words(words, n, &fixed_key);
}

struct hash_row hash_row_of(const struct hash_key *key)
{
    struct hash_row row;
    for (uint64_t i = 0; i < ARRAY_LEN(row.keys); i++) {
        const uint64_t halves[2] = {2 * i, 2 * i + 1};
        row.keys[i][0] = hash_words(&halves[0], 1, key);
        row.keys[i][1] = hash_words(&halves[1], 1, key);
    }
    return row;
}

uint64_t hash_fixed(struct span s)
{
    return hash_siphash(s, &fixed_key);
}

int hash_key_random(struct hash_key *ret_key)
{
    struct hash_key key;
    ssize_t got = getrandom(&key, sizeof(key), 0);
    if (got != (ssize_t)sizeof(key)) {
        return got < 0 ? -errno : -EIO;
    }
    *ret_key = key;
    return 0;
}
