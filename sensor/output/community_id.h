#pragma once

#include "sensor/core/conn.h"

/* "1:" and 28 base64 characters, with the NUL. */
enum { COMMUNITY_ID_SIZE = 32 };

/* Community ID version 1 with seed 0: the same for both directions and in every tool that has it.
 */
void community_id(const struct conn *conn, char ret_text[COMMUNITY_ID_SIZE]);

/* Those of flows that had events lately, since a hash for each event is what costs. All-zero:
 * none. */
enum { COMMUNITY_IDS = 2048 };
struct community_ids {
    struct known_community_id {
        struct addr addr[2];
        uint16_t port[2];
        uint8_t proto;
        char text[COMMUNITY_ID_SIZE]; /* "": none */
    } known[COMMUNITY_IDS];
};

/* The same, remembered. The text is valid until the next call. */
const char *community_id_of(struct community_ids *ids, const struct conn *conn);
