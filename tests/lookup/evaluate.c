/* evaluate: what a text comes to, for scripts.
 *
 * Reads texts from standard input, one in base64 per line, and writes one JSON object a line. Bytes
 * that are no UTF-8 are written as \udcXX, which Python's "surrogateescape" understands. */
#include "sensor/base/sbuf.h"
#include "sensor/codec/base64.h"
#include "sensor/codec/utf.h"
#include "signatures/lookup.h"

#include <stdio.h>
#include <stdlib.h>

enum { CAP = 1 << 24 };

/* 2021-12-10 12:34:56 UTC */
static const uint64_t event_time_us = UINT64_C(1639139696000000);

static void put_string(struct span s)
{
    putchar('"');
    for (size_t off = 0; off < s.len;) {
        uint32_t cp = 0;
        size_t len = utf8_next(s, off, &cp);
        uint8_t c = span_at(s, off);
        if (len == 0) {
            printf("\\udc%02x", c);
        } else if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f) {
            printf("\\u%04x", c);
        } else {
            fwrite(s.data + off, 1, len, stdout);
        }
        off += len > 0 ? len : 1;
    }
    putchar('"');
}

static void put_key(const char *key, struct span value)
{
    printf(",\"%s\":", key);
    put_string(value);
}

static void put_result(const struct lookup_result *r, struct span text)
{
    printf("{\"class\":\"%s\",\"lookups\":[", lookup_class_name(r->class));
    for (size_t i = 0; i < r->n_names; i++) {
        fputs(i > 0 ? "," : "", stdout);
        put_string(r->names[i].text);
    }
    printf("],\"variables\":[");
    for (size_t i = 0; i < r->n_variables; i++) {
        fputs(i > 0 ? "," : "", stdout);
        put_string(r->variables[i]);
    }
    printf("],\"tricks\":[");
    const char *comma = "";
    for (int t = 0; t < TRICK_N; t++) {
        if ((r->tricks >> t & 1) != 0) {
            printf("%s\"%s\"", comma, trick_name((enum trick)t));
            comma = ",";
        }
    }
    bool reaches = r->n_names > 0 && r->names[0].reaches_network;
    printf("],\"depth\":%u,\"over_budget\":%s,\"reaches_network\":%s,\"port\":%u", r->depth,
           r->over_budget ? "true" : "false", reaches ? "true" : "false", r->port);
    put_key("host", r->host);
    put_key("path", r->path);
    put_key("raw", span_sub(text, r->raw_off, r->raw_len));
    put_key("attempt", r->attempt);
    put_key("exception", r->exception);
    put_key("evaluated", r->evaluated);
    puts("}");
}

int main(void)
{
    struct lookup *l = lookup_new();
    struct sbuf text = sbuf_with_cap(CAP);
    char *line = NULL;
    size_t room = 0;
    ssize_t len = getline(&line, &room, stdin);
    while (l != NULL && len >= 0) {
        struct base64 d = base64_start(BASE64_STANDARD);
        sbuf_reset(&text);
        base64_decode(&d, span_of(line, (size_t)len), &text);
        base64_finish(&d, &text);
        struct lookup_options options = {.time_us = event_time_us};
        struct lookup_result r;
        lookup_evaluate(l, sbuf_span(&text), &options, &r);
        put_result(&r, sbuf_span(&text));
        len = getline(&line, &room, stdin);
    }
    free(line);
    sbuf_free(&text);
    lookup_free(&l);
    return 0;
}
