#pragma once

#include "sensor/base/sbuf.h"

/* Appends what Java's SimpleDateFormat of that pattern says of a time, in English and UTC. A
 * pattern that Java refuses gives the short default format ("12/10/21, 12:34 PM"); returns false
 * then. */
bool lookup_date(struct span pattern, uint64_t time_us, struct sbuf *out);
