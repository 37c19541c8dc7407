/* talk_http: answers as a server of HTTP/1 does (RFC 9112), with the pages of a persona.
 *
 * Of a request the method, the path, the version, its length and whether the connection stays are
 * understood; all else is for the sensor. What is no request gets a 400, and the connection ends,
 * as does one whose head or body is beyond its limit (431, 413). Several requests at once are
 * answered in their order. */
#include "sensor/base/bytes.h"
#include "sensor/base/clock.h"
#include "sensor/decoy/talk_parts.h"

#include <stdio.h>

#define US_PER_DAY ((uint64_t)86400 * 1000000)

struct reason {
    unsigned status;
    const char *text;
};

static const struct reason reasons[] = {
    {200, "OK"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {413, "Content Too Large"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
};

static const char *reason_of(unsigned status)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].text;
        }
    }
    return "Unknown";
}

/* IMF-fixdate (RFC 9110, section 5.6.7). */
static void format_date(uint64_t now_us, char *ret_text, size_t size)
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t day = (int64_t)(now_us / US_PER_DAY);
    unsigned second = (unsigned)(now_us % US_PER_DAY / 1000000);
    int year;
    int month;
    int date;
    clock_date(day, &year, &month, &date);
    (void)snprintf(ret_text, size, "%s, %02d %s %04d %02u:%02u:%02u GMT", days[day % 7], date,
                   months[month - 1], year, second / 3600, second / 60 % 60, second % 60);
}

static void say_text(struct talk *t, const char *text)
{
    talk_say(t, span_str(text));
}

static void say_header(struct talk *t, const char *name, struct span value)
{
    if (value.len > 0) {
        say_text(t, name);
        talk_say(t, value);
        say_text(t, "\r\n");
    }
}

static void answer_with(struct talk *t, const struct persona_page *page, uint64_t now_us)
{
    char text[96];
    char date[64];
    (void)snprintf(text, sizeof(text), "HTTP/1.1 %u %s\r\n", page->status, reason_of(page->status));
    say_text(t, text);
    format_date(now_us, date, sizeof(date));
    say_header(t, "Date: ", span_str(date));
    say_header(t, "Server: ", t->persona->server);
    say_header(t, "Content-Type: ", page->type);
    talk_say(t, page->headers);
    (void)snprintf(text, sizeof(text), "Content-Length: %zu\r\n%s\r\n", page->body.len,
                   t->http.keeps ? "" : "Connection: close\r\n");
    say_text(t, text);
    if (!t->http.heads) {
        talk_say(t, page->body);
    }
    t->over = t->over || !t->http.keeps;
}

/* The connection ends with this. */
static void refuse(struct talk *t, unsigned status, uint64_t now_us)
{
    const struct persona_page page = {.status = status};
    t->http.keeps = false;
    t->in_head = false;
    answer_with(t, &page, now_us);
}

static void next_request(struct talk *t)
{
    t->http = (struct http_talk){.state = HTTP_LINE};
    t->head = 0;
    t->in_head = false;
}

static void answer(struct talk *t, uint64_t now_us)
{
    const struct http_talk *h = &t->http;
    static const struct persona_page none = {.status = 404};
    const struct persona_page *page = persona_page(t->persona, span_of(h->path, h->path_len));
    answer_with(t, page != NULL ? page : &none, now_us);
    next_request(t);
}

/* METHOD SP PATH SP VERSION; false for anything else. */
static bool take_request_line(struct talk *t)
{
    struct http_talk *h = &t->http;
    struct span line = talk_line_span(t);
    bool whole = t->line_len < sizeof(t->line);
    size_t last = whole ? span_rfind_byte(line, ' ') : line.len;
    struct span method = span_split(&line, ' ');
    if (method.len == 0 || last == SPAN_NONE || last <= method.len) {
        return false;
    }
    struct span version = span_from(line, last - method.len);
    if (whole && !span_starts(version, SPAN("HTTP/1."))) {
        return false;
    }
    h->keeps = !span_equal(version, SPAN("HTTP/1.0"));
    h->heads = span_equal(method, SPAN("HEAD"));
    struct span path = span_head(line, last - method.len - 1);
    h->path_len = path.len < sizeof(h->path) ? path.len : sizeof(h->path);
    bytes_copy(h->path, path.data, h->path_len);
    return true;
}

/* The value of a header line, when it is of that name. */
static bool is_header(struct span line, struct span name, struct span *ret_value)
{
    if (!span_starts_nocase(line, name) || span_at(line, name.len) != ':') {
        return false;
    }
    *ret_value = span_trim(span_from(line, name.len + 1));
    return true;
}

