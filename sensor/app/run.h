#pragma once

#include "sensor/app/options.h"
#include "sensor/app/snapshot.h"

/* What a run ends with; the lower ones are told first. */
enum exit_code {
    EXIT_ALL_DONE = 0,
    EXIT_INPUT_INCOMPLETE = 1,
    EXIT_NOT_STARTED = 2,
    EXIT_OUTPUT_LOST = 3,
    EXIT_CAPTURE = 4,
};

/* Opens inputs and output, carries everything out, says the sum. Nothing is started with -T, or
 * when the snapshot has `failed`: its mistakes, in `err`, are told together with those of inputs
 * and output. */
enum exit_code run(const struct snapshot *snapshot, const struct options *options, bool failed,
                   struct errbuf *err);
