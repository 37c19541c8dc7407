#pragma once

#include "sensor/base/sbuf.h"

/* Compiled pattern databases on disk, so that a start does not compile what an earlier one has. */

enum {
    MATCH_CACHE_KEY_SIZE = 32,
    MATCH_CACHE_FILES_MAX = 32, /* databases kept in a directory */
};

/* What a database was made of: whatever can change it goes in. */
struct match_cache_key {
    uint8_t bytes[MATCH_CACHE_KEY_SIZE];
};

/* SHA-256 of `material`. */
struct match_cache_key match_cache_key(struct span material);

/* The bytes stored under that key, into *ret_bytes (the caller frees it). false when there are none
 * that can be trusted: the file must be a regular one of our own that nobody else may write, and
 * hold what its checksum says. */
bool match_cache_load(const char *dir, const struct match_cache_key *key, struct sbuf *ret_bytes);
/* Stores them, all or nothing; makes the directory when only its last part is missing. That it
 * could not be done is no error: the next start compiles again. Of the databases in the directory
 * the MATCH_CACHE_FILES_MAX that were stored or loaded last are kept, the others removed; what has
 * another name, or is no regular file, is left alone. */
void match_cache_store(const char *dir, const struct match_cache_key *key, struct span bytes);
