#pragma once

#include "sensor/base/check.h"

#include <stdatomic.h>
#include <stdbool.h>

/* Ends a wait from a signal handler or another thread: a flag, and a descriptor to poll. */
struct wake {
    _Atomic bool called;
    int fd; /* readable once called; -1 when there is none */
};

/* 0 or a negative errno. */
MUST_USE int wake_open(struct wake *w);
void wake_close(struct wake *w);
/* Async-signal-safe. */
void wake_call(struct wake *w);
/* Whether it was called since the last time this was asked; asking takes it back. */
bool wake_taken(struct wake *w);
