/* http_websocket: messages after an Upgrade (RFC 6455 section 5), also compressed ones
 * (permessage-deflate, RFC 7692 section 7).
 *
 * A message is a body of its own, whatever frames it came in; control frames may stand between
 * them, and what they hold (a reason, an echo) is a field. Frames are unmasked piece by piece.
 *
 * Whether a message is compressed is read off its first frame, so nothing depends on which
 * extensions were agreed; the window of the messages before is kept (of short ones it is short, so
 * that idle connections hold little), which a message that does not need it is none the worse for.
 * Output is capped in bytes and in ratio, for each message.
 *
 * Behind a gap in a frame its rest is read on, but not inflated; behind a gap that reaches over a
 * frame's end nothing is known any more. */
#include "decoders/http_websocket.h"

#include "decoders/mime_body.h" /* bodies that keep the promise of a region */
#include "sensor/base/cursor.h"
#include "sensor/base/mem.h"
#include "sensor/codec/inflater.h"

enum {
    HEAD_MIN = 2,
    MASK_BYTES = 4,
    CONTROL_MAX = 125,
    CLOSE_CODE_BYTES = 2,
    MASK_STRIDE = 32,
    WINDOW = 32 << 10, /* what a compressed message may refer back to (RFC 7692 section 7.1.2) */
    PIECE = 4096,      /* unmasked at a time; at its multiples the ratio is looked at */
    RATIO_FREE = 1 << 20,
};

enum opcode { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSING = 8, PING = 9, PONG = 10 };

struct frame {
    enum opcode opcode;
    bool final;
    uint64_t left; /* of its payload */
    size_t n_unmasked;
    size_t n_code;            /* bytes of a closing code that are still to come (section 5.5.1) */
    uint8_t mask[MASK_BYTES]; /* zeros where there is none */
};

struct websocket {
    const struct decoder_limits *limits;
    struct sbuf head; /* of the next frame, as far as it came */
    bool in_frame;
    struct frame frame;
    /* the message at hand, of one or more frames */
    bool in_message;
    bool compressed;
    bool ended;   /* a block said that it is the last */
    bool dropped; /* its rest is not looked at, */
    enum lost dropped_for;
    uint64_t n_in;
    uint64_t n_out;
    struct mime_body body;
    struct inflater *inflater; /* of the message at hand */
    struct sbuf window;        /* what messages before it inflated to, */
    struct sbuf recent;        /* and the message at hand: the ends of it */
    struct sbuf plain;         /* a piece, unmasked */
    struct sbuf control;       /* the payload of a control frame */
};

struct websocket *websocket_new(const struct decoder_limits *limits)
{
    struct websocket *w = mem_alloc(sizeof(*w));
    if (w != NULL) {
        w->limits = limits;
        w->head = sbuf_with_cap(WEBSOCKET_HEAD_MAX);
        w->plain = sbuf_with_cap(PIECE);
        w->control = sbuf_with_cap(CONTROL_MAX);
        w->window = sbuf_with_cap(WINDOW + WINDOW);
        w->recent = sbuf_with_cap(WINDOW + WINDOW);
    }
    return w;
}

void websocket_free(struct websocket **w)
{
    if (*w == NULL) {
        return;
    }
    inflater_free(&(*w)->inflater);
    sbuf_free(&(*w)->head);
    sbuf_free(&(*w)->plain);
    sbuf_free(&(*w)->control);
    sbuf_free(&(*w)->window);
    sbuf_free(&(*w)->recent);
    mem_free(*w);
    *w = NULL;
}

static struct mime_out body_out(const struct http_out *out)
{
    return (struct mime_out){.emit = out->emit, .tx = out->tx, .dir = out->dir};
}

static bool is_control(enum opcode opcode)
{
    return opcode >= CLOSING;
}

/* How long the frame's head is, as far as its first two bytes tell. */
static size_t head_len(struct span head)
{
    uint8_t second = span_at(head, 1);
    size_t extended = (second & 0x7f) == 126 ? 2 : (second & 0x7f) == 127 ? 8 : 0;
    return HEAD_MIN + extended + ((second & 0x80) != 0 ? MASK_BYTES : 0);
}

