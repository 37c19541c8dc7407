#pragma once

#include "sensor/base/sbuf.h"

/* Which characters stand for 62 and 63: "+/" (RFC 4648 section 4), "-_" (section 5), or both. */
enum base64_alphabet { BASE64_STANDARD, BASE64_URL, BASE64_EITHER };

/* A streaming decoder; the input may be cut anywhere. */
struct base64 {
    enum base64_alphabet alphabet;
    uint32_t bits;   /* the characters of an unfinished group of four */
    unsigned n;      /* how many of them, 0..3 */
    uint64_t n_junk; /* characters outside the alphabet that were skipped (line ends are not) */
};

struct base64 base64_start(enum base64_alphabet alphabet);
/* Appends what `in` decodes to. As mail readers do, it skips characters outside the alphabet, and
 * padding ends a group but not the text: what follows starts a new group. Stops adding at out's cap
 * (out->cut); the state stays good. */
void base64_decode(struct base64 *d, struct span in, struct sbuf *out);
/* The end of the text: the bytes of a last group without padding (of two or three characters). */
void base64_finish(struct base64 *d, struct sbuf *out);

/* 0..63, or -1 when c is not in the alphabet. */
int base64_value(enum base64_alphabet alphabet, uint8_t c);
