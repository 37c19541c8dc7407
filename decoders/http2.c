/* http2: HTTP/2 without TLS (RFC 9113), with prior knowledge or after an Upgrade.
 *
 * This file is the connection: the preface, frames and what they are. Streams and messages are in
 * http2_stream.c, header blocks in http2_head.c; what a head says, fields, bodies and codings are
 * those of HTTP/1 (http_head.c, http_facts.c, http_body.c).
 *
 *     preface → frame → (prefix) → payload → frame
 *
 * A frame's payload is read as it comes; only its head, its prefix (length of the padding,
 * priority, promised stream) and settings are collected. What belongs to no stream and may hold
 * text (GOAWAY, frames of unknown types) is inspected as payload of the stream.
 *
 * A gap inside a frame is counted off it; behind a gap that reaches over its end it is not known
 * where frames begin: the rest of the direction is inspected as it is, and counted as lost.
 *
 * Taken up in the middle, frames are told by three of them in a row; header blocks are then counted
 * as lost, since their table is not known, and inspected as they are.
 *
 * Flow control, priorities and the order of frames are not checked: a server may be more lenient
 * than the standard. */
#include "decoders/http2.h"

#include "decoders/http_head.h"
#include "decoders/http_probe.h"
#include "sensor/base/cursor.h"
#include "sensor/core/tx.h"

