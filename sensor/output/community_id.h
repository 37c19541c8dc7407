#pragma once

#include "sensor/core/conn.h"

/* "1:" and 28 base64 characters, with the NUL. */
enum { COMMUNITY_ID_SIZE = 32 };

/* Community ID version 1 with seed 0: the same for both directions and in every tool that has it.
 */
void community_id(const struct conn *conn, char ret_text[COMMUNITY_ID_SIZE]);
