#pragma once

#include "sensor/core/decoder.h"

/* Whether the first bytes of a direction are HTTP's. */
enum probe http_probe(struct span first, enum direction dir);