static const struct span preface = SPAN_LITERAL("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

enum {
    HEAD_BYTES = 9,
    SETTING_BYTES = 6,
    SETTING_TABLE_SIZE = 1,
    KEPT_MAX = 24, /* the preface; all else is shorter */
    PROBED_SETTINGS = 32,
    FRAMES_TO_TELL = 3,
    LIKELY_BYTES = 16384, /* of a frame, unless the receiver allows more (section 4.2) */
};

enum type {
    DATA = 0,
    HEADERS = 1,
    PRIORITY = 2,
    RST_STREAM = 3,
    SETTINGS = 4,
    PUSH_PROMISE = 5,
    PING = 6,
    GOAWAY = 7,
    WINDOW_UPDATE = 8,
    CONTINUATION = 9,
};

enum flag { ACK = 0x01, END_STREAM = 0x01, END_HEADERS = 0x04, PADDED = 0x08, HAS_PRIORITY = 0x20 };

/* Flags that a frame of the type may have (section 6). */
static uint8_t flags_of(uint8_t type)
{
    static const uint8_t flags[] = {
        [DATA] = END_STREAM | PADDED,
        [HEADERS] = END_STREAM | END_HEADERS | PADDED | HAS_PRIORITY,
        [SETTINGS] = ACK,
        [PUSH_PROMISE] = END_HEADERS | PADDED,
        [PING] = ACK,
        [CONTINUATION] = END_HEADERS,
    };
    return type < ARRAY_LEN(flags) ? flags[type] : 0;
}

/* Whether a frame may begin so, by the letter of section 6. */
static bool is_plausible(uint32_t len, uint8_t type, uint8_t flags, uint32_t stream)
{
    static const uint8_t sizes[] = {
        [PRIORITY] = 5, [RST_STREAM] = 4, [PING] = 8, [WINDOW_UPDATE] = 4, [CONTINUATION] = 0};
    bool of_connection = type == SETTINGS || type == PING || type == GOAWAY;
    if (type > CONTINUATION || (flags & ~flags_of(type)) != 0 || len > LIKELY_BYTES ||
        (of_connection ? stream != 0 : stream == 0 && type != WINDOW_UPDATE) ||
        stream > INT32_MAX || (type == SETTINGS && len % SETTING_BYTES != 0)) {
        return false;
    }
    return sizes[type] == 0 ? len > 0 || type == DATA || type == SETTINGS : len == sizes[type];
}

/* In the middle of a flow: frames one behind the other, as far as they are shown. */
static enum probe probe_frames(struct span first)
{
    struct cursor c = cursor_of(first);
    unsigned n = 0;
    while (cursor_left(&c) >= HEAD_BYTES) {
        uint32_t len = cursor_be24(&c);
        uint8_t type = cursor_u8(&c);
        uint8_t flags = cursor_u8(&c);
        if (!is_plausible(len, type, flags, cursor_be32(&c))) {
            return PROBE_NO;
        }
        if (++n == FRAMES_TO_TELL) {
            return PROBE_YES;
        }
        if (len > cursor_left(&c)) {
            return PROBE_MORE;
        }
        cursor_skip(&c, len);
    }
    return n > 0 || span_at(first, 0) == 0 ? PROBE_MORE : PROBE_NO;
}

/* The server's first frame is SETTINGS (section 3.4). */
static enum probe probe_settings(struct span first)
{
    struct cursor c = cursor_of(first);
    uint32_t len = cursor_be24(&c);
    uint8_t type = cursor_u8(&c);
    uint8_t flags = cursor_u8(&c);
    uint32_t stream = cursor_be32(&c);
    bool short_one = len % SETTING_BYTES == 0 && len <= PROBED_SETTINGS * SETTING_BYTES;
    if (cursor_bad(&c)) {
        return span_at(first, 0) == 0 && span_at(first, 1) == 0 &&
                       (first.len < 4 || span_at(first, 3) == SETTINGS)
                   ? PROBE_MORE
                   : PROBE_NO;
    }
    return type == SETTINGS && flags == 0 && stream == 0 && short_one ? PROBE_YES
                                                                      : probe_frames(first);
}

enum probe http2_probe_preface(struct span first)
{
    size_t len = first.len < preface.len ? first.len : preface.len;
    if (!span_equal(span_head(first, len), span_head(preface, len))) {
        return PROBE_NO;
    }
    return len == preface.len ? PROBE_YES : PROBE_MORE;
}

static enum probe http2_probe(struct span first, enum direction dir)
{
    if (dir == TO_CLIENT) {
        return probe_settings(first);
    }
    enum probe answer = http2_probe_preface(first);
    return answer == PROBE_NO ? probe_frames(first) : answer;
}

static void http2_open(void *state, const struct decoder_env *env)
{
    struct http2 *h = state;
    h->limits = env->limits;
    list_init(&h->streams);
    for (unsigned dir = TO_SERVER; dir <= TO_CLIENT; dir++) {
        struct http2_side *side = &h->sides[dir];
        side->http2 = h;
        side->place = dir == TO_SERVER && !env->midstream ? HTTP2_PREFACE : HTTP2_FRAME;
        side->unsure = side->headers_lost = env->midstream;
        side->kept = sbuf_with_cap(KEPT_MAX);
        http_out_init(&side->out, (enum direction)dir, env->limits);
        http2_head_init(&side->head, env->limits);
    }
}

/* --- what belongs to no stream --- */

static void stray_data(struct http2_side *side, struct span bytes)
{
    const struct emit *emit = side->out.emit;
    struct region region = {.kind = REGION_BODY,
                            .field = FIELD_STREAM_PAYLOAD,
                            .dir = side->out.dir,
                            .bytes = bytes,
                            .flags = side->stray_begun ? 0U : REGION_FIRST};
    if (bytes.len == 0) {
        return;
    }
    if (!side->stray_open) {
        side->stray_open = true;
        side->stray = emit->ops->tx_begin(emit->ctx, side->out.dir);
    }
    side->stray_begun = true;
    emit->ops->region(emit->ctx, side->stray, &region);
}

/* What comes next stands not right behind it. */
static void stray_break(struct http2_side *side)
{
    const struct emit *emit = side->out.emit;
    const struct region region = {.kind = REGION_BODY,
                                  .field = FIELD_STREAM_PAYLOAD,
                                  .dir = side->out.dir,
                                  .flags = REGION_LAST};
    if (side->stray_begun) {
        emit->ops->region(emit->ctx, side->stray, &region);
    }
    side->stray_begun = false;
}

static void stray_end(struct http2_side *side)
{
    const struct emit *emit = side->out.emit;
    stray_break(side);
    if (side->stray_open) {
        emit->ops->tx_end(emit->ctx, side->stray, 0);
    }
    side->stray = NULL;
    side->stray_open = false;
}

/* Where frames begin is not known any more. */
static void lose_frames(struct http2_side *side, struct span unread)
{
    http2_flush(side);
    if (side->block_stream != 0) {
        http2_headers_lost(side);
    }
    side->place = HTTP2_LOST;
    side->out.tx = NULL;
    http_emit_lost(&side->out, LOST_ENCODING, unread.len);
    stray_data(side, unread);
}

static void bad_frame(struct http2_side *side)
{
    const struct emit *emit = side->out.emit;
    http2_flush(side);
    emit->ops->anomaly(emit->ctx, NULL, side->out.dir, ANOMALY_HTTP2_BAD_FRAME);
}

/* --- frames --- */

/* Collects up to `len` bytes; true when they are there. */
static bool collect(struct http2_side *side, struct span *in, size_t len)
{
    struct span part = span_head(*in, len - side->kept.len);
    sbuf_add(&side->kept, part);
    *in = span_from(*in, part.len);
    return side->kept.len == len;
}

static void take_preface(struct http2_side *side, struct span *in)
{
    bool whole = collect(side, in, preface.len);
    struct span kept = sbuf_span(&side->kept);
    if (!span_equal(kept, span_head(preface, kept.len))) {
        bad_frame(side);
        lose_frames(side, kept);
    } else if (whole) {
        side->place = HTTP2_FRAME;
    }
    if (whole || side->place == HTTP2_LOST) {
        sbuf_reset(&side->kept);
    }
}

static size_t prefix_len(const struct http2_frame *f)
{
    bool may_pad = f->type == DATA || f->type == HEADERS || f->type == PUSH_PROMISE;
    size_t len = may_pad && (f->flags & PADDED) != 0 ? 1 : 0;
    len += f->type == HEADERS && (f->flags & HAS_PRIORITY) != 0 ? 5 : 0;
    len += f->type == PUSH_PROMISE ? 4 : 0;
    return len;
}

static bool ends_stream(const struct http2_frame *f)
{
    return (f->flags & END_STREAM) != 0 && (f->type == DATA || f->type == HEADERS);
}

static void end_frame(struct http2_side *side)
{
    const struct http2_frame *f = &side->frame;
    struct span nothing = {0};
    side->place = HTTP2_FRAME;
    stray_break(side);
    if (f->type == DATA && ends_stream(f)) {
        http2_body_data(side, nothing, true);
    } else if (f->type == RST_STREAM) {
        struct http2_stream *stream = http2_stream_find(side->http2, f->stream);
        if (stream != NULL) {
            http2_flush(&side->http2->sides[TO_SERVER]);
            http2_flush(&side->http2->sides[TO_CLIENT]);
            http2_stream_end(side->http2, stream);
        }
    } else if (f->type == SETTINGS) {
        sbuf_reset(&side->kept);
    }
}

/* What stands in front of the payload proper was read. */
static void begin_payload(struct http2_side *side, struct span prefix)
{
    struct http2_frame *f = &side->frame;
    struct cursor c = cursor_of(prefix);
    bool may_pad = f->type == DATA || f->type == HEADERS || f->type == PUSH_PROMISE;
    f->padding = may_pad && (f->flags & PADDED) != 0 ? cursor_u8(&c) : 0;
    if (f->padding > f->left) {
        bad_frame(side);
        f->padding = f->left;
    }
    side->place = HTTP2_PAYLOAD;
    bool promise = f->type == PUSH_PROMISE;
    uint32_t stream = promise ? cursor_be32(&c) & 0x7fffffff : f->stream;
    if (f->type != HEADERS && !promise) {
        return;
    }
    if (stream == 0) { /* no block that anybody reads */
        bad_frame(side);
        http2_headers_lost(side);
        return;
    }
    http2_block_begin(side, stream, ends_stream(f), promise);
}

/* Section 6.10: between the frames of a header block no other may come. Then it is not whole. */
static void check_block(struct http2_side *side)
{
    const struct http2_frame *f = &side->frame;
    bool goes_on = f->type == CONTINUATION && f->stream == side->block_stream;
    if (side->block_stream != 0 && !goes_on) {
        bad_frame(side);
        http2_headers_lost(side);
        side->block_stream = 0;
    } else if (side->block_stream == 0 && f->type == CONTINUATION) {
        bad_frame(side);
    }
}

/* Taken up in the middle, unless the connection's start is what comes first: then nothing was
 * missed. */
static void take_start(struct http2_side *side, struct span in)
{
    bool to_server = side->out.dir == TO_SERVER;
    bool first = side->unsure && side->place == HTTP2_FRAME && side->kept.len == 0;
    if (first && to_server && span_at(in, 0) == 'P') {
        side->place = HTTP2_PREFACE;
        side->unsure = side->headers_lost = false;
    }
}

static void take_frame_head(struct http2_side *side, struct span *in)
{
    if (!collect(side, in, HEAD_BYTES)) {
        return;
    }
    struct cursor c = cursor_of(sbuf_span(&side->kept));
    struct http2_frame f = {.left = cursor_be24(&c)};
    f.type = cursor_u8(&c);
    f.flags = cursor_u8(&c);
    f.stream = cursor_be32(&c) & 0x7fffffff;
    sbuf_reset(&side->kept);
    side->frame = f;
    if (side->unsure && side->out.dir == TO_CLIENT) {
        side->headers_lost = f.type != SETTINGS || f.flags != 0;
    }
    side->unsure = false;
    if (f.type != DATA || side->active == NULL || side->active->id != f.stream) {
        http2_flush(side); /* in the order it came, however the bytes were cut */
    }
    check_block(side);
    if (prefix_len(&f) > f.left) {
        bad_frame(side);
        side->frame.type = PRIORITY; /* passed over */
    }
    side->place = HTTP2_PREFIX;
}

static void take_prefix(struct http2_side *side, struct span *in)
{
    size_t len = prefix_len(&side->frame);
    if (len > 0 && !collect(side, in, len)) {
        return;
    }
    side->frame.left -= (uint32_t)len;
    begin_payload(side, sbuf_span(&side->kept));
    sbuf_reset(&side->kept);
}

static void take_settings(struct http2_side *side, struct span bytes)
{
    while (bytes.len > 0 && collect(side, &bytes, SETTING_BYTES)) {
        struct cursor c = cursor_of(sbuf_span(&side->kept));
        struct http2_side *other = &side->http2->sides[direction_other(side->out.dir)];
        bool table = cursor_be16(&c) == SETTING_TABLE_SIZE;
        uint32_t value = cursor_be32(&c);
        if (table && other->hpack == NULL && !other->headers_lost) {
            other->hpack = hpack_new();
            other->headers_lost = other->hpack == NULL;
        }
        if (table && other->hpack != NULL) {
            hpack_allow_table(other->hpack, value);
        }
        sbuf_reset(&side->kept);
    }
}

static bool is_silent(uint8_t type)
{
    return type == PRIORITY || type == RST_STREAM || type == PING || type == WINDOW_UPDATE;
}

/* A piece of the payload without padding; `last`: none follows. */
static void take_part(struct http2_side *side, struct span bytes, bool last)
{
    const struct http2_frame *f = &side->frame;
    bool in_block = f->type == HEADERS || f->type == PUSH_PROMISE || f->type == CONTINUATION;
    if (in_block && side->block_stream != 0 && side->block_raw) {
        stray_data(side, bytes); /* what is not Huffman-coded can be read all the same */
    }
    if (in_block && side->block_stream != 0) {
        http2_block_data(side, bytes, last && (f->flags & END_HEADERS) != 0);
    } else if (f->type == DATA) {
        http2_body_data(side, bytes, false);
    } else if (f->type == SETTINGS) {
        take_settings(side, bytes);
    } else if (!is_silent(f->type)) {
        stray_data(side, bytes);
    }
}

static void take_payload(struct http2_side *side, struct span *in)
{
    struct http2_frame *f = &side->frame;
    struct span part = span_head(*in, f->left - f->padding);
    bool had_part = f->left > f->padding;
    f->left -= (uint32_t)part.len;
    *in = span_from(*in, part.len);
    bool last = f->left == f->padding;
    if (part.len > 0) {
        take_part(side, part, last);
    } else if (!had_part && !side->part_ended) {
        take_part(side, part, true); /* a header block may end with an empty frame */
    }
    side->part_ended = last;
    if (last) {
        struct span padding = span_head(*in, f->padding);
        f->padding -= (uint32_t)padding.len;
        f->left -= (uint32_t)padding.len;
        *in = span_from(*in, padding.len);
    }
    if (f->left == 0) {
        side->part_ended = false;
        end_frame(side);
    }
}

static void take(struct http2_side *side, struct span *in)
{
    switch (side->place) {
    case HTTP2_PREFACE:
        take_preface(side, in);
        break;
    case HTTP2_FRAME:
        take_frame_head(side, in);
        break;
    case HTTP2_PREFIX:
        take_prefix(side, in);
        break;
    case HTTP2_PAYLOAD:
        take_payload(side, in);
        break;
    case HTTP2_LOST:
        lose_frames(side, *in);
        *in = (struct span){0};
        break;
    }
}

/* Whether the state can go on without input: frames may be empty. */
static bool needs_no_input(const struct http2_side *side)
{
    return (side->place == HTTP2_PREFIX && prefix_len(&side->frame) == 0) ||
           (side->place == HTTP2_PAYLOAD && side->frame.left == 0);
}

static void begin_call(struct http2 *h, const struct emit *emit)
{
    h->emit = emit;
    h->sides[TO_SERVER].out.emit = emit;
    h->sides[TO_CLIENT].out.emit = emit;
}

static void http2_data(void *state, const struct emit *emit, enum direction dir, struct span bytes)
{
    struct http2 *h = state;
    struct http2_side *side = &h->sides[dir];
    begin_call(h, emit);
    take_start(side, bytes);
    while (bytes.len > 0 || needs_no_input(side)) {
        take(side, &bytes);
    }
    http2_flush(side);
}

static void http2_gap(void *state, const struct emit *emit, enum direction dir, uint64_t n_bytes)
{
    struct http2 *h = state;
    struct http2_side *side = &h->sides[dir];
    begin_call(h, emit);
    uint32_t payload = side->frame.left - side->frame.padding;
    bool inside = side->place == HTTP2_PAYLOAD && n_bytes < payload;
    if (inside && side->frame.type != SETTINGS) {
        http2_payload_gap(side, n_bytes);
        side->frame.left -= (uint32_t)n_bytes;
    } else {
        lose_frames(side, sbuf_span(&side->kept));
        sbuf_reset(&side->kept);
    }
    stray_break(side);
}

/* A direction that ends says nothing about the streams: the other goes on. */
static void http2_end(void *state, const struct emit *emit, enum direction dir)
{
    (void)state;
    (void)emit;
    (void)dir;
}

static void http2_close(void *state, const struct emit *emit, enum close_reason reason)
{
    struct http2 *h = state;
    (void)reason;
    begin_call(h, emit);
    for (unsigned dir = TO_SERVER; dir <= TO_CLIENT; dir++) {
        struct http2_side *side = &h->sides[dir];
        if (side->block_stream != 0) {
            http2_headers_lost(side);
        }
        stray_data(side, sbuf_span(&side->kept));
        stray_end(side);
    }
    struct list *at;
    while ((at = list_first(&h->streams)) != NULL) {
        http2_stream_end(h, LIST_ENTRY(at, struct http2_stream, link));
    }
    for (unsigned dir = TO_SERVER; dir <= TO_CLIENT; dir++) {
        struct http2_side *side = &h->sides[dir];
        hpack_free(&side->hpack);
        http2_head_free(&side->head);
        http_out_free(&side->out);
        sbuf_free(&side->kept);
    }
}

const struct decoder http2_decoder = {
    .name = "http2",
    .state_size = sizeof(struct http2),
    .probe = http2_probe,
    .open = http2_open,
    .data = http2_data,
    .gap = http2_gap,
    .end = http2_end,
    .fields = http_head_fields,
    .close = http2_close,
};
