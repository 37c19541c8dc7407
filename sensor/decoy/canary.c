/* canary: tokens of listeners.
 *
 * A token is a keyed hash of the listener's name: nobody without the secret can tell it from random
 * digits, or make that of another listener. Two honeypots with one secret and listeners of one name
 * have the same token; so each has a secret of its own. */
#include "sensor/decoy/canary.h"

#include <inttypes.h>
#include <stdio.h>

/* Two halves of a key from one secret, told apart by the key they are hashed with. */
struct hash_key canary_key(struct span secret)
{
    const struct hash_key first = {.k0 = 0x63616e6172792d30, .k1 = 0};
    const struct hash_key second = {.k0 = 0x63616e6172792d31, .k1 = 0};
    return (struct hash_key){.k0 = hash_siphash(secret, &first),
                             .k1 = hash_siphash(secret, &second)};
}

void canary_make(const struct hash_key *key, const char *listener, char ret_token[CANARY_SIZE])
{
    uint64_t hash = hash_siphash(span_str(listener), key);
    (void)snprintf(ret_token, CANARY_SIZE, "%016" PRIx64, hash);
}
