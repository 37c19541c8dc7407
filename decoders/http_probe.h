#pragma once

#include "sensor/core/decoder.h"

/* http2.c: whether a client's first bytes are the preface of HTTP/2 (RFC 9113 section 3.4). */
enum probe http2_probe_preface(struct span first);
/* Whether the first bytes of a direction are HTTP's. */
enum probe http_probe(struct span first, enum direction dir);
