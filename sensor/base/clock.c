/* clock: time as text and as numbers.
 *
 * UTC only and without the C library's calendar, so neither TZ nor the locale changes a byte. The
 * date conversion is Hinnant's days-to-civil calculation over 400-year eras. */
#include "sensor/base/clock.h"

#include "sensor/base/bytes.h"

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

/* Writes so many digits of a number. */
static void put_number(char *to, size_t n_digits, unsigned number)
{
    while (n_digits > 0) {
        to[--n_digits] = (char)('0' + number % 10);
        number /= 10;
    }
}

/* By hand: it stands in every event, and printf() would be half of what some cost. */
void clock_format(uint64_t time_us, char *ret_text, size_t size)
{
    static const char form[] = "0000-00-00T00:00:00.000000+0000";
    uint64_t seconds = time_us / SECOND_US;
    unsigned in_day = (unsigned)(seconds % DAY_S);
    int year, month, day;
    CHECK(size >= sizeof(form));
    clock_date((int64_t)(seconds / DAY_S), &year, &month, &day);
    bytes_copy(ret_text, form, sizeof(form));
    put_number(&ret_text[0], 4, year > 9999 ? 9999 : (unsigned)year);
    put_number(&ret_text[5], 2, (unsigned)month);
    put_number(&ret_text[8], 2, (unsigned)day);
    put_number(&ret_text[11], 2, in_day / 3600);
    put_number(&ret_text[14], 2, in_day / 60 % 60);
    put_number(&ret_text[17], 2, in_day % 60);
    put_number(&ret_text[20], 6, (unsigned)(time_us % SECOND_US));
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
