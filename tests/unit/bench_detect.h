#pragma once

#include "sensor/base/sbuf.h"
#include "signatures/detect.h"
#include "tests/unit/runner.h"

enum { FOUND_MAX = 256 };

/* A transaction under a detector, and what was found. */
struct bench {
    struct engine *engine;
    struct detector *detector;
    struct stats stats;
    struct detect_limits limits;
    struct conn conn;
    struct tx tx;
    const struct finding *found[FOUND_MAX];
    size_t n_found;
    unsigned head_flags; /* of the heads that follow; REGION_AGAIN: they are whole */
};

/* An engine of these rules; "" are the shipped ones, in the folder that JNDIWATCH_RULES names. */
struct engine *engine_of(const char *rules);
void bench_start(struct bench *b, const char *rules);
void bench_start_limited(struct bench *b, const char *rules, struct detect_limits limits);
void bench_stop(struct bench *b);
/* Ends the transaction; its findings stay. */
void tx_stop(struct bench *b);
/* Ends it, if that was not done, and begins another. */
void tx_again(struct bench *b);

/* Regions and fields to the server. */
void head(struct bench *b, struct span bytes);
void field_of(struct bench *b, enum field_id id, const char *item, struct span value);
/* A whole request, as the HTTP decoder emits it: head, fields, the request line, the block. */
void request(struct bench *b, const char *text);
void body_piece(struct bench *b, struct span bytes, unsigned flags, enum body_type type);
void body(struct bench *b, const char *text, enum body_type type);

/* Adds harmless lines until the text has that length. */
void add_lines(struct sbuf *text, size_t len);

struct expected {
    unsigned sid;
    const char *name;   /* field and item, as events write them */
    const char *lookup; /* the first, or NULL for any */
};

void expect_list(const struct bench *b, const struct expected *expected, size_t n,
                 const char *what);
void expect_nothing(const struct bench *b, const char *what);

#define EXPECT(b, what, ...)                                                                       \
    do {                                                                                           \
        const struct expected list[] = {__VA_ARGS__};                                              \
        expect_list((b), list, ARRAY_LEN(list), (what));                                           \
    } while (0)
