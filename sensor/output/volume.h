#pragma once

#include "sensor/base/distinct.h"
#include "sensor/core/event.h"

/* How many alerts there were in one interval of packet time: of each campaign, and of all. What
 * there is no room for is counted under "other"; the sums are exact whatever happens. */
struct volume;

struct volume_limits {
    size_t campaigns; /* told apart in one interval */
    size_t values;    /* of one kind (targets, countries …) told apart in one roll-up */
};

/* What alerts are counted by. */
enum volume_by {
    VOLUME_BY_CLASS,
    VOLUME_BY_FIELD,
    VOLUME_BY_SCHEME,
    VOLUME_BY_COUNTRY,
    VOLUME_BY_NETWORK,
    VOLUME_BY_TARGET,
    VOLUME_BY_N
};
/* "class" … */
const char *volume_by_name(enum volume_by by);

enum { VOLUME_TEXT_SIZE = 48, VOLUME_CLIENTS = 64 };

struct volume_value {
    char text[VOLUME_TEXT_SIZE];
    uint64_t n;
};

struct volume_values {
    struct volume_value *list; /* in the order first seen */
    size_t n;
    uint64_t other; /* alerts of values that had no room */
};

/* Clients: as they are while they are few, else about. */
struct volume_clients {
    uint64_t hashes[VOLUME_CLIENTS];
    size_t n;
    struct distinct all;
};

struct volume_group {
    uint64_t campaign; /* 0: of several, or none */
    char callback[EVENT_CALLBACK_SIZE];
    struct addr client; /* of the first alert */
    struct addr target;
    uint64_t alerts; /* all of them */
    uint64_t told;   /* of these, those written as alerts of their own */
    uint64_t first_us;
    uint64_t last_us;
    struct volume_clients clients;
    struct volume_values by[VOLUME_BY_N];
};

/* NULL when there is no memory. */
MUST_USE struct volume *volume_new(const struct volume_limits *limits);
/* Nulls *v; accepts NULL. */
void volume_free(struct volume **v);

/* An alert, which has facts. `told`: it is written as it is. */
void volume_add(struct volume *v, const struct event *alert, bool told);
/* Everything since the last volume_reset(). */
const struct volume_group *volume_total(const struct volume *v);
/* Campaign i, in the order first seen; NULL behind the last. */
const struct volume_group *volume_campaign(const struct volume *v, size_t i);
/* Look-ups of campaigns that had no room. */
const struct volume_group *volume_other(const struct volume *v);
/* Alerts that come from no look-up are only in the total. */
void volume_reset(struct volume *v);

/* How many clients there were. */
uint64_t volume_n_clients(const struct volume_group *g);