static struct frame read_head(struct span head)
{
    struct cursor c = cursor_of(head);
    uint8_t first = cursor_u8(&c);
    uint8_t second = cursor_u8(&c);
    struct frame f = {.opcode = (enum opcode)(first & 0x0f), .final = (first & 0x80) != 0};
    f.n_code = f.opcode == CLOSING ? CLOSE_CODE_BYTES : 0;
    f.left = second & 0x7f;
    f.left = f.left == 126 ? cursor_be16(&c) : f.left == 127 ? cursor_be64(&c) : f.left;
    struct span mask = cursor_rest(&c);
    for (size_t i = 0; i < mask.len; i++) {
        f.mask[i] = span_at(mask, i);
    }
    return f;
}

/* What no frame may be (section 5.2 and 5.5). `first`: its first byte. */
static bool is_frame(const struct websocket *w, const struct frame *f, uint8_t first)
{
    enum { RESERVED = 0x30, COMPRESSED = 0x40 };
    bool known = f->opcode <= BINARY || (f->opcode >= CLOSING && f->opcode <= PONG);
    if (!known || (first & RESERVED) != 0 || f->left > INT64_MAX) {
        return false;
    }
    if (is_control(f->opcode)) {
        return f->final && f->left <= CONTROL_MAX && (first & COMPRESSED) == 0;
    }
    bool continues = f->opcode == CONTINUATION;
    return continues == w->in_message && !(continues && (first & COMPRESSED) != 0);
}

static void begin_message(struct websocket *w, bool compressed)
{
    w->in_message = true;
    w->compressed = compressed;
    w->ended = w->dropped = false;
    w->n_in = 0;
    w->n_out = 0;
    w->body = mime_body_begin(FIELD_WEBSOCKET_PAYLOAD, BODY_UNKNOWN);
    if (compressed) {
        w->body.layers = encodings_with(w->body.layers, ENCODING_DEFLATE);
    }
}

static void forget_window(struct websocket *w)
{
    inflater_free(&w->inflater);
    sbuf_free(&w->window);
    sbuf_free(&w->recent);
}

/* Adds to the end of a window. When it is twice as long as it need be, its front goes, so that it
 * is not moved for each byte. */
static void remember(struct sbuf *window, struct span bytes)
{
    bytes = span_from(bytes, bytes.len > WINDOW ? bytes.len - WINDOW : 0);
    if (window->len + bytes.len > window->cap) {
        sbuf_drop(window, window->len + bytes.len - WINDOW);
    }
    sbuf_add(window, bytes);
}

/* The rest of the message is not looked at. Counted from a multiple of PIECE bytes, so that it does
 * not depend on how the input was cut. */
static void drop_rest(struct websocket *w, struct http_out *out, enum lost reason)
{
    w->dropped = true;
    w->dropped_for = reason;
    forget_window(w);
    http_emit_lost(out, reason, w->n_in > 0 ? (w->n_in - 1) % PIECE + 1 : 0);
}

static uint64_t most_out(const struct websocket *w)
{
    uint64_t n_in = (w->n_in + PIECE - 1) / PIECE * PIECE;
    uint64_t by_ratio = n_in * w->limits->inflate_ratio;
    by_ratio = by_ratio > RATIO_FREE ? by_ratio : RATIO_FREE;
    return by_ratio < w->limits->inflate_bytes ? by_ratio : w->limits->inflate_bytes;
}

/* What came of one step; false when the message is not read on. */
static bool give_inflated(struct websocket *w, struct http_out *out, struct span piece,
                          enum inflater_result result)
{
    const struct mime_out body = body_out(out);
    uint64_t left = most_out(w) - w->n_out;
    bool bomb = piece.len > left;
    piece = span_head(piece, bomb ? (size_t)left : piece.len);
    w->n_out += piece.len;
    remember(&w->recent, piece);
    mime_body_give(&w->body, &body, piece);
    if (bomb) {
        http_emit_anomaly(out, ANOMALY_ENCODING_BOMB);
        drop_rest(w, out, LOST_CAP);
    } else if (result == INFLATER_BROKEN) {
        http_emit_anomaly(out, ANOMALY_ENCODING_BROKEN);
        drop_rest(w, out, LOST_ENCODING);
    }
    return result == INFLATER_FULL && !bomb;
}

