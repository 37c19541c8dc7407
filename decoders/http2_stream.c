/* http2_stream: streams, each a request and its response (RFC 9113 section 8.1).
 *
 * Header blocks share a table per direction, so every block is decompressed, also one whose stream
 * is not followed. When the table is lost (a gap in a block, a block that breaks the format, no
 * memory), header blocks of that direction are counted as not inspected for good; bodies are read
 * on, without knowing their codings. */
#include "decoders/http2.h"

#include "decoders/http_head.h"
#include "sensor/base/mem.h"
#include "sensor/core/tx.h"

enum { CODED_MAX = 32 }; /* bodies whose codings are undone side by side */

static struct http2_stream *stream_of(struct list *link)
{
    return link != NULL ? LIST_ENTRY(link, struct http2_stream, link) : NULL;
}

struct http2_stream *http2_stream_find(struct http2 *h, uint32_t id)
{
    struct list *at = list_first(&h->streams);
    if (h->latest != NULL && h->latest->id == id) {
        return h->latest;
    }
    while (at != NULL && stream_of(at)->id != id) {
        at = list_next(&h->streams, at);
    }
    h->latest = stream_of(at);
    return h->latest;
}

static struct http_out *out_of(struct http2_side *side, struct http2_stream *stream)
{
    side->out.tx = stream->tx;
    return &side->out;
}

void http2_flush(struct http2_side *side)
{
    struct http2_stream *stream = side->active;
    side->active = NULL;
    if (stream != NULL) {
        http_body_flush(&stream->messages[side->out.dir].body, out_of(side, stream));
    }
}

static void end_body(struct http2_side *side, struct http2_stream *stream, bool cut)
{
    struct http2_message *m = &stream->messages[side->out.dir];
    if (m->in_body) {
        if (side->active != stream) {
            http2_flush(side);
        }
        side->active = NULL;
        side->http2->n_coded -= m->body.codings != NULL ? 1 : 0;
        http_body_end(&m->body, out_of(side, stream), cut);
        m->in_body = false;
    }
}

void http2_stream_end(struct http2 *h, struct http2_stream *stream)
{
    for (unsigned dir = TO_SERVER; dir <= TO_CLIENT; dir++) {
        struct http2_message *m = &stream->messages[dir];
        stream->cut = stream->cut || (m->begun && !m->done);
        end_body(&h->sides[dir], stream, true);
        http_body_free(&m->body);
        h->sides[dir].out.tx = NULL;
    }
    h->emit->ops->tx_end(h->emit->ctx, stream->tx, stream->cut ? TX_CUT : 0U);
    list_remove(&stream->link);
    h->latest = NULL;
    h->n_streams--;
    mem_free(stream);
}

static void settle(struct http2 *h, struct http2_stream *stream)
{
    const struct http2_message *request = &stream->messages[TO_SERVER];
    const struct http2_message *response = &stream->messages[TO_CLIENT];
    if (response->done && (request->done || !request->begun)) {
        http2_stream_end(h, stream);
    }
}

struct http2_stream *http2_stream_get(struct http2 *h, uint32_t id, enum direction dir)
{
    struct http2_stream *stream = http2_stream_find(h, id);
    if (stream != NULL) {
        return stream;
    }
    if (h->n_streams >= h->limits->open_tx) {
        stream = stream_of(list_first(&h->streams));
        stream->cut = true;
        http2_stream_end(h, stream);
    }
    stream = mem_alloc(sizeof(*stream));
    if (stream == NULL) {
        return NULL;
    }
    stream->id = id;
    stream->tx = h->emit->ops->tx_begin(h->emit->ctx, dir);
    list_init(&stream->link);
    list_add_tail(&h->streams, &stream->link);
    h->n_streams++;
    for (unsigned d = TO_SERVER; d <= TO_CLIENT; d++) {
        http_body_init(&stream->messages[d].body, h->limits);
    }
    return stream;
}

static void tell_number(struct http2_side *side, struct http2_stream *stream)
{
    char text[16];
    struct sbuf number = sbuf_with_cap(sizeof(text));
    sbuf_add_format(&number, "%u", (unsigned)stream->id);
    const struct field field = {.id = FIELD_HTTP2_STREAM,
                                .value = sbuf_span(&number),
                                .dir = side->out.dir,
                                .flags = FIELD_REPEATED};
    side->out.emit->ops->field(side->out.emit->ctx, stream->tx, &field);
    sbuf_free(&number);
}

