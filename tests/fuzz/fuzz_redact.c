/* fuzz_redact: addresses of the web of which passwords are not told.
 *
 * A password behind any parameters must never stand in what comes out, what stands before them must
 * always, and an address of which nothing is to be left out stays as it is. */
#include "sensor/base/sbuf.h"
#include "sensor/output/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAP = 1 << 16 };

static const struct span secret = SPAN_LITERAL("3141592653589793");

static struct span redacted(unsigned what, bool hashed, struct span url, struct sbuf *out)
{
    const struct redact r = {.what = what, .hashed = hashed};
    sbuf_reset(out);
    redact_url(&r, url, out);
    return sbuf_span(out);
}

static void with_secret(struct span start, struct span name, bool hashed, struct sbuf *url)
{
    struct sbuf out = sbuf_with_cap((size_t)CAP * 16);
    sbuf_reset(url);
    sbuf_add(url, start);
    sbuf_add(url, SPAN("?&"));
    sbuf_add(url, name);
    sbuf_add_byte(url, '=');
    sbuf_add(url, secret);
    struct span told = redacted(REDACT_PASSWORD, hashed, sbuf_span(url), &out);
    CHECK(span_find(told, 0, secret) == SPAN_NONE);
    CHECK(span_starts(told, span_head(start, span_find_byte(start, 0, '?'))));
    sbuf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct span names[] = {
        SPAN_LITERAL("password"),
        SPAN_LITERAL("user[newToken]"),
        SPAN_LITERAL("%61pi%5Fkey"),
    };
    struct span in = span_of(data, size);
    if (size > CAP / 2 || span_find(in, 0, secret) != SPAN_NONE) {
        return 0;
    }
    struct sbuf url = sbuf_with_cap(CAP);
    struct sbuf out = sbuf_with_cap(CAP);
    CHECK(span_equal(redacted(REDACT_COOKIE, true, in, &out), in));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        with_secret(in, names[i], size % 2 == 0, &url);
    }
    sbuf_free(&url);
    sbuf_free(&out);
    return 0;
}
