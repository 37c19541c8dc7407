#pragma once

#include "sensor/base/check.h"

#include <stddef.h>
#include <stdint.h>

/* A growing text, and the numbers and words it is made from. The same seed gives the same text on
 * every machine. Running out of memory ends the program: this is a tool of the bench. */
struct text {
    uint8_t *data;
    size_t len;
    size_t room;
};

struct random {
    uint64_t state;
};

/* The next number; below n; from..to inclusive; true in `percent` of 100 cases. */
uint64_t random_next(struct random *r);
uint32_t random_below(struct random *r, uint32_t n);
uint32_t random_range(struct random *r, uint32_t from, uint32_t to);
int random_chance(struct random *r, uint32_t percent);
/* One of n texts. */
const char *random_pick(struct random *r, const char *const *texts, size_t n);
#define RANDOM_PICK(r, texts) random_pick(r, texts, ARRAY_LEN(texts))
/* A word of plain English. */
const char *random_word(struct random *r);

void text_add(struct text *t, const void *data, size_t len);
void text_format(struct text *t, const char *format, ...) PRINTF(2, 3);
/* n hexadecimal digits, n characters of base64's alphabet, n bytes of noise. */
void text_hex(struct text *t, struct random *r, size_t n);
void text_base64_noise(struct text *t, struct random *r, size_t n);
void text_noise(struct text *t, struct random *r, size_t n);
/* n words with spaces between, in lines of the given width (0: one line) ended by `end`. */
void text_words(struct text *t, struct random *r, size_t n, size_t width, const char *end);
/* Base64 of the bytes in lines of 76 that end with CRLF. */
void text_base64_lines(struct text *t, const uint8_t *data, size_t len);
void text_free(struct text *t);
