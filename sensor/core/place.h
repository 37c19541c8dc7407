#pragma once

#include "sensor/core/addr.h"
#include "sensor/core/asset.h"

enum scope {
    SCOPE_GLOBAL,
    SCOPE_PRIVATE,
    SCOPE_CGNAT,
    SCOPE_LOOPBACK,
    SCOPE_LINKLOCAL,
    SCOPE_MULTICAST,
    SCOPE_DOCUMENTATION,
    SCOPE_RESERVED,
};

enum { PLACE_NAME_SIZE = 96 };

/* Where an address is, as far as a database knows. A value; texts are UTF-8, NUL-terminated, cut at
 * a character; "" is unknown. */
struct place {
    enum scope scope;
    const struct asset *asset; /* which of one's own it is; NULL: none that is known */
    char country_iso_code[4];
    char country_name[PLACE_NAME_SIZE];
    char continent_code[4];
    char region_iso_code[12]; /* "GB-ENG" */
    char region_name[PLACE_NAME_SIZE];
    char city_name[PLACE_NAME_SIZE];
    char postal_code[16];
    char timezone[40];
    bool has_location;
    double lat;
    double lon;
    uint32_t as_number; /* 0: unknown */
    char as_organization[PLACE_NAME_SIZE];
};

/* "global", "private" … */
const char *scope_name(enum scope scope);

/* The client behind proxies. from NULL: unknown, the packet's source is all there is. */
struct client {
    struct addr addr;
    const char *from; /* "x-forwarded-for" …; static */
    unsigned trusted_hops;
};
