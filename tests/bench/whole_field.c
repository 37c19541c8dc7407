/* whole_field: detection without decoders around it. What is found is dropped. */
#include "tests/bench/whole_field.h"

#include "sensor/base/mem.h"
#include "signatures/detect.h"
#include "signatures/engine.h"

#include <stdio.h>

enum { PIECE = 1448, ARENA_BYTES = 1 << 24 };

struct whole_field {
    struct engine *engine;
    struct detector *detector;
    struct stats stats;
    struct conn conn;
    struct tx tx;
};

static void on_found(void *ctx, struct tx *tx, struct finding *finding)
{
    (void)ctx;
    (void)tx;
    (void)finding;
}

struct whole_field *whole_field_new(void)
{
    static const struct decoder http = {.name = "http"};
    const struct engine_options options = {.n_files = 0};
    const struct detect_limits limits = detect_limits_default();
    const struct detect_user user = {.found = on_found};
    struct errbuf err = {0};
    struct whole_field *w = mem_alloc(sizeof(*w));
    if (w == NULL) {
        return NULL;
    }
    w->conn = (struct conn){.proto = IP_PROTO_TCP, .state = CONN_ESTABLISHED};
    w->tx = (struct tx){.conn = &w->conn, .decoder = &http, .arena = arena_new(ARENA_BYTES)};
    if (engine_new(&options, &w->engine, &err) == 0) {
        w->detector = detector_new(w->engine, &limits, &w->stats, &user);
    }
    if (w->detector == NULL || w->tx.arena == NULL) {
        fprintf(stderr, "whole_field: %s\n", errbuf_text(&err));
        whole_field_free(&w);
    }
    errbuf_free(&err);
    return w;
}

void whole_field_free(struct whole_field **w)
{
    if (*w != NULL) {
        detector_free(&(*w)->detector);
        engine_unref(&(*w)->engine);
        arena_free(&(*w)->tx.arena);
        mem_free(*w);
        *w = NULL;
    }
}

static void end(struct whole_field *w)
{
    detect_tx_end(w->detector, &w->tx);
    detect_settle(w->detector);
    arena_reset(w->tx.arena);
}

void whole_field_header(struct whole_field *w, struct span text)
{
    const struct region r = {.kind = REGION_HEAD, .field = FIELD_HTTP_HEADER, .bytes = text};
    const struct field f = {
        .id = FIELD_HTTP_REQUEST_HEADER, .item = SPAN("x-api-version"), .value = text};
    detect_region(w->detector, &w->tx, &r);
    detect_field(w->detector, &w->tx, &f);
    end(w);
}

void whole_field_body(struct whole_field *w, struct span text)
{
    struct region r = {
        .kind = REGION_BODY, .field = FIELD_HTTP_REQUEST_BODY, .flags = REGION_FIRST};
    while (text.len > 0) {
        r.bytes = span_head(text, PIECE);
        text = span_from(text, PIECE);
        r.flags |= text.len == 0 ? (unsigned)REGION_LAST : 0;
        detect_region(w->detector, &w->tx, &r);
        r.flags = 0;
    }
    end(w);
}
