#pragma once

#include "sensor/base/span.h"

/* The bytes of one input in order, decompressed when its first bytes say so. */
struct feed;

enum feed_status {
    FEED_OK,
    FEED_END,         /* no more bytes */
    FEED_INTERRUPTED, /* the interrupt's descriptor became readable while waiting, or nothing came
                         for a while: to be asked again */
    FEED_BAD,         /* feed_why() says why */
};

/* Opens `path`, or standard input for "-". 0 or a negative errno, as open() gives it. `wake_fd` is
 * watched while a pipe is waited for; -1: none. */
MUST_USE int feed_open(const char *path, int wake_fd, struct feed **ret_feed);
/* Nulls *f; accepts NULL. Standard input stays open. */
void feed_close(struct feed **f);
/* Reads at least one byte and at most `room`, into `to`. Waits for a pipe. */
enum feed_status feed_read(struct feed *f, uint8_t *to, size_t room, size_t *ret_len);
/* Why it is bad, in words that follow "'x': "; "" while it is not. */
const char *feed_why(const struct feed *f);
/* "gzip", "zstd", "xz", or NULL when it is not compressed; known after the first read. */
const char *feed_packing(const struct feed *f);
/* A regular file: never waits, can be opened again. */
bool feed_is_regular(const struct feed *f);
/* Bytes read from the file, compressed or not, and its size (0: unknown). */
uint64_t feed_position(const struct feed *f);
uint64_t feed_size(const struct feed *f);
