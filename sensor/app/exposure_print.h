#pragma once

#include "sensor/app/exposure.h"
#include "sensor/output/json.h"

/* The members of the object that is open: hosts, most attempts first, at most `most` of them, the
 * assets they belong to, and what is not among them. false without memory: then nothing. */
MUST_USE bool exposure_print(struct json *j, const struct exposure *e, size_t most);
/* The same of campaigns, the latest first. */
MUST_USE bool exposure_print_campaigns(struct json *j, const struct exposure *e, size_t most);
