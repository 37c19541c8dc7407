/* http_bench: what the HTTP decoder costs, without an engine behind it.
 *
 * One connection with many exchanges is given in segments of 1460 bytes: a browser's request head,
 * an API's small JSON exchange, and downloads with a length, in chunks and compressed. Run by hand;
 * figures mean something in a release build only. */
#include "sensor/base/bytes.h"
#include "sensor/base/sbuf.h"
#include "sensor/core/decoder.h"
#include "sensor/core/tx.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zlib.h>

enum { SEGMENT = 1460, CAP = 64 << 20 };

struct sink {
    struct tx tx;
    size_t n_calls;
    size_t n_bytes;
};

static struct tx *on_begin(void *ctx, enum direction dir)
{
    struct sink *sink = ctx;
    (void)dir;
    return &sink->tx;
}

static bool on_region(void *ctx, struct tx *tx, const struct region *region)
{
    struct sink *sink = ctx;
    (void)tx;
    sink->n_calls++;
    sink->n_bytes += region->bytes.len;
    return true;
}

static void on_field(void *ctx, struct tx *tx, const struct field *field)
{
    struct sink *sink = ctx;
    (void)tx;
    sink->n_calls += field->value.len > 0 ? 1 : 0;
}

static void on_anomaly(void *ctx, struct tx *tx, enum direction dir, enum anomaly anomaly)
{
    (void)ctx, (void)tx, (void)dir, (void)anomaly;
    CHECK(0);
}

static void on_lost(void *ctx, struct tx *tx, enum lost reason, uint64_t n_bytes)
{
    (void)ctx, (void)tx, (void)reason, (void)n_bytes;
    CHECK(0);
}

static void on_end(void *ctx, struct tx *tx, unsigned flags)
{
    (void)ctx, (void)tx, (void)flags;
}

static const struct emit_ops ops = {
    .tx_begin = on_begin,
    .region = on_region,
    .field = on_field,
    .anomaly = on_anomaly,
    .lost = on_lost,
    .tx_end = on_end,
};

static const struct decoder_limits limits = {
    .line_bytes = 16 << 10,
    .head_bytes = 64 << 10,
    .inflate_bytes = 256 << 20,
    .inflate_ratio = 2048,
    .encoding_depth = 4,
    .open_tx = 256,
};

static const char browser_head[] =
    "GET /assets/js/app.3f2c91.js?v=20240311 HTTP/1.1\r\n"
    "Host: www.example.org\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:124.0) Gecko/20100101 Firefox/124.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: https://www.example.org/articles/2024/03/index.html\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=6b1f2ad1c2e94f0e8a77; theme=dark; consent=yes\r\n"
    "Sec-Fetch-Dest: script\r\n"
    "Sec-Fetch-Mode: no-cors\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "\r\n";

static const char response_head[] = "HTTP/1.1 304 Not Modified\r\n"
                                    "Server: nginx/1.24.0\r\n"
                                    "Date: Mon, 11 Mar 2024 09:12:44 GMT\r\n"
                                    "ETag: \"65eec1a0-1c2f\"\r\n"
                                    "Cache-Control: max-age=31536000, public, immutable\r\n"
                                    "Connection: keep-alive\r\n"
                                    "\r\n";

static const char api_request[] = "POST /api/v2/orders HTTP/1.1\r\n"
                                  "Host: api.example.org\r\n"
                                  "Content-Type: application/json\r\n"
                                  "Content-Length: 37\r\n"
                                  "\r\n"
                                  "{\"item\":4711,\"count\":2,\"note\":\"none\"}";

static const char api_response[] = "HTTP/1.1 200 OK\r\n"
                                   "Content-Type: application/json\r\n"
                                   "Content-Length: 11\r\n"
                                   "\r\n"
                                   "{\"ok\":true}";

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void give(void *state, const struct emit *emit, enum direction dir, struct span bytes)
{
    while (bytes.len > 0) {
        decoders[0]->data(state, emit, dir, span_head(bytes, SEGMENT));
        bytes = span_from(bytes, SEGMENT);
    }
}

