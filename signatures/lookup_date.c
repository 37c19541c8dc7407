/* lookup_date: java.text.SimpleDateFormat as Log4j's date look-up uses it.
 *
 * All pattern letters of Java 17 in the locale en_US and the zone UTC (a server's own are unknown).
 * Letters beyond ASCII, digits and punctuation stand for themselves, '...' quotes, '' is an
 * apostrophe. Weeks begin on Sunday and the first one holds the first of January, as in the United
 * States. */
#include "signatures/lookup_date.h"

#include "sensor/base/bytes.h"
#include "sensor/base/clock.h"

enum { US_PER_MS = 1000, MS_PER_DAY = 86400000, ZONE_X_MAX = 3, LONG_FORM = 4, MONTH_TEXT = 3 };

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const weekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};

struct moment {
    unsigned year;
    unsigned month; /* 1..12 */
    unsigned day;
    unsigned year_day; /* 1..366 */
    unsigned weekday;  /* 0 is Sunday */
    unsigned ms;       /* of the day */
};

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static struct moment moment_of(uint64_t time_us)
{
    static const unsigned before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    uint64_t ms = time_us / US_PER_MS;
    int64_t days = (int64_t)(ms / MS_PER_DAY);
    int year = 0;
    int month = 0;
    int day = 0;
    clock_date(days, &year, &month, &day);
    struct moment m = {.year = (unsigned)year, .month = (unsigned)month, .day = (unsigned)day};
    m.year_day = before[m.month - 1] + m.day + (m.month > 2 && is_leap(m.year) ? 1 : 0);
    m.weekday = (unsigned)((days + 4) % 7); /* 1970-01-01 was a Thursday */
    m.ms = (unsigned)(ms % MS_PER_DAY);
    return m;
}

/* Which week day `day` (from 1) is in, when weeks begin on Sunday and the first may be short. */
static unsigned week_of(unsigned day, unsigned weekday)
{
    unsigned first = (weekday + 7 - (day - 1) % 7) % 7; /* weekday of day 1 */
    return (day - 1 + first) / 7 + 1;
}

/* Whether the week runs into the next year: then it is that year's first. */
static bool in_next_year(const struct moment *m)
{
    unsigned last = is_leap(m->year) ? 366 : 365;
    return m->year_day + (6 - m->weekday) > last;
}

static void add_number(unsigned value, size_t width, struct sbuf *out)
{
    char digits[16];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = n; i < width; i++) {
        sbuf_add_byte(out, '0');
    }
    while (n > 0) {
        sbuf_add_byte(out, (uint8_t)digits[--n]);
    }
}

static void add_name(const char *name, bool whole, struct sbuf *out)
{
    sbuf_add(out, whole ? span_str(name) : span_head(span_str(name), 3));
}

static void add_year(unsigned year, size_t count, struct sbuf *out)
{
    add_number(count == 2 ? year % 100 : year, count, out);
}

static unsigned number_for(uint8_t letter, const struct moment *m)
{
    unsigned hour = m->ms / 3600000;
    switch (letter) {
    case 'w':
        return in_next_year(m) ? 1 : week_of(m->year_day, m->weekday);
    case 'W':
        return week_of(m->day, m->weekday);
    case 'D':
        return m->year_day;
    case 'd':
        return m->day;
    case 'F':
        return (m->day - 1) / 7 + 1;
    case 'u':
        return m->weekday == 0 ? 7 : m->weekday;
    case 'H':
        return hour;
    case 'k':
        return hour == 0 ? 24 : hour;
    case 'K':
        return hour % 12;
    case 'h':
        return hour % 12 == 0 ? 12 : hour % 12;
    case 'm':
        return m->ms / 60000 % 60;
    case 's':
        return m->ms / 1000 % 60;
    default: /* 'S' */
        return m->ms % 1000;
    }
}

/* One run of `count` equal letters. */
static void add_run(uint8_t letter, size_t count, const struct moment *m, struct sbuf *out)
{
    if (letter == 'y') {
        add_year(m->year, count, out);
    } else if (letter == 'Y') {
        add_year(m->year + (in_next_year(m) ? 1 : 0), count, out);
    } else if ((letter == 'M' || letter == 'L') && count >= MONTH_TEXT) {
        add_name(months[m->month - 1], count >= LONG_FORM, out);
    } else if (letter == 'M' || letter == 'L') {
        add_number(m->month, count, out);
    } else if (letter == 'E') {
        add_name(weekdays[m->weekday], count >= LONG_FORM, out);
    } else if (letter == 'G') {
        sbuf_add_str(out, "AD");
    } else if (letter == 'a') {
        sbuf_add_str(out, m->ms < MS_PER_DAY / 2 ? "AM" : "PM");
    } else if (letter == 'z') {
        sbuf_add_str(out, count >= LONG_FORM ? "Coordinated Universal Time" : "UTC");
    } else if (letter == 'Z') {
        sbuf_add_str(out, "+0000");
    } else if (letter == 'X') {
        sbuf_add_str(out, "Z");
    } else {
        add_number(number_for(letter, m), count, out);
    }
}

static size_t run_length(struct span pattern, size_t off)
{
    size_t n = 1;
    while (off + n < pattern.len && pattern.data[off + n] == pattern.data[off]) {
        n++;
    }
    return n;
}

/* The quoted text that begins at off: appends it and returns its length with both quotes, or 0
 * when it does not end. */
static size_t quoted(struct span pattern, size_t off, struct sbuf *out)
{
    if (span_at(pattern, off + 1) == '\'') {
        sbuf_add_byte(out, '\'');
        return 2;
    }
    size_t at = off + 1;
    while (at < pattern.len) {
        size_t quote = span_find_byte(pattern, at, '\'');
        if (quote == SPAN_NONE) {
            return 0;
        }
        sbuf_add(out, span_sub(pattern, at, quote - at));
        if (span_at(pattern, quote + 1) != '\'') {
            return quote + 1 - off;
        }
        sbuf_add_byte(out, '\'');
        at = quote + 2;
    }
    return 0;
}

static bool is_letter_of_java(uint8_t c)
{
    return span_find_byte(SPAN("GyYMLwWDdFEuaHkKhmsSzZX"), 0, c) != SPAN_NONE;
}

static bool format(struct span pattern, const struct moment *m, struct sbuf *out)
{
    size_t off = 0;
    while (off < pattern.len) {
        uint8_t c = pattern.data[off];
        size_t len = 1;
        if (c == '\'') {
            len = quoted(pattern, off, out);
            if (len == 0) {
                return false;
            }
        } else if (!byte_is_alpha(c)) {
            sbuf_add_byte(out, c);
        } else {
            len = run_length(pattern, off);
            if (!is_letter_of_java(c) || (c == 'X' && len > ZONE_X_MAX)) {
                return false;
            }
            add_run(c, len, m, out);
        }
        off += len;
    }
    return true;
}

bool lookup_date(struct span pattern, uint64_t time_us, struct sbuf *out)
{
    struct moment m = moment_of(time_us);
    size_t start = out->len;
    if (format(pattern, &m, out)) {
        return true;
    }
    sbuf_shorten(out, start);
    (void)format(SPAN("M/d/yy, h:mm a"), &m, out);
    return false;
}
