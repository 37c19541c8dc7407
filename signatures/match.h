#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/base/span.h"

/* Finding many patterns in one pass over the bytes, whole texts and streams alike. The only place
 * that knows which library does it is match_hs.c. */

/* `text` is a regular expression, or with `literal` the very bytes to be found. With `twice`
 * it says nothing: what is found is base64 that decodes to base64, at some places of each piece of
 * it (match_twice.h). A set has one of these at most, beside others. */
struct match_pattern {
    struct span text;
    bool literal;
    bool nocase;
    bool twice;
};

/* A compiled set of patterns: immutable, shared by all workers. */
struct match_db;
/* A worker's working memory for every database it was fitted to. */
struct match_scratch;
/* One text that comes in pieces. It must not outlive its database. */
struct match_stream;

/* Told for each match: the pattern's index and the offset behind its last byte, in ascending order
 * of that. false ends the scan, and a stream's until its reset. */
typedef bool (*match_fn)(void *ctx, uint32_t index, uint64_t end);

/* Compiles, or takes from `cache_dir` (NULL: none) what an earlier start compiled from the same;
 * no patterns are fine. -EINVAL with a line in err for a pattern that is refused,
 * -ENOMEM. */
MUST_USE int match_db_new(const struct match_pattern *patterns, size_t n, const char *cache_dir,
                          struct match_db **ret_db, struct errbuf *err);
/* Nulls *db; accepts NULL. */
void match_db_free(struct match_db **db);
/* For tests: whether texts are scanned only where these patterns, those of the set, may begin, on
 * any processor; with none every byte is. What is found is the same. */
void match_db_skip(struct match_db *db, const struct match_pattern *patterns, size_t n);
/* Bytes of the state of one stream. */
size_t match_db_stream_size(const struct match_db *db);

/* Makes *scratch, or makes it fit another database too. -ENOMEM leaves it usable for the databases
 * it fitted before. */
MUST_USE int match_scratch_fit(struct match_scratch **scratch, const struct match_db *db);
void match_scratch_free(struct match_scratch **scratch);

void match_block(const struct match_db *db, struct match_scratch *scratch, struct span text,
                 match_fn found, void *ctx);

/* NULL when there is no memory. */
MUST_USE struct match_stream *match_stream_open(const struct match_db *db);
/* Offsets told to `found` count from the stream's start. */
void match_stream_scan(struct match_stream *stream, struct match_scratch *scratch, struct span text,
                       match_fn found, void *ctx);
/* As if just opened: nothing is joined with what came before. */
void match_stream_reset(struct match_stream *stream);
/* Nulls *stream; accepts NULL. Tells of no match. */
void match_stream_close(struct match_stream **stream);