/* Plays one exchange n times on one connection; prints time per exchange and bytes per second. */
static void measure(const char *name, struct span request, struct span response, size_t n)
{
    static struct sink sink; /* zeroed */
    const struct emit emit = {.ops = &ops, .ctx = &sink};
    const struct decoder_env env = {.limits = &limits};
    void *state = calloc(1, decoders[0]->state_size);
    CHECK(state != NULL);
    decoders[0]->open(state, &env);
    sink.n_calls = 0;
    sink.n_bytes = 0;
    double start = now();
    for (size_t i = 0; i < n; i++) {
        give(state, &emit, TO_SERVER, request);
        give(state, &emit, TO_CLIENT, response);
    }
    double seconds = now() - start;
    decoders[0]->close(state, &emit, CLOSE_FIN);
    free(state);
    double wire = (double)(request.len + response.len) * (double)n;
    printf("%-22s %10.0f ns/exchange %7.2f GB/s wire %7.2f GB/s given %5.1f calls\n", name,
           seconds * 1e9 / (double)n, wire / seconds / 1e9, (double)sink.n_bytes / seconds / 1e9,
           (double)sink.n_calls / (double)n);
}

static void add_text(struct sbuf *out, size_t len)
{
    unsigned n = 1;
    while (out->len < len) {
        n = n * 1103515245 + 12345;
        sbuf_add_format(out, "<p class=\"c%u\">word%u and other%u</p>\n", n >> 16 & 15,
                        n >> 20 & 1023, n >> 12 & 255);
    }
}

static void add_gzip(struct sbuf *out, struct span text)
{
    z_stream z = {0};
    CHECK(deflateInit2(&z, 6, 8, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t room = deflateBound(&z, text.len) + 64;
    uint8_t *at = sbuf_reserve(out, room);
    CHECK(at != NULL);
    z.next_in = (Bytef *)(uintptr_t)text.data;
    z.avail_in = (uInt)text.len;
    z.next_out = at;
    z.avail_out = (uInt)room;
    CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    sbuf_commit(out, room - z.avail_out);
    deflateEnd(&z);
}

static void add_chunks(struct sbuf *out, struct span text, size_t size)
{
    while (text.len > 0) {
        struct span part = span_head(text, size);
        sbuf_add_format(out, "%zx\r\n", part.len);
        sbuf_add(out, part);
        sbuf_add_str(out, "\r\n");
        text = span_from(text, size);
    }
    sbuf_add_str(out, "0\r\n\r\n");
}

static void measure_download(const char *name, const char *headers, struct span body, size_t n)
{
    struct sbuf response = sbuf_with_cap(CAP);
    sbuf_add_str(&response, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n");
    sbuf_add_str(&response, headers);
    if (span_find(span_str(headers), 0, SPAN("chunked")) == SPAN_NONE) {
        sbuf_add_format(&response, "Content-Length: %zu\r\n", body.len);
    }
    sbuf_add_str(&response, "\r\n");
    sbuf_add(&response, body);
    measure(name, span_str(browser_head), sbuf_span(&response), n);
    sbuf_free(&response);
}

static void measure_downloads(const char *size_name, size_t size, size_t n)
{
    struct sbuf text = sbuf_with_cap(CAP);
    struct sbuf chunks = sbuf_with_cap(CAP);
    struct sbuf gzip = sbuf_with_cap(CAP);
    char name[64];
    add_text(&text, size);
    add_chunks(&chunks, sbuf_span(&text), 8192);
    add_gzip(&gzip, sbuf_span(&text));
    snprintf(name, sizeof(name), "%s length", size_name);
    measure_download(name, "", sbuf_span(&text), n);
    snprintf(name, sizeof(name), "%s chunked", size_name);
    measure_download(name, "Transfer-Encoding: chunked\r\n", sbuf_span(&chunks), n);
    snprintf(name, sizeof(name), "%s gzip", size_name);
    measure_download(name, "Content-Encoding: gzip\r\n", sbuf_span(&gzip), n);
    sbuf_free(&text);
    sbuf_free(&chunks);
    sbuf_free(&gzip);
}

int main(void)
{
    measure("browser, not modified", span_str(browser_head), span_str(response_head), 300000);
    measure("api", span_str(api_request), span_str(api_response), 300000);
    measure_downloads("4 KiB", 4 << 10, 20000);
    measure_downloads("64 KiB", 64 << 10, 2000);
    measure_downloads("8 MiB", 8 << 20, 20);
    return 0;
}
