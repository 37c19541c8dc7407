/* clock: time as text and as numbers.
 *
 * UTC only and without the C library's calendar, so neither TZ nor the locale changes a byte. The
 * date conversion is Hinnant's days-to-civil calculation over 400-year eras. */
#include "sensor/base/clock.h"

#include <stdio.h>
#include <time.h>

enum { SECOND_US = 1000000, DAY_S = 86400 };

void clock_date(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    *ret_day = (int)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
    *ret_month = (int)month;
    *ret_year = (int)(year_of_era + era * 400 + (month <= 2));
}

void clock_format(uint64_t time_us, char *ret_text, size_t size)
{
    uint64_t seconds = time_us / SECOND_US;
    unsigned in_day = (unsigned)(seconds % DAY_S);
    int year, month, day;
    clock_date((int64_t)(seconds / DAY_S), &year, &month, &day);
    year = year > 9999 ? 9999 : year;
    int len =
        snprintf(ret_text, size, "%04d-%02d-%02dT%02u:%02u:%02u.%06u+0000", year, month, day,
                 in_day / 3600, in_day / 60 % 60, in_day % 60, (unsigned)(time_us % SECOND_US));
    CHECK(len > 0 && (size_t)len < size);
}

static uint64_t read_clock(clockid_t id)
{
    struct timespec t = {0};
    (void)clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * SECOND_US + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_monotonic_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_wall_us(void)
{
    return read_clock(CLOCK_REALTIME);
}
