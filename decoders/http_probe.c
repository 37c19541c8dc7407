/* http_probe: is this HTTP?
 *
 * A response says so in its first bytes. A request does when a known method is followed by a path,
 * or when a line ends in a version. In the middle of a flow a message may begin on any line of what
 * is shown, so as long as the bytes are text, more is asked for. */
#include "decoders/http_probe.h"

#include "decoders/http_line.h"
#include "sensor/base/bytes.h"

enum { MOST_BYTES = 256 };

static bool is_text(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = span_at(s, i);
        if (c == 0x7f || (c < 0x20 && !byte_is_space(c))) {
            return false;
        }
    }
    return true;
}

/* "GET /", "POST http", "OPTIONS *". */
static bool begins_request(struct span line)
{
    if (!http_is_request_start(line)) {
        return false;
    }
    struct span target = span_from(line, span_find_byte(line, 0, ' ') + 1);
    return span_at(target, 0) == '/' || span_starts_nocase(target, SPAN("http"));
}

static bool begins_message(struct span line, bool whole, enum direction dir)
{
    if (dir == TO_CLIENT) {
        return span_starts(line, SPAN("HTTP/")) && byte_is_digit(span_at(line, 5));
    }
    struct http_request_line r = http_request_line_parse(span_trim(line));
    return begins_request(line) || (whole && r.version.len > 0 && r.target.len > 0);
}

enum probe http_probe(struct span first, enum direction dir)
{
    if (dir == TO_SERVER && http2_probe_preface(first) == PROBE_MORE) {
        return PROBE_MORE; /* its first line is a request's, too */
    }
    struct span rest = span_head(first, MOST_BYTES);
    while (rest.len > 0) {
        size_t lf = span_find_byte(rest, 0, '\n');
        if (begins_message(span_head(rest, lf), lf != SPAN_NONE, dir)) {
            return PROBE_YES;
        }
        rest = span_from(rest, lf == SPAN_NONE ? rest.len : lf + 1);
    }
    return first.len < MOST_BYTES && is_text(first) ? PROBE_MORE : PROBE_NO;
}
