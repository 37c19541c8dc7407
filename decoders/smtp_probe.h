#pragma once

#include "sensor/core/decoder.h"

/* As struct decoder wants it. */
enum probe smtp_probe(struct span first, enum direction dir);
/* Whether a line is a header that only mails have. */
enum probe smtp_probe_mail(struct span line);
