#pragma once

#include "sensor/base/sbuf.h"

#include <iconv.h>

enum charset_kind {
    CHARSET_ASCII_LIKE, /* ASCII stands for itself, always: nothing is converted */
    CHARSET_UTF16,      /* or UTF-32: whether the text really is decides */
    CHARSET_UTF7,
    CHARSET_SHIFTED, /* ISO-2022: escapes switch between alphabets */
};

enum { CHARSET_HEAD = 32, CHARSET_TAIL = 16 };

/* Converts text that comes in pieces, cut anywhere, to UTF-8. Starts with charset_stream_open() and
 * ends with charset_stream_close(). All-zero converts nothing. */
struct charset_stream {
    enum charset_kind kind;
    bool active;   /* something is converted */
    bool opened;   /* by now it is known from what */
    bool shown;    /* CHARSET_UTF16: the first bytes told which it is */
    bool marked;   /* CHARSET_UTF16: nothing but a byte order mark counts */
    unsigned unit; /* bytes to skip where they mean nothing */
    iconv_t cd;
    uint8_t head[CHARSET_HEAD]; /* CHARSET_UTF16: the first bytes, until they tell */
    unsigned n_head;
    uint8_t tail[CHARSET_TAIL]; /* a character that is not complete */
    unsigned n_tail;
};

/* false when text in the charset of that name needs no conversion, or none is known. */
bool charset_stream_open(struct charset_stream *c, struct span charset);
/* For a text of no known charset: it is converted when it begins with UTF-16's byte order mark. */
void charset_stream_sniff(struct charset_stream *c);
/* Appends what `in` means; stops adding at out's cap (out->cut). At most three bytes for each one
 * of `in` and of those held back. */
void charset_stream_add(struct charset_stream *c, struct span in, struct sbuf *out);
/* The end of the text: what was held back; a character that is not complete is dropped. */
void charset_stream_finish(struct charset_stream *c, struct sbuf *out);
/* Bytes are missing here: as finish, and what comes next may begin inside a character. Alphabets
 * that are shifted (CHARSET_UTF7, CHARSET_SHIFTED) are known again at the next line start only. */
void charset_stream_gap(struct charset_stream *c, struct sbuf *out);
void charset_stream_close(struct charset_stream *c);
