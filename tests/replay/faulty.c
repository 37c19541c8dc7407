/* faulty: small decoders that each break one promise, to see that the runner notices.
 *
 * They read lines and emit each as a value. "sound" does it right; the others are named for what
 * they do wrong. */
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "sensor/core/decoder.h"
#include "sensor/core/tx.h"

enum { LINE_MAX_BYTES = 1024 };

struct lines {
    struct sbuf line[2];
    struct tx *tx;
};

static enum probe probe(struct span first, enum direction dir)
{
    (void)first;
    (void)dir;
    return PROBE_YES;
}

static void open_lines(void *state, const struct decoder_env *env)
{
    struct lines *lines = state;
    (void)env;
    lines->line[TO_SERVER] = sbuf_with_cap(LINE_MAX_BYTES);
    lines->line[TO_CLIENT] = sbuf_with_cap(LINE_MAX_BYTES);
}

static void give(struct lines *lines, const struct emit *emit, enum direction dir,
                 struct span value)
{
    const struct field field = {.id = FIELD_STREAM_PAYLOAD, .value = value, .dir = dir};
    if (lines->tx == NULL) {
        lines->tx = emit->ops->tx_begin(emit->ctx, dir);
    }
    emit->ops->field(emit->ctx, lines->tx, &field);
}

static void data(void *state, const struct emit *emit, enum direction dir, struct span bytes)
{
    struct lines *lines = state;
    struct sbuf *line = &lines->line[dir];
    for (size_t i = 0; i < bytes.len; i++) {
        sbuf_add_byte(line, span_at(bytes, i));
        if (span_at(bytes, i) == '\n') {
            give(lines, emit, dir, sbuf_span(line));
            sbuf_reset(line);
        }
    }
}

static void data_by_call(void *state, const struct emit *emit, enum direction dir,
                         struct span bytes)
{
    give(state, emit, dir, bytes);
}

static void gap(void *state, const struct emit *emit, enum direction dir, uint64_t n_bytes)
{
    struct lines *lines = state;
    (void)emit;
    (void)n_bytes;
    sbuf_reset(&lines->line[dir]);
}

static void gap_ignored(void *state, const struct emit *emit, enum direction dir, uint64_t n_bytes)
{
    (void)state;
    (void)emit;
    (void)dir;
    (void)n_bytes;
}

static void end(void *state, const struct emit *emit, enum direction dir)
{
    (void)state;
    (void)emit;
    (void)dir;
}

static void free_lines(struct lines *lines)
{
    sbuf_free(&lines->line[TO_SERVER]);
    sbuf_free(&lines->line[TO_CLIENT]);
}

static void close_lines(void *state, const struct emit *emit, enum close_reason reason)
{
    struct lines *lines = state;
    (void)reason;
    if (lines->tx != NULL) {
        emit->ops->tx_end(emit->ctx, lines->tx, 0);
    }
    free_lines(lines);
}

static void close_without_end(void *state, const struct emit *emit, enum close_reason reason)
{
    (void)emit;
    (void)reason;
    free_lines(state);
}

static void close_and_go_on(void *state, const struct emit *emit, enum close_reason reason)
{
    struct lines *lines = state;
    struct tx *tx = lines->tx;
    close_lines(state, emit, reason);
    if (tx != NULL) {
        emit->ops->anomaly(emit->ctx, tx, TO_SERVER, ANOMALY_TX_CUT);
    }
}

static void close_with_open_body(void *state, const struct emit *emit, enum close_reason reason)
{
    struct lines *lines = state;
    const struct region region = {
        .kind = REGION_BODY, .field = FIELD_STREAM_PAYLOAD, .flags = REGION_FIRST};
    if (lines->tx != NULL) {
        emit->ops->region(emit->ctx, lines->tx, &region);
    }
    close_lines(state, emit, reason);
}

#define FAULTY(name_, data_, gap_, close_)                                                         \
    {                                                                                              \
        .name = name_, .state_size = sizeof(struct lines), .probe = probe, .open = open_lines,     \
        .data = data_, .gap = gap_, .end = end, .close = close_                                    \
    }

static const struct decoder all[] = {
    FAULTY("sound", data, gap, close_lines),
    FAULTY("depends-on-cuts", data_by_call, gap, close_lines),
    FAULTY("joins-across-gaps", data, gap_ignored, close_lines),
    FAULTY("leaves-transactions-open", data, gap, close_without_end),
    FAULTY("uses-ended-transactions", data, gap, close_and_go_on),
    FAULTY("leaves-bodies-open", data, gap, close_with_open_body),
};

const struct decoder *const decoders[] = {
    &all[0], &all[1], &all[2], &all[3], &all[4], &all[5], NULL,
};