/* --- header blocks --- */

void http2_block_begin(struct http2_side *side, uint32_t id, bool ends_stream, bool promised)
{
    struct http2 *h = side->http2;
    http2_flush(side);
    struct http2_stream *stream = http2_stream_get(h, id, side->out.dir);
    side->block_stream = id;
    side->block_ends_stream = ends_stream;
    side->block_promised = promised;
    side->block_bytes = 0;
    side->block_raw = side->headers_lost;
    if (!side->headers_lost && side->hpack == NULL) {
        side->hpack = hpack_new();
        side->headers_lost = side->hpack == NULL;
    }
    bool trailers = stream != NULL && !promised && stream->messages[side->out.dir].head_done;
    if (!side->headers_lost) {
        http2_head_begin(&side->head, trailers);
    }
    if (stream != NULL && !promised) {
        if (!stream->messages[side->out.dir].begun) {
            tell_number(side, stream);
        }
        stream->messages[side->out.dir].begun = true;
    }
}

/* The lines so far. A promised request is emitted as it is: it comes from the server, and no client
 * asked for it. */
static void emit_lines(struct http2_side *side, bool last)
{
    struct http2_stream *stream = http2_stream_find(side->http2, side->block_stream);
    enum direction dir = side->block_promised ? TO_SERVER : side->out.dir;
    struct span block = http2_head_take(&side->head, dir, last);
    if (stream != NULL && block.len > 0 && !(side->head.trailers && block.len <= 2)) {
        struct http_out *out = out_of(side, stream);
        const struct http_lines lines = {.bytes = block,
                                         .begins = !side->head.parted && !side->head.trailers,
                                         .trailers = side->head.trailers};
        if (side->block_promised) {
            (void)http_emit_head(out, FIELD_HTTP_HEADER, block, 0);
        } else {
            http_head_emit(out, &stream->messages[dir].facts, &lines);
        }
    }
    http2_head_taken(&side->head);
}

void http2_headers_lost(struct http2_side *side)
{
    if (side->head.open) {
        emit_lines(side, false); /* as far as they came */
    }
    side->head.open = false;
    side->headers_lost = true;
    hpack_free(&side->hpack);
}

static bool is_interim(const struct http2_side *side, const struct http2_message *m)
{
    return side->out.dir == TO_CLIENT && m->facts.status >= 100 && m->facts.status < 200;
}

static void end_message(struct http2_side *side, struct http2_stream *stream)
{
    stream->messages[side->out.dir].done = true;
    settle(side->http2, stream);
}

/* Anomalies of the block are told behind its fields. */
static void report_block(struct http2_side *side, struct http2_stream *stream)
{
    struct http_out *out = out_of(side, stream);
    if (side->head.odd) {
        http_emit_anomaly(out, ANOMALY_HTTP_BAD_HEADER);
    }
    if (side->head.full) {
        http_emit_anomaly(out, ANOMALY_ENCODING_BOMB);
        http_emit_lost(out, LOST_CAP, side->head.n_lost);
    }
}

static void block_end(struct http2_side *side)
{
    struct http2_stream *stream = http2_stream_find(side->http2, side->block_stream);
    bool trailers = side->head.open && side->head.trailers;
    side->block_stream = 0;
    side->head.open = false;
    http_out_trim(&side->out);
    if (stream == NULL || side->block_promised) {
        return;
    }
    struct http2_message *m = &stream->messages[side->out.dir];
    if (!side->headers_lost) {
        report_block(side, stream);
    }
    if (!trailers && is_interim(side, m) && !side->block_ends_stream) {
        m->facts = (struct http_facts){0}; /* the final head is still to come */
        return;
    }
    m->head_done = true;
    if (side->block_ends_stream) {
        end_body(side, stream, false);
        end_message(side, stream);
    }
}

static void block_broken(struct http2_side *side)
{
    struct http2_stream *stream = http2_stream_find(side->http2, side->block_stream);
    if (stream != NULL) {
        http_emit_anomaly(out_of(side, stream), ANOMALY_HTTP2_BAD_HEADERS);
        stream->cut = true;
    }
    http2_headers_lost(side);
    http_emit_lost(&side->out, LOST_ENCODING, side->block_bytes);
}

