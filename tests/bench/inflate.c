/* inflate: the least that a program must do to inflate the compressed bodies of a capture.
 *
 * The head of an answer is collected, its framing (Content-Length or chunked) followed, and a body
 * with Content-Encoding: gzip given to igzip piece by piece; what comes out is counted and dropped.
 * Only what the bench's own captures contain is understood: in-order data, well-formed answers. */
#include "tests/bench/inflate.h"

#include <ctype.h>
#include <isa-l/igzip_lib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_SLOTS = 1 << 18, HEAD_ROOM = 4096, OUT_ROOM = 1 << 16 };

enum state { IN_HEAD, IN_BODY, IN_CHUNK_SIZE, IN_CHUNK, AFTER_CHUNK, IN_TRAILER, NOT_HTTP };

struct stream {
    uint64_t flow;
    enum state state;
    bool gzip;
    bool chunked;
    uint64_t left;             /* of the body or chunk */
    struct inflate_state *zip; /* 90 kB: only where there is a gzip body */
    size_t head_len;
    char head[HEAD_ROOM];
};

struct inflater {
    struct stream *slots[N_SLOTS]; /* open addressing, by flow */
    struct inflated sum;
    uint8_t out[OUT_ROOM];
};

struct inflater *inflater_new(void)
{
    return calloc(1, sizeof(struct inflater));
}

static void *allocate(size_t size)
{
    void *block = malloc(size);
    if (block == NULL) {
        fprintf(stderr, "floor: error: out of memory\n");
        exit(1);
    }
    return block;
}

static void free_stream(struct stream *s)
{
    if (s != NULL) {
        free(s->zip);
        free(s);
    }
}

static size_t slot_of(const struct inflater *in, uint64_t flow)
{
    size_t at = flow % N_SLOTS;
    while (in->slots[at] != NULL && in->slots[at]->flow != flow) {
        at = (at + 1) % N_SLOTS;
    }
    return at;
}

static void inflate_piece(struct inflater *in, struct stream *s, const uint8_t *data, size_t len)
{
    s->zip->next_in = (uint8_t *)(uintptr_t)data;
    s->zip->avail_in = (uint32_t)len;
    do {
        s->zip->next_out = in->out;
        s->zip->avail_out = OUT_ROOM;
        if (isal_inflate(s->zip) != ISAL_DECOMP_OK) {
            return;
        }
        in->sum.n_bytes += OUT_ROOM - s->zip->avail_out;
    } while (s->zip->avail_out == 0);
}

/* The value of a header of the collected head, or NULL. */
static const char *header(const struct stream *s, const char *name)
{
    const char *at = strcasestr(s->head, name);
    return at != NULL ? at + strlen(name) : NULL;
}

static void begin_body(struct inflater *in, struct stream *s)
{
    const char *encoding = header(s, "\r\nContent-Encoding: ");
    const char *length = header(s, "\r\nContent-Length: ");
    s->gzip = encoding != NULL && strncmp(encoding, "gzip", 4) == 0;
    s->chunked = header(s, "\r\nTransfer-Encoding: chunked") != NULL;
    s->left = length != NULL ? strtoull(length, NULL, 10) : 0;
    s->state = s->chunked ? IN_CHUNK_SIZE : s->left > 0 ? IN_BODY : IN_HEAD;
    s->head_len = 0;
    if (s->gzip) {
        s->zip = s->zip != NULL ? s->zip : allocate(sizeof(*s->zip));
        isal_inflate_init(s->zip);
        s->zip->crc_flag = ISAL_GZIP;
        in->sum.n_bodies++;
    }
}

/* Collects the head up to its blank line; returns what was taken. */
static size_t take_head(struct inflater *in, struct stream *s, const uint8_t *data, size_t len)
{
    /* The blank line may have begun in what was collected before. */
    size_t before = s->head_len < 3 ? s->head_len : 3;
    size_t n = len < HEAD_ROOM - 1 - s->head_len ? len : HEAD_ROOM - 1 - s->head_len;
    memcpy(s->head + s->head_len, data, n);
    const char *from = s->head + s->head_len - before;
    const char *end = memmem(from, before + n, "\r\n\r\n", 4);
    if (end == NULL) {
        s->head_len += n;
        if (n < len || (s->head_len >= 5 && memcmp(s->head, "HTTP/", 5) != 0)) {
            s->state = NOT_HTTP;
        }
        return len;
    }
    size_t taken = (size_t)(end + 4 - from) - before;
    s->head[s->head_len + taken] = '\0';
    s->state = NOT_HTTP;
    if (memcmp(s->head, "HTTP/", 5) == 0) {
        begin_body(in, s);
    }
    return taken;
}

static size_t take_body(struct inflater *in, struct stream *s, const uint8_t *data, size_t len)
{
    size_t n = s->left < len ? (size_t)s->left : len;
    if (s->gzip) {
        inflate_piece(in, s, data, n);
    }
    s->left -= n;
    if (s->left == 0) {
        s->state = s->state == IN_CHUNK ? AFTER_CHUNK : IN_HEAD;
    }
    return n;
}

/* The line with a chunk's size, byte by byte. */
static size_t take_size(struct stream *s, uint8_t c)
{
    if (isxdigit(c)) {
        s->left = s->left * 16 + (uint64_t)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
    } else if (c == '\n') {
        s->state = s->left > 0 ? IN_CHUNK : IN_TRAILER;
    }
    return 1;
}

static size_t take(struct inflater *in, struct stream *s, const uint8_t *data, size_t len)
{
    switch (s->state) {
    case IN_HEAD:
        return take_head(in, s, data, len);
    case IN_BODY:
    case IN_CHUNK:
        return take_body(in, s, data, len);
    case IN_CHUNK_SIZE:
        return take_size(s, data[0]);
    case AFTER_CHUNK:
    case IN_TRAILER:
        if (data[0] == '\n') {
            s->state = s->state == IN_TRAILER ? IN_HEAD : IN_CHUNK_SIZE;
        }
        return 1;
    case NOT_HTTP:
        break;
    }
    return len;
}

void inflater_data(struct inflater *in, uint64_t flow, const uint8_t *data, size_t len)
{
    size_t at = slot_of(in, flow);
    struct stream *s = in->slots[at];
    if (s == NULL) {
        s = allocate(sizeof(*s));
        s->flow = flow;
        s->state = IN_HEAD;
        s->head_len = 0;
        s->zip = NULL;
        in->slots[at] = s;
    }
    for (size_t off = 0; off < len;) {
        off += take(in, s, data + off, len - off);
    }
}

/* Takes a slot out and closes the hole, so that a search stops at the first empty slot. */
void inflater_end(struct inflater *in, uint64_t flow)
{
    size_t at = slot_of(in, flow);
    if (in->slots[at] == NULL) {
        return;
    }
    free_stream(in->slots[at]);
    in->slots[at] = NULL;
    for (size_t i = (at + 1) % N_SLOTS; in->slots[i] != NULL; i = (i + 1) % N_SLOTS) {
        struct stream *moved = in->slots[i];
        in->slots[i] = NULL;
        in->slots[slot_of(in, moved->flow)] = moved;
    }
}

struct inflated inflater_sum(const struct inflater *in)
{
    return in->sum;
}

void inflater_free(struct inflater *in)
{
    for (size_t i = 0; i < N_SLOTS; i++) {
        free_stream(in->slots[i]);
    }
    free(in);
}