/* Behind a block that says it is the last, a byte pads (RFC 7692 section 7.2.3.4); what else comes
 * in the message is not read by anybody. */
static void pass_over(struct http_out *out, struct span bytes)
{
    uint64_t n = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        n += span_at(bytes, i) != 0 ? 1 : 0;
    }
    http_emit_lost(out, LOST_ENCODING, n);
}

static void inflate(struct websocket *w, struct http_out *out, struct span bytes)
{
    bool more = true;
    while (!w->dropped && !w->ended && (bytes.len > 0 || more)) {
        if (w->inflater == NULL) {
            w->inflater = inflater_new_behind(sbuf_span(&w->window));
        }
        if (w->inflater == NULL) {
            drop_rest(w, out, LOST_MEMORY);
            break;
        }
        struct span piece;
        enum inflater_result result = inflater_next(w->inflater, &bytes, &piece);
        more = give_inflated(w, out, piece, result);
        if (result == INFLATER_END && !w->dropped) {
            w->ended = true;
            pass_over(out, inflater_input(w->inflater));
            forget_window(w); /* the next message begins a stream of its own */
            break;
        }
    }
    if (w->ended) {
        pass_over(out, bytes);
    }
}

/* What the inflater held back, where a message is cut: less or more, as the input was cut. */
static void inflate_held(struct websocket *w, struct http_out *out)
{
    bool more = w->inflater != NULL && !w->dropped && !w->ended;
    while (more) {
        struct span piece;
        enum inflater_result result = inflater_finish(w->inflater, &piece);
        more = give_inflated(w, out, piece, result == INFLATER_FULL ? result : INFLATER_MORE);
    }
}

/* Unmasked payload of a data frame. */
static void take_payload(struct websocket *w, struct http_out *out, struct span bytes)
{
    const struct mime_out body = body_out(out);
    w->n_in += bytes.len;
    if (w->dropped) {
        http_emit_lost(out, w->dropped_for, bytes.len);
    } else if (w->compressed) {
        inflate(w, out, bytes);
    } else {
        mime_body_give(&w->body, &body, bytes);
    }
}

/* RFC 7692 section 7.2.2: the four bytes that the sender took off the end. */
static void end_message(struct websocket *w, struct http_out *out)
{
    static const struct span tail = SPAN_LITERAL("\0\0\xff\xff");
    const struct mime_out body = body_out(out);
    if (w->compressed && !w->dropped && !w->ended && w->inflater != NULL) {
        inflate(w, out, tail);
    }
    inflater_free(&w->inflater);
    remember(&w->window, sbuf_span(&w->recent));
    sbuf_free(&w->recent);
    mime_body_end(&w->body, &body, w->dropped);
    w->in_message = false;
}

bool websocket_end(struct websocket *w, struct http_out *out)
{
    const struct mime_out body = body_out(out);
    bool cut = w->in_message || w->in_frame || w->head.len > 0;
    if (w->in_message) {
        inflate_held(w, out);
        mime_body_end(&w->body, &body, true);
        w->in_message = false;
    }
    forget_window(w);
    w->in_frame = false;
    sbuf_reset(&w->head);
    sbuf_reset(&w->control);
    return cut;
}

static void give_control(struct websocket *w, struct http_out *out)
{
    if (w->control.len > 0) {
        http_emit_field(out, FIELD_WEBSOCKET_PAYLOAD, sbuf_span(&w->control));
    }
    sbuf_reset(&w->control);
}

/* Of a closing frame the reason counts, not its code. */
static void take_control(struct websocket *w, struct span bytes)
{
    size_t n = bytes.len < w->frame.n_code ? bytes.len : w->frame.n_code;
    w->frame.n_code -= n;
    sbuf_add(&w->control, span_from(bytes, n));
}

static void end_frame(struct websocket *w, struct http_out *out)
{
    w->in_frame = false;
    if (is_control(w->frame.opcode)) {
        give_control(w, out);
    } else if (w->frame.final) {
        end_message(w, out);
    }
}

