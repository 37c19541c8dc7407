#pragma once

#include "sensor/base/check.h"

#include <stddef.h>
#include <stdint.h>

/* Times are microseconds since 1970-01-01T00:00:00 UTC in a uint64_t named time_us. Below app/ they
 * always come in as an argument (packet time); nothing there asks a clock. */

/* "2021-12-12T23:04:16.733555+0000" and its NUL. Any time_us is fine; years beyond 9999 are shown
 * as 9999. */
enum { CLOCK_TEXT_SIZE = 32 };
void clock_format(uint64_t time_us, char *ret_text, size_t size);

/* Days since 1970-01-01 to a date of the proleptic Gregorian calendar. */
void clock_date(int64_t days, int *ret_year, int *ret_month, int *ret_day);

/* For app/ and output/ only: the monotonic clock (never set back) and the wall clock. */
uint64_t clock_monotonic_us(void);
uint64_t clock_wall_us(void);
