/* chunked: the chunked transfer coding of HTTP/1.1 (RFC 9112 section 7.1).
 *
 * Lenient where servers are: blanks around the size, leading zeros, LF without CR. Not lenient
 * where a guess would lose the framing for good: a size that is no hexadecimal number or needs more
 * than 63 bits, and data that no line end follows. Extensions are handed out, since they are bytes
 * like any other. Nothing is copied and nothing kept but a number. */
#include "sensor/codec/chunked.h"

#include "sensor/base/bytes.h"

enum state {
    BEFORE_SIZE,
    IN_SIZE,
    AFTER_SIZE, /* blanks behind the size */
    IN_EXTENSION,
    SIZE_CR,
    IN_DATA,
    AFTER_DATA, /* the line end behind a chunk */
    DATA_CR,
    AT_END
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* The size line is complete. */
static enum chunked_step begin_chunk(struct chunked *c)
{
    c->state = c->left > 0 ? IN_DATA : AT_END;
    return c->left > 0 ? CHUNKED_MORE : CHUNKED_END;
}

static bool add_digit(struct chunked *c, uint8_t byte)
{
    int digit = byte_hex(byte);
    if (digit < 0 || c->left >> 59 != 0) {
        return false;
    }
    c->left = c->left << 4 | (uint64_t)digit;
    c->has_digits = true;
    c->state = IN_SIZE;
    return true;
}

/* One byte of the line that holds the size, up to an extension. */
static enum chunked_step size_byte(struct chunked *c, uint8_t byte)
{
    if (is_blank(byte)) {
        c->state = c->state == IN_SIZE ? AFTER_SIZE : c->state;
        return CHUNKED_MORE;
    }
    if (c->state != AFTER_SIZE && add_digit(c, byte)) {
        return CHUNKED_MORE;
    }
    if (!c->has_digits) {
        return CHUNKED_BROKEN;
    }
    if (byte == '\n') {
        c->lf_only = true;
        return begin_chunk(c);
    }
    if (byte == '\r' || byte == ';') {
        c->state = byte == '\r' ? SIZE_CR : IN_EXTENSION;
        return CHUNKED_MORE;
    }
    return CHUNKED_BROKEN;
}

static enum chunked_step take_extension(struct chunked *c, struct span *in, struct span *ret_piece)
{
    size_t end = span_find_byte(*in, 0, '\n');
    *ret_piece = span_head(*in, end);
    *in = span_from(*in, end == SPAN_NONE ? in->len : end);
    if (ret_piece->len > 0) {
        return CHUNKED_EXTENSION;
    }
    *in = span_from(*in, 1);
    return begin_chunk(c);
}

static enum chunked_step take_data(struct chunked *c, struct span *in, struct span *ret_piece)
{
    size_t len = c->left < in->len ? (size_t)c->left : in->len;
    *ret_piece = span_head(*in, len);
    *in = span_from(*in, len);
    c->left -= len;
    c->state = c->left > 0 ? IN_DATA : AFTER_DATA;
    return CHUNKED_DATA;
}

/* A line end behind a size or a chunk; after it the state is `next`. */
static enum chunked_step after_data_byte(struct chunked *c, uint8_t byte)
{
    if (byte == '\r' && c->state == AFTER_DATA) {
        c->state = DATA_CR;
        return CHUNKED_MORE;
    }
    if (byte != '\n') {
        return CHUNKED_BROKEN;
    }
    c->lf_only = c->lf_only || c->state == AFTER_DATA;
    c->has_digits = false;
    c->state = BEFORE_SIZE;
    return CHUNKED_MORE;
}

static enum chunked_step take_byte(struct chunked *c, struct span *in)
{
    uint8_t byte = span_at(*in, 0);
    enum chunked_step step = CHUNKED_BROKEN;
    switch ((enum state)c->state) {
    case BEFORE_SIZE:
    case IN_SIZE:
    case AFTER_SIZE:
        step = size_byte(c, byte);
        break;
    case SIZE_CR:
        step = byte == '\n' ? begin_chunk(c) : CHUNKED_BROKEN;
        break;
    case AFTER_DATA:
    case DATA_CR:
        step = after_data_byte(c, byte);
        break;
    case IN_EXTENSION:
    case IN_DATA:
    case AT_END:
        break;
    }
    *in = step == CHUNKED_BROKEN ? *in : span_from(*in, 1);
    return step;
}

enum chunked_step chunked_next(struct chunked *c, struct span *in, struct span *ret_piece)
{
    enum chunked_step step = CHUNKED_MORE;
    while (in->len > 0 && step == CHUNKED_MORE) {
        if (c->state == IN_DATA) {
            step = take_data(c, in, ret_piece);
        } else if (c->state == IN_EXTENSION) {
            step = take_extension(c, in, ret_piece);
        } else {
            step = take_byte(c, in);
        }
    }
    return step;
}

bool chunked_skip(struct chunked *c, uint64_t n_bytes)
{
    if (c->state != IN_DATA || n_bytes > c->left) {
        return false;
    }
    c->left -= n_bytes;
    c->state = c->left > 0 ? IN_DATA : AFTER_DATA;
    return true;
}
