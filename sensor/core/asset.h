#pragma once

#include <stdbool.h>

enum { ASSET_TEXT_SIZE = 64 };

/* Who can reach it, as far as its owner knows. */
enum reach {
    REACH_UNKNOWN,
    REACH_INTERNET,
    REACH_PARTNER,
    REACH_INTERNAL,
    REACH_N,
};
/* "internet" …; "" for unknown. */
const char *reach_name(enum reach reach);

enum vulnerable { VULNERABLE_UNKNOWN, VULNERABLE_NO, VULNERABLE_YES };

/* A network of one's own, or a single address of it. Immutable. */
struct asset {
    char name[ASSET_TEXT_SIZE];
    char owner[ASSET_TEXT_SIZE]; /* "": unknown */
    enum reach exposure;
    enum vulnerable vulnerable; /* to look-ups, as far as its owner knows */
};
