/* evaluate: what a text comes to, for scripts.
 *
 * Reads texts from standard input, one in base64 per line, and writes one JSON object a line. With
 * the argument "peel" outer encodings are undone first, with "forced" without asking whether they
 * may hide anything. Bytes that are no UTF-8 are written as \udcXX, which Python's
 * "surrogateescape" understands. */
#include "sensor/base/sbuf.h"
#include "sensor/codec/base64.h"
#include "sensor/codec/utf.h"
#include "signatures/peel.h"

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

static void put_list(const char *key, const struct span *texts, size_t n)
{
    printf(",\"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        fputs(i > 0 ? "," : "", stdout);
        put_string(texts[i]);
    }
    putchar(']');
}

static void put_encodings(const struct encodings *layers)
{
    struct span names[ENCODINGS_MAX];
    for (size_t i = 0; i < layers->n; i++) {
        names[i] = span_str(encoding_name((enum encoding)layers->ids[i]));
    }
    put_list("encodings", names, layers->n);
}

static void put_lookup(const struct lookup_result *r)
{
    struct span names[LOOKUP_NAMES_MAX];
    struct span tricks[TRICK_N];
    size_t n_tricks = 0;
    for (size_t i = 0; i < r->n_names; i++) {
        names[i] = r->names[i].text;
    }
    for (int t = 0; t < TRICK_N; t++) {
        if ((r->tricks >> t & 1) != 0) {
            tricks[n_tricks++] = span_str(trick_name((enum trick)t));
        }
    }
    printf("{\"class\":\"%s\",\"depth\":%u,\"port\":%u,\"over_budget\":%s,\"reaches_network\":%s",
           lookup_class_name(r->class), r->depth, r->port, r->over_budget ? "true" : "false",
           r->n_names > 0 && r->names[0].reaches_network ? "true" : "false");
    put_list("lookups", names, r->n_names);
    put_list("variables", r->variables, r->n_variables);
    put_list("tricks", tricks, n_tricks);
    put_key("host", r->host);
    put_key("path", r->path);
    put_key("attempt", r->attempt);
    put_key("exception", r->exception);
    put_key("evaluated", r->evaluated);
}

static void evaluate(struct lookup *l, struct span text)
{
    struct lookup_options options = {.time_us = event_time_us};
    struct lookup_result r;
    lookup_evaluate(l, text, &options, &r);
    put_lookup(&r);
    put_key("raw", span_sub(text, r.raw_off, r.raw_len));
    puts("}");
}

static void peel(struct peeler *p, struct span text, bool forced)
{
    uint64_t fuel = PEEL_FUEL;
    struct peel_hints hints = {.time_us = event_time_us, .fuel = &fuel, .forced = forced};
    struct peel_result r;
    (void)peel_and_evaluate(p, text, &hints, &r);
    put_lookup(&r.lookup);
    put_encodings(&r.encodings);
    put_key("raw", span_sub(text, r.raw_off, r.raw_len));
    printf(",\"may_hide\":%s,\"fuel\":%llu}\n", peel_may_hide(text) ? "true" : "false",
           (unsigned long long)(PEEL_FUEL - fuel));
}

int main(int argc, char **argv)
{
    struct lookup *l = lookup_new();
    struct peeler *p = peeler_new();
    struct span mode = span_str(argc > 1 ? argv[1] : "");
    struct sbuf text = sbuf_with_cap(CAP);
    char *line = NULL;
    size_t room = 0;
    ssize_t len = getline(&line, &room, stdin);
    while (l != NULL && p != NULL && len >= 0) {
        struct base64 d = base64_start(BASE64_STANDARD);
        sbuf_reset(&text);
        base64_decode(&d, span_of(line, (size_t)len), &text);
        base64_finish(&d, &text);
        if (mode.len == 0) {
            evaluate(l, sbuf_span(&text));
        } else {
            peel(p, sbuf_span(&text), span_equal(mode, SPAN("forced")));
        }
        len = getline(&line, &room, stdin);
    }
    free(line);
    sbuf_free(&text);
    lookup_free(&l);
    peeler_free(&p);
    return 0;
}