void http2_block_data(struct http2_side *side, struct span in, bool last)
{
    struct hpack_header header;
    struct http2_stream *stream = http2_stream_find(side->http2, side->block_stream);
    side->block_bytes += in.len;
    if (side->headers_lost) {
        side->out.tx = stream != NULL ? stream->tx : NULL;
        http_emit_lost(&side->out, LOST_ENCODING, in.len);
    }
    bool more = !side->headers_lost;
    while (more) {
        size_t left = in.len;
        enum hpack_result result = hpack_next(side->hpack, &in, last, &header);
        side->head.n_taken += left - in.len;
        switch (result) {
        case HPACK_HEADER:
            if (http2_head_add(&side->head, side->block_promised ? TO_SERVER : side->out.dir,
                               &header, &side->out)) {
                emit_lines(side, false);
            }
            break;
        case HPACK_END:
            emit_lines(side, true);
            more = false;
            break;
        case HPACK_MORE:
            more = false;
            break;
        case HPACK_BROKEN:
            block_broken(side);
            more = false;
            break;
        }
    }
    if (last) {
        block_end(side);
    }
}

/* --- bodies --- */

static bool is_coded(const struct http2_stream *stream)
{
    return stream->messages[TO_SERVER].body.codings != NULL ||
           stream->messages[TO_CLIENT].body.codings != NULL;
}

/* Undoing a coding takes memory: at the cap the oldest stream with one ends. */
static void make_room_for_coding(struct http2 *h, const struct http2_stream *but)
{
    struct list *at = h->n_coded >= CODED_MAX ? list_first(&h->streams) : NULL;
    while (at != NULL && (stream_of(at) == but || !is_coded(stream_of(at)))) {
        at = list_next(&h->streams, at);
    }
    if (at != NULL) {
        stream_of(at)->cut = true;
        http2_stream_end(h, stream_of(at));
    }
}

static void begin_body(struct http2_side *side, struct http2_stream *stream)
{
    struct http2_message *m = &stream->messages[side->out.dir];
    if (!m->begun) {
        tell_number(side, stream); /* its head was lost */
    }
    m->begun = true;
    m->head_done = true;
    m->in_body = true;
    if (m->facts.n_codings > 0) {
        make_room_for_coding(side->http2, stream);
    }
    http_body_begin(&m->body, out_of(side, stream), &m->facts, HTTP_FRAMING_CLOSE, 0);
    side->http2->n_coded += m->body.codings != NULL ? 1 : 0;
}

void http2_body_data(struct http2_side *side, struct span bytes, bool last)
{
    struct http2_stream *stream = http2_stream_find(side->http2, side->frame.stream);
    if (stream == NULL && bytes.len > 0) {
        stream = http2_stream_get(side->http2, side->frame.stream, side->out.dir);
    }
    if (stream == NULL) {
        side->out.tx = NULL;
        http_emit_lost(&side->out, LOST_MEMORY, bytes.len);
        return;
    }
    struct http2_message *m = &stream->messages[side->out.dir];
    if (side->active != stream) {
        http2_flush(side);
    }
    if (bytes.len > 0) {
        if (!m->in_body) {
            begin_body(side, stream);
        }
        side->active = stream;
        out_of(side, stream);
        enum http_body_result result = http_body_data(&m->body, &side->out, &bytes);
        CHECK(result == HTTP_BODY_MORE);
    }
    if (last) {
        end_body(side, stream, false);
        end_message(side, stream);
    }
}

void http2_payload_gap(struct http2_side *side, uint64_t n_bytes)
{
    struct http2_stream *stream = http2_stream_find(side->http2, side->frame.stream);
    http2_flush(side);
    if (side->block_stream != 0) {
        http2_headers_lost(side);
        stream = http2_stream_find(side->http2, side->block_stream);
    } else if (stream != NULL && stream->messages[side->out.dir].in_body) {
        bool inside =
            http_body_gap(&stream->messages[side->out.dir].body, out_of(side, stream), n_bytes);
        CHECK(inside); /* what lasts until its end has no other */
    }
    if (stream != NULL) {
        stream->cut = true;
    }
}
