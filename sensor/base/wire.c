/* wire: the Internet checksum (RFC 1071).
 *
 * The sum does not care about byte order as long as the result is swapped back (RFC 1071, 2.B), so
 * it is taken over 32-bit words of the machine in a loop that compilers turn into vector code, and
 * folded once at the end. */
#include "sensor/base/wire.h"

#include "sensor/base/wide.h"

#include "sensor/base/bytes.h"

uint16_t wire_fold(uint64_t words)
{
    uint64_t sum = (words & 0xffffffff) + (words >> 32);
    sum = (sum & 0xffff) + (sum >> 16); /* at most 18 bits more than 16 */
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static uint16_t machine_to_big(uint16_t value)
{
    const union {
        uint16_t word;
        uint8_t bytes[2];
    } v = {.word = value};
    return (uint16_t)(v.bytes[0] << 8 | v.bytes[1]);
}

/* Words into sums that hold 2^32 of them without a carry: more than a span of a packet has. For
 * few, as in headers, a call would cost more than the wide loop gains. */
static inline __attribute__((always_inline)) uint64_t sum_few_words(const uint8_t *data,
                                                                    size_t n_words)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n_words; i++) {
        uint32_t word;
        __builtin_memcpy(&word, data + i * sizeof(word), sizeof(word));
        sum += word;
    }
    return sum;
}

WIDE static uint64_t sum_words(const uint8_t *data, size_t n_words)
{
    return sum_few_words(data, n_words);
}

/* What is left behind the last whole word, as a word with zeros behind it. */
static uint32_t last_word(struct span s)
{
    uint8_t tail[sizeof(uint32_t)] = {0};
    uint32_t word;
    for (size_t i = 0; i < s.len % sizeof(word); i++) {
        tail[i] = s.data[s.len / sizeof(word) * sizeof(word) + i];
    }
    __builtin_memcpy(&word, tail, sizeof(word));
    return word;
}

uint64_t wire_words(struct span s)
{
    enum { FEW = 16 };
    size_t n_words = s.len / sizeof(uint32_t);
    uint64_t total = n_words <= FEW ? sum_few_words(s.data, n_words) : sum_words(s.data, n_words);
    return total + (s.len % sizeof(uint32_t) != 0 ? last_word(s) : 0);
}

uint64_t wire_word(uint16_t value)
{
    return machine_to_big(value);
}

uint32_t wire_sum(struct span s, uint32_t sum)
{
    return wire_fold((uint64_t)machine_to_big(wire_fold(wire_words(s))) + sum);
}