/* false for a length that is none. */
static bool take_header(struct talk *t)
{
    struct http_talk *h = &t->http;
    struct span line = talk_line_span(t);
    struct span value;
    if (is_header(line, SPAN("Content-Length"), &value)) {
        h->sized = true;
        return span_to_u64(value, &h->left);
    }
    if (is_header(line, SPAN("Transfer-Encoding"), &value)) {
        h->chunked = span_find_nocase(value, 0, SPAN("chunked")) != SPAN_NONE;
    } else if (is_header(line, SPAN("Connection"), &value)) {
        bool closes = span_find_nocase(value, 0, SPAN("close")) != SPAN_NONE;
        bool keeps = span_find_nocase(value, 0, SPAN("keep-alive")) != SPAN_NONE;
        h->keeps = (h->keeps || keeps) && !closes;
    } else if (is_header(line, SPAN("Expect"), &value)) {
        h->waits = span_equal_nocase(value, SPAN("100-continue"));
    }
    return true;
}

static void end_head(struct talk *t, uint64_t now_us)
{
    struct http_talk *h = &t->http;
    t->in_head = false;
    t->head = 0;
    bool has_body = h->chunked || h->left > 0;
    if (has_body && h->waits) {
        say_text(t, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    h->state = h->chunked ? HTTP_SIZE : HTTP_BODY;
    if (!h->chunked && h->left > t->limits->body_bytes) {
        t->cut = true;
        refuse(t, 413, now_us);
    } else if (!has_body) {
        answer(t, now_us);
    }
}

/* One complete line of the head. */
static void take_head_line(struct talk *t, uint64_t now_us)
{
    struct http_talk *h = &t->http;
    struct span line = talk_line_span(t);
    if (h->state == HTTP_LINE) {
        if (line.len == 0) {
            next_request(t); /* empty lines before a request are passed over (RFC 9112, 2.2) */
        } else if (take_request_line(t)) {
            h->state = HTTP_HEADERS;
        } else {
            refuse(t, 400, now_us);
        }
    } else if (line.len == 0) {
        end_head(t, now_us);
    } else if (!take_header(t)) {
        refuse(t, 400, now_us);
    }
}

/* "1a;extension": a chunk's size; the last one has none. */
static void take_chunk_size(struct talk *t, uint64_t now_us)
{
    struct http_talk *h = &t->http;
    struct span line = talk_line_span(t);
    t->head = 0;
    if (line.len == 0) {
        return; /* the end of the chunk before */
    }
    struct span digits = span_trim(span_head(line, span_find_byte(line, 0, ';')));
    if (!span_hex_to_u64(digits, &h->left)) {
        refuse(t, 400, now_us);
    } else {
        h->state = h->left == 0 ? HTTP_TRAILERS : HTTP_CHUNK;
    }
}

static void take_line(struct talk *t, uint64_t now_us)
{
    switch (t->http.state) {
    case HTTP_LINE:
    case HTTP_HEADERS:
        take_head_line(t, now_us);
        break;
    case HTTP_SIZE:
        take_chunk_size(t, now_us);
        break;
    case HTTP_TRAILERS:
        if (talk_line_span(t).len == 0) {
            answer(t, now_us);
        }
        break;
    case HTTP_BODY:
    case HTTP_CHUNK:
        break;
    }
    talk_next_line(t);
}

/* A piece of a body or chunk; returns what is behind it. */
static struct span take_body(struct talk *t, struct span bytes, uint64_t now_us)
{
    struct http_talk *h = &t->http;
    size_t n = h->left < bytes.len ? (size_t)h->left : bytes.len;
    h->left -= n;
    h->body += n;
    if (h->body > t->limits->body_bytes) {
        t->cut = true;
        refuse(t, 413, now_us);
    } else if (h->left == 0 && h->state == HTTP_CHUNK) {
        h->state = HTTP_SIZE;
    } else if (h->left == 0) {
        answer(t, now_us);
    }
    return span_from(bytes, n);
}

void talk_http(struct talk *t, struct span bytes, uint64_t now_us)
{
    while (bytes.len > 0 && !t->over) {
        if (t->http.state == HTTP_BODY || t->http.state == HTTP_CHUNK) {
            bytes = take_body(t, bytes, now_us);
            continue;
        }
        t->in_head = t->http.state != HTTP_SIZE;
        bool complete = talk_line(t, &bytes);
        if (t->head > t->limits->head_bytes) {
            t->cut = true;
            refuse(t, 431, now_us);
        } else if (complete) {
            take_line(t, now_us);
        }
    }
}
