#pragma once

#include "sensor/base/sbuf.h"
#include "sensor/core/config.h"
#include "sensor/core/event.h"

/* What the lines of one output look like. */
struct line_form {
    struct span prefix;
    size_t line_bytes; /* longest line, its prefix included and its newline not; 0: as it comes */
    unsigned layouts;  /* bit set of enum layout */
};

/* As its configuration says, which outlives the form. */
struct line_form line_form_of(const struct config_output *config);

/* Appends the event as a line. 0, -ENOMEM, or -EMSGSIZE when it cannot be made short enough; then
 * nothing is appended. */
MUST_USE int line_of_event(const struct line_form *form, const struct event *event,
                           struct sbuf *to);

/* The first value of a key in a line that was made here: `key` is what stands before it, with its
 * quotes and colon. Up to the next quote or comma: of texts in which neither can stand. Empty when
 * there is no such key. */
struct span line_value(struct span line, struct span key);

struct line_loss {
    const char *host;
    const char *output;
    uint64_t n_events;
    uint64_t clock_us; /* of the latest of them */
};

/* Appends a line that tells of lost events: an anomaly event, valid as all others are. false when
 * it does not fit. */
MUST_USE bool line_of_loss(const struct line_form *form, const struct line_loss *loss,
                           struct sbuf *to);
