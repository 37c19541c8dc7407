/* frames: streams of messages that say how long they are.
 *
 * A message that lies whole in the bytes given is passed on without a copy, else it is kept until
 * it is whole. One that is longer than the cap is inspected as it is. A gap within a message ends
 * it, and its length still says where the next one begins; behind a gap that hides this, and in a
 * stream whose start was not seen, a message is looked for at every byte. What stands between
 * messages is inspected in transactions of its own. */
#include "decoders/frames.h"

#include "sensor/core/tx.h"

void frames_open(struct frames *f, const struct frames_protocol *protocol, void *owner,
                 enum direction dir, const struct decoder_env *env)
{
    size_t longest = env->limits->head_bytes + protocol->prefix;
    *f = (struct frames){
        .protocol = protocol,
        .owner = owner,
        .dir = dir,
        .longest = longest,
        .state = env->midstream ? FRAMES_SEARCH : FRAMES_READ,
        .held = sbuf_with_cap((longest > FRAMES_PROBE_MAX ? longest : FRAMES_PROBE_MAX) * 2),
    };
}

/* --- bytes of no message -----------------------------------------------------------------------
 */

static void give_stray(struct frames *f, struct span bytes, unsigned flags)
{
    const struct region region = {.kind = REGION_BODY,
                                  .field = FIELD_STREAM_PAYLOAD,
                                  .dir = f->dir,
                                  .bytes = bytes,
                                  .flags = flags};
    f->emit->ops->region(f->emit->ctx, f->stray, &region);
}

void frames_stray(struct frames *f, struct span bytes)
{
    if (bytes.len == 0) {
        return;
    }
    unsigned flags = f->after_gap && f->stray_open ? REGION_AFTER_GAP : 0;
    if (!f->stray_open) {
        f->stray = f->emit->ops->tx_begin(f->emit->ctx, f->dir);
        f->stray_open = true;
        flags = REGION_FIRST;
    }
    f->after_gap = false;
    give_stray(f, bytes, flags);
}

static void end_stray(struct frames *f)
{
    if (f->stray_open) {
        give_stray(f, span_of(NULL, 0), REGION_LAST);
        f->emit->ops->tx_end(f->emit->ctx, f->stray, 0);
        f->stray = NULL;
        f->stray_open = false;
    }
}

/* --- steps -------------------------------------------------------------------------------------
 *
 * What is kept stands before the bytes given, and is the start of one message, or of what may be
 * one. Each step returns whether another one may follow. A thing is told as soon as it is known, so
 * that nothing depends on how the stream was cut. */

static bool any_left(const struct frames *f, struct span rest)
{
    return f->held.len > 0 || rest.len > 0;
}

/* Keeps up to `len` bytes more; false without memory: then all of them are inspected as they are,
 * and a message is looked for. */
static bool keep(struct frames *f, size_t len, struct span *rest)
{
    struct span part = span_head(*rest, len);
    size_t n_held = f->held.len;
    *rest = span_from(*rest, part.len);
    if (sbuf_add(&f->held, part)) {
        return true;
    }
    sbuf_shorten(&f->held, n_held);
    frames_stray(f, sbuf_span(&f->held));
    frames_stray(f, part);
    sbuf_reset(&f->held);
    f->state = FRAMES_SEARCH;
    return false;
}

static void anomaly(struct frames *f, enum anomaly what)
{
    f->emit->ops->anomaly(f->emit->ctx, NULL, f->dir, what);
}

static void give_message(struct frames *f, struct span message)
{
    end_stray(f);
    f->protocol->message(f->owner, f->dir, message, false);
}

/* A message whose length is known. */
static bool read_known(struct frames *f, uint64_t length, struct span *rest)
{
    if (length > f->longest) {
        anomaly(f, f->protocol->too_long);
        end_stray(f);
        f->left = length;
        f->state = FRAMES_PASS;
    } else if (f->held.len == 0 && rest->len >= length) {
        struct span message = span_head(*rest, (size_t)length);
        *rest = span_from(*rest, (size_t)length);
        give_message(f, message);
    } else if (f->held.len >= length) {
        give_message(f, span_head(sbuf_span(&f->held), (size_t)length));
        sbuf_drop(&f->held, (size_t)length);
    } else if (rest->len > 0) {
        (void)keep(f, (size_t)length - f->held.len, rest);
    } else {
        return false;
    }
    return any_left(f, *rest);
}

