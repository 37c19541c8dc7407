#pragma once

#include "sensor/core/config.h"
#include "sensor/core/packet.h"
#include "sensor/packet/checksum.h"

/* A look at the first packets of the input, before any is carried out: what their checksums say
 * goes to the policy. They are held back meanwhile. */
struct survey;

/* The policy outlives it. NULL when there is no memory. */
MUST_USE struct survey *survey_new(const struct config *config, struct checksum_policy *policy);
/* Nulls *s; accepts NULL. */
void survey_free(struct survey **s);

/* Looks at a batch and keeps a copy. false: it is not kept, because the survey is at its end: the
 * policy knows enough, or there is no room. Carry out what was held, then this batch. */
bool survey_hold(struct survey *s, const struct packet_batch *batch);
/* The batches that were held, in order: the next one, or NULL after the last. They live as long as
 * the survey. */
struct packet_batch *survey_next(struct survey *s);
