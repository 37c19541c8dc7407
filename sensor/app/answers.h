#pragma once

#include "sensor/app/command.h"
#include "sensor/app/feeds.h"
#include "sensor/app/reload.h"
#include "sensor/output/eve.h"
#include "sensor/output/writer.h"

/* What the command socket tells about a run, and does to it. Whose pointers they are keeps them
 * up to date. */
struct answers {
    const struct config *config;
    const struct feeds *feeds;
    uint64_t memory_limit;       /* memory.limit in use now */
    struct patrol *patrol;       /* NULL without live capture */
    const struct engine *engine; /* in use now */
    struct reload *reload;
    struct writer *writer;
    const char *failed_rules; /* lines "FILE:LINE: why" */
    uint64_t started_us;      /* monotonic */
    uint64_t reloaded_us;     /* wall clock */
    void *ctx;
    void (*sum)(void *ctx, struct stats *ret_sum);      /* all counters now */
    const struct stats *(*worker)(void *ctx, size_t i); /* of one of them; NULL behind the last */
    struct exposure *(*exposure)(void *ctx);            /* to be freed; NULL without memory */
    void (*stop)(void *ctx);                            /* ends the run */
};

/* A command_user's answer(); ctx is a struct answers. */
enum command_answer answers_give(void *ctx, struct span name, struct span arguments,
                                 struct json *j);
/* A command_user's finish(). */
enum command_answer answers_finish(void *ctx, enum command_answer what, struct json *j);
