#pragma once

#include "sensor/base/hash.h"
#include "sensor/base/span.h"

/* A token of one listener: 16 hexadecimal digits that stand nowhere but in what it answers. Whoever
 * brings one elsewhere has been here, or has it from somebody who was. */
enum { CANARY_SIZE = 17, CANARY_KEY_MIN = 16 };

/* The key that tokens of this secret (at least CANARY_KEY_MIN bytes) are made with. */
struct hash_key canary_key(struct span secret);
/* The token of the listener of that name: with one key always the same. */
void canary_make(const struct hash_key *key, const char *listener, char ret_token[CANARY_SIZE]);