/* The bytes without their mask, in `plain`; fewer when there is no memory. */
static struct span unmask(struct websocket *w, struct span bytes)
{
    uint8_t
        masks[MASK_STRIDE]; /* the mask again and again, so that the compiler takes many at once */
    for (size_t i = 0; i < MASK_STRIDE; i++) {
        masks[i] = w->frame.mask[(w->frame.n_unmasked + i) % MASK_BYTES];
    }
    sbuf_reset(&w->plain);
    uint8_t *to = sbuf_reserve(&w->plain, bytes.len);
    size_t off = 0;
    for (; to != NULL && bytes.len - off >= MASK_STRIDE; off += MASK_STRIDE) {
        for (size_t i = 0; i < MASK_STRIDE; i++) {
            to[off + i] = bytes.data[off + i] ^ masks[i];
        }
    }
    for (size_t i = 0; to != NULL && off + i < bytes.len; i++) {
        to[off + i] = bytes.data[off + i] ^ masks[i];
    }
    sbuf_commit(&w->plain, to != NULL ? bytes.len : 0);
    return sbuf_span(&w->plain);
}

static void take_frame(struct websocket *w, struct http_out *out, struct span *in)
{
    size_t len = PIECE - (size_t)(w->n_in % PIECE);
    len = w->frame.left < len ? (size_t)w->frame.left : len;
    struct span piece = span_head(*in, len);
    struct span plain = unmask(w, piece);
    *in = span_from(*in, piece.len);
    w->frame.left -= piece.len;
    w->frame.n_unmasked = (w->frame.n_unmasked + piece.len) % MASK_BYTES;
    http_emit_lost(out, LOST_MEMORY, piece.len - plain.len);
    if (is_control(w->frame.opcode)) {
        take_control(w, plain);
    } else if (plain.len > 0) {
        take_payload(w, out, plain);
    }
    if (w->frame.left == 0) {
        end_frame(w, out);
    }
}

/* Collects the frame's head; false when it is none. */
static bool take_head(struct websocket *w, struct http_out *out, struct span *in)
{
    size_t wanted = w->head.len < HEAD_MIN ? HEAD_MIN : head_len(sbuf_span(&w->head));
    struct span part = span_head(*in, wanted - w->head.len);
    sbuf_add(&w->head, part);
    *in = span_from(*in, part.len);
    struct span head = sbuf_span(&w->head);
    if (head.len < HEAD_MIN || head.len < head_len(head)) {
        return true;
    }
    struct frame f = read_head(head);
    uint8_t first = span_at(head, 0);
    if (!is_frame(w, &f, first)) {
        return false;
    }
    w->frame = f;
    w->in_frame = true;
    sbuf_reset(&w->head);
    if (!is_control(f.opcode) && !w->in_message) {
        begin_message(w, (first & 0x40) != 0);
    }
    if (f.left == 0) {
        end_frame(w, out);
    }
    return true;
}

bool websocket_data(struct websocket *w, struct http_out *out, struct span *in)
{
    while (in->len > 0) {
        if (w->in_frame) {
            take_frame(w, out, in);
        } else if (!take_head(w, out, in)) {
            return false;
        }
    }
    return true;
}

struct span websocket_unread(const struct websocket *w)
{
    return sbuf_span(&w->head);
}

bool websocket_gap(struct websocket *w, struct http_out *out, uint64_t n_bytes)
{
    if (!w->in_frame || n_bytes >= w->frame.left) {
        return false;
    }
    w->frame.left -= n_bytes;
    w->frame.n_unmasked = (w->frame.n_unmasked + n_bytes % MASK_BYTES) % MASK_BYTES;
    if (is_control(w->frame.opcode)) {
        give_control(w, out);
        w->frame.n_code -= n_bytes < w->frame.n_code ? (size_t)n_bytes : w->frame.n_code;
        return true;
    }
    inflate_held(w, out);
    w->body.after_gap = w->body.open;
    if (w->compressed && !w->dropped) {
        w->n_in = 0; /* what came was inflated */
        drop_rest(w, out, LOST_ENCODING);
    }
    return true;
}
