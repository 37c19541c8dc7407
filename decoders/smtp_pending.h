#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What a command that waits for its reply was. */
enum pending_kind {
    PENDING_NONE,
    PENDING_OTHER,
    PENDING_RCPT,
    PENDING_DATA,
    PENDING_MAIL_END, /* the final dot, or the last chunk */
    PENDING_AUTH,
    PENDING_STARTTLS,
    PENDING_GREETING, /* XCLIENT: the session starts anew */
};

enum { PENDING_RUNS = 16 };

/* Commands whose replies are to come, oldest first; neighbours of one kind are one run. */
struct pending {
    uint8_t kinds[PENDING_RUNS];
    uint32_t counts[PENDING_RUNS];
    uint8_t n;
    bool lost; /* replies and commands are out of step: none is matched */
};

/* With no room left it loses step. */
void pending_add(struct pending *p, enum pending_kind kind, uint32_t count);
/* Takes the oldest one off; PENDING_NONE when nothing waits or the step is lost. */
enum pending_kind pending_take(struct pending *p);
enum pending_kind pending_first(const struct pending *p);
/* Takes all off up to and including the oldest of that kind, of which this must be the reply: in
 * step again. false when there is none. */
bool pending_take_until(struct pending *p, enum pending_kind kind);
/* Forgets all and loses step: something was missed. */
void pending_lose(struct pending *p);
