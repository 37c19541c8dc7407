#pragma once

#include "sensor/base/sbuf.h"

enum charset_kind {
    CHARSET_ASCII_LIKE, /* ASCII stands for itself, always: nothing is converted */
    CHARSET_UTF16,
    CHARSET_UTF7,
    CHARSET_SHIFTED, /* ISO-2022: escapes switch between alphabets */
};

enum utf16_is {
    UTF16_IS_UNKNOWN, /* the first bytes will tell */
    UTF16_IS_LITTLE,
    UTF16_IS_BIG,
    UTF16_IS_NONE, /* it is something else */
};

enum { CHARSET_HEAD = 32, CHARSET_ESCAPE = 4 };

/* Converts text that comes in pieces, cut anywhere. All-zero converts nothing. */
struct charset_stream {
    enum charset_kind kind;
    /* UTF-16 */
    enum utf16_is utf16;
    enum utf16_is named;        /* what the charset's name says */
    bool mark_only;             /* nothing but a byte order mark makes it UTF-16 */
    uint8_t head[CHARSET_HEAD]; /* the first bytes, until they tell */
    unsigned n_head;
    bool half; /* of a unit: its first byte */
    uint8_t first;
    uint32_t high; /* a surrogate that waits for its other half, or 0 */
    /* UTF-7 */
    bool in_base64;
    bool any; /* the section gave something */
    uint32_t bits;
    unsigned n_bits;
    /* ISO-2022 */
    uint8_t escape[CHARSET_ESCAPE];
    unsigned n_escape;
    bool wide;    /* characters of two bytes, by an escape, */
    bool shifted; /* or by SO */
};

/* For the charset of that name. false when text in it needs no conversion, or none is known. */
bool charset_stream_open(struct charset_stream *c, struct span charset);
/* For a text of no known charset: it is converted when it begins with UTF-16's byte order mark. */
void charset_stream_sniff(struct charset_stream *c);
/* Appends what `in` means; at most three bytes for each one of it and of those held back. */
void charset_stream_add(struct charset_stream *c, struct span in, struct sbuf *out);
/* The end of the text: what was held back; a character that is not complete is dropped. */
void charset_stream_finish(struct charset_stream *c, struct sbuf *out);
/* Bytes are missing here: as finish, and what comes next may begin inside a character. Alphabets
 * that are shifted (CHARSET_UTF7, CHARSET_SHIFTED) are known again at the next line start only. */
void charset_stream_gap(struct charset_stream *c, struct sbuf *out);
