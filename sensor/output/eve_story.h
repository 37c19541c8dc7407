#pragma once

#include "sensor/output/eve.h"
#include "sensor/output/story.h"

/* The alert of a step: of the flow that showed it, with the attempt's id. `places` are those of the
 * flow, and of the call-back where it has an address. NULL when there is no memory. */
struct event *eve_story(struct eve *e, const struct sighting *seen, const struct story_step *step,
                        const struct eve_places *places);