static bool step_read(struct frames *f, struct span *rest)
{
    int64_t length = f->protocol->length(f->held.len > 0 ? sbuf_span(&f->held) : *rest);
    if (length > 0) {
        return read_known(f, (uint64_t)length, rest);
    }
    if (length == FRAMES_MORE && rest->len > 0) {
        return keep(f, 1, rest) || any_left(f, *rest); /* only the first few bytes of a message */
    }
    if (length == FRAMES_BAD) {
        anomaly(f, f->protocol->bad);
        f->state = FRAMES_SEARCH;
        if (f->held.len > 0 || keep(f, 1, rest)) { /* it begins later */
            frames_stray(f, span_head(sbuf_span(&f->held), 1));
            sbuf_drop(&f->held, 1);
        }
        return any_left(f, *rest);
    }
    return false;
}

static bool step_pass(struct frames *f, struct span *rest)
{
    struct span from = f->held.len > 0 ? sbuf_span(&f->held) : *rest;
    struct span part = span_head(from, f->left < SIZE_MAX ? (size_t)f->left : SIZE_MAX);
    frames_stray(f, part);
    if (f->held.len > 0) {
        sbuf_drop(&f->held, part.len);
    } else {
        *rest = span_from(*rest, part.len);
    }
    f->left -= part.len;
    if (f->left == 0) {
        f->state = FRAMES_READ;
    }
    return any_left(f, *rest);
}

/* The offset at which a message begins, or may once more bytes are there; the length when none
 * does. */
static size_t find_message(const struct frames *f, struct span bytes, enum probe *ret_answer)
{
    size_t at = 0;
    *ret_answer = PROBE_NO;
    while (at < bytes.len) {
        *ret_answer = f->protocol->probe(span_from(bytes, at));
        if (*ret_answer != PROBE_NO) {
            break;
        }
        at++;
    }
    return at;
}

/* What was kept of the bytes given, only to look for a message, is read where it is. */
static void give_back(struct frames *f, struct span given, struct span *rest)
{
    size_t n_kept = given.len - rest->len;
    size_t n = n_kept < f->held.len ? n_kept : f->held.len;
    sbuf_shorten(&f->held, f->held.len - n);
    *rest = span_from(given, n_kept - n);
}

static bool step_search(struct frames *f, struct span *rest)
{
    enum probe answer = PROBE_NO;
    struct span given = *rest;
    if (!keep(f, FRAMES_PROBE_MAX, rest)) {
        return any_left(f, *rest);
    }
    size_t at = find_message(f, sbuf_span(&f->held), &answer);
    frames_stray(f, span_head(sbuf_span(&f->held), at));
    sbuf_drop(&f->held, at);
    if (answer == PROBE_YES) {
        f->state = FRAMES_READ;
        give_back(f, given, rest);
        return true;
    }
    return rest->len > 0;
}

static bool step(struct frames *f, struct span *rest)
{
    switch (f->state) {
    case FRAMES_READ:
        return step_read(f, rest);
    case FRAMES_PASS:
        return step_pass(f, rest);
    case FRAMES_SEARCH:
        return step_search(f, rest);
    case FRAMES_OPAQUE:
        break;
    }
    return false;
}

/* --- the stream --------------------------------------------------------------------------------
 */

struct span frames_data(struct frames *f, const struct emit *emit, struct span bytes)
{
    f->emit = emit;
    while (step(f, &bytes)) {
    }
    return bytes;
}

/* Nothing more comes of what was kept. Returns how much was missing of it; 0: not known. */
static uint64_t flush(struct frames *f)
{
    if (f->state == FRAMES_OPAQUE) {
        sbuf_free(&f->held);
        return 0;
    }
    uint64_t left = f->state == FRAMES_PASS ? f->left : 0;
    int64_t length = 0;
    if (f->state == FRAMES_READ && f->held.len > 0) {
        length = f->protocol->length(sbuf_span(&f->held));
    }
    if (length > 0) {
        left = (uint64_t)length - f->held.len;
        end_stray(f);
        f->protocol->message(f->owner, f->dir, sbuf_span(&f->held), true);
    } else {
        frames_stray(f, sbuf_span(&f->held));
    }
    sbuf_free(&f->held);
    return left;
}

void frames_stop(struct frames *f)
{
    f->state = FRAMES_OPAQUE;
}

size_t frames_give_up(struct frames *f)
{
    size_t n = f->held.len;
    sbuf_free(&f->held);
    return n;
}

void frames_gap(struct frames *f, const struct emit *emit, uint64_t n_bytes)
{
    f->emit = emit;
    uint64_t left = flush(f);
    if (f->state == FRAMES_OPAQUE) {
        return;
    }
    f->after_gap = true;
    if (left > n_bytes) {
        f->state = FRAMES_PASS;
        f->left = left - n_bytes;
    } else {
        f->state = left > 0 && left == n_bytes ? FRAMES_READ : FRAMES_SEARCH;
    }
}

void frames_end(struct frames *f, const struct emit *emit)
{
    f->emit = emit;
    (void)flush(f);
    end_stray(f);
    f->state = f->state == FRAMES_OPAQUE ? FRAMES_OPAQUE : FRAMES_SEARCH;
}
