/* qp: quoted-printable, RFC 2045 section 6.7.
 *
 * "=XX" in either case is an octet; "=" then blanks then a line end is a soft break and vanishes,
 * with CR LF, a bare LF, or a bare CR. Anything else behind '=' is kept as it stands and counted,
 * which is what mail readers do. Blanks before a line end are kept (the standard lets a gateway
 * strip them; a look-up does not care). The blanks held after a '=' are capped: a run longer than
 * QP_HELD_MAX is no soft break. */
#include "sensor/codec/qp.h"

#include "sensor/base/bytes.h"

struct qp qp_start(void)
{
    return (struct qp){0};
}

/* What is held is no escape: it goes out as it stands. */
static void give_up(struct qp *d, struct sbuf *out)
{
    d->n_bad++;
    sbuf_add(out, span_of(d->held, d->n_held));
    d->n_held = 0;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* One more byte while something is held; false when the byte is not part of it and must be looked
 * at again. */
static bool hold(struct qp *d, uint8_t c, struct sbuf *out)
{
    uint8_t last = d->held[d->n_held - 1];
    if (last == '\r') { /* "=\r" was a soft break already */
        d->n_held = 0;
        return c == '\n';
    }
    if (c == '\n') {
        bool soft = d->n_held == 1 || is_blank(last);
        if (soft) {
            d->n_held = 0;
        } else {
            give_up(d, out);
        }
        return soft;
    }
    if (d->n_held == 2 && byte_hex(last) >= 0 && byte_hex(c) >= 0) {
        sbuf_add_byte(out, (uint8_t)(byte_hex(last) << 4 | byte_hex(c)));
        d->n_held = 0;
        return true;
    }
    bool hex = d->n_held == 1 && byte_hex(c) >= 0;
    bool blank = (is_blank(c) || c == '\r') && (d->n_held == 1 || is_blank(last));
    if ((!hex && !blank) || d->n_held == QP_HELD_MAX) {
        give_up(d, out);
        return false;
    }
    d->held[d->n_held++] = c;
    return true;
}

void qp_decode(struct qp *d, struct span in, struct sbuf *out)
{
    size_t off = 0;
    while (off < in.len) {
        if (d->n_held > 0) {
            off += hold(d, in.data[off], out) ? 1 : 0;
            continue;
        }
        size_t at = span_find_byte(in, off, '=');
        size_t end = at == SPAN_NONE ? in.len : at;
        sbuf_add(out, span_sub(in, off, end - off));
        off = end;
        if (at != SPAN_NONE) {
            d->held[0] = '=';
            d->n_held = 1;
            off++;
        }
    }
}

void qp_finish(struct qp *d, struct sbuf *out)
{
    if (d->n_held > 1 && byte_hex(d->held[1]) >= 0) {
        give_up(d, out);
    }
    d->n_held = 0;
}
