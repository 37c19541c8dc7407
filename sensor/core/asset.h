#pragma once

#include <stdbool.h>

enum { ASSET_TEXT_SIZE = 64 };

/* Who can reach it, as far as its owner knows. */
enum exposure {
    EXPOSURE_UNKNOWN,
    EXPOSURE_INTERNET,
    EXPOSURE_PARTNER,
    EXPOSURE_INTERNAL,
    EXPOSURE_N,
};
/* "internet" …; "" for unknown. */
const char *exposure_name(enum exposure exposure);

enum vulnerable { VULNERABLE_UNKNOWN, VULNERABLE_NO, VULNERABLE_YES };

/* A network of one's own, or a single address of it. Immutable. */
struct asset {
    char name[ASSET_TEXT_SIZE];
    char owner[ASSET_TEXT_SIZE]; /* "": unknown */
    enum exposure exposure;
    enum vulnerable vulnerable; /* to look-ups, as far as its owner knows */
};
