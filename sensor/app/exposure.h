#pragma once

#include "sensor/base/distinct.h"
#include "sensor/core/conn.h"
#include "sensor/core/event.h"

/* What was tried against which host, how much of its traffic was inspected, and which campaigns
 * there were. One for each worker, which adds; whoever asks takes the sum. What has no room is
 * counted under "other". */
struct exposure;

struct exposure_limits {
    size_t hosts;
    size_t campaigns;
};

/* NULL when there is no memory. */
MUST_USE struct exposure *exposure_new(const struct exposure_limits *limits);
/* Nulls *e; accepts NULL. */
void exposure_free(struct exposure **e);

/* An alert: its target is a host from then on. On the worker's thread, as the next. */
void exposure_alert(struct exposure *e, const struct alert_facts *facts);
/* A flow that has ended. Its server is a host when it is one's own (it has an asset, or is no
 * global address), or was a target. */
void exposure_flow(struct exposure *e, const struct conn *conn, const struct asset *asset,
                   bool own);
/* Adds all of `from`, whose worker may be at work, to `to`, which nobody else uses. */
void exposure_sum(struct exposure *to, struct exposure *from);

enum { EXPOSURE_CAMPAIGNS = 32, EXPOSURE_CLASSES = LOOKUP_ATTACK + 1 };

struct exposed_host {
    struct addr addr;          /* family 0: the others */
    const struct asset *asset; /* NULL: none */
    uint64_t attempts;         /* alerts from look-ups */
    uint64_t rules;            /* other alerts */
    uint64_t by_class[EXPOSURE_CLASSES];
    uint64_t by_field[FIELD_N];
    uint64_t campaigns[EXPOSURE_CAMPAIGNS]; /* the lowest, ascending */
    size_t n_campaigns;
    bool more_campaigns; /* than had room */
    uint64_t first_us;   /* of alerts; 0: none */
    uint64_t last_us;
    uint64_t flows;
    uint64_t payload_bytes;       /* of its flows that have ended */
    uint64_t not_inspected_bytes; /* of these */
};

struct exposed_campaign {
    uint64_t id; /* 0: the others */
    char callback[EVENT_CALLBACK_SIZE];
    enum scheme scheme;
    enum lookup_class class; /* the highest */
    uint64_t attempts;
    uint64_t first_us;
    uint64_t last_us;
    struct distinct targets;
    struct distinct clients;
};

/* Host i, in no particular order; NULL behind the last. Of a sum. */
const struct exposed_host *exposure_host(const struct exposure *e, size_t i);
const struct exposed_host *exposure_other_hosts(const struct exposure *e);
const struct exposed_campaign *exposure_campaign(const struct exposure *e, size_t i);
const struct exposed_campaign *exposure_other_campaigns(const struct exposure *e);
