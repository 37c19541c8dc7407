/* multipart: the parts of a multipart body, as it comes (RFC 2046 section 5.1, RFC 7578).
 *
 * A delimiter begins with LF (a CR in front of it belongs to it) and has no LF inside, so a search
 * that failed begins again at the byte where it failed, and what had matched is the delimiter's own
 * start: nothing has to be kept but how much that was. */
#include "sensor/codec/multipart.h"

enum state {
    IN_CONTENTS, /* looking for a delimiter */
    IN_TAIL,     /* behind it, up to its line's end */
    IN_HEAD,
    AT_END,
};

bool multipart_start(struct multipart *m, struct span boundary)
{
    *m = (struct multipart){
        .head = sbuf_with_cap(MULTIPART_HEAD_MAX),
        .delimiter = sbuf_with_cap(MULTIPART_BOUNDARY_MAX),
        .state = IN_CONTENTS,
        .matched = 1, /* a body may begin with its boundary */
        .implied = true,
    };
    sbuf_add_str(&m->delimiter, "\n--");
    sbuf_add(&m->delimiter, span_head(boundary, MULTIPART_BOUNDARY_MAX - 3));
    return !m->delimiter.cut;
}

void multipart_free(struct multipart *m)
{
    sbuf_free(&m->head);
    sbuf_free(&m->delimiter);
}

void multipart_gap(struct multipart *m)
{
    m->matched = 0;
    m->implied = m->cr = false;
}

/* Nothing of what is held was a delimiter after all; false when nothing was. */
static bool give_held(struct multipart *m, struct span *ret_piece)
{
    static const struct span cr = SPAN_LITERAL("\r");
    if (m->cr) {
        m->cr = false;
        *ret_piece = cr;
        return true;
    }
    *ret_piece = span_from(span_head(sbuf_span(&m->delimiter), m->matched), m->implied ? 1 : 0);
    m->matched = 0;
    m->implied = false;
    return ret_piece->len > 0;
}

/* How many bytes at the front can hold no delimiter. */
static size_t plain_len(struct span in)
{
    size_t lf = span_find_byte(in, 0, '\n');
    size_t len = lf == SPAN_NONE ? in.len : lf;
    return len > 0 && span_at(in, len - 1) == '\r' ? len - 1 : len;
}

static enum multipart_step in_contents(struct multipart *m, struct span *in, struct span *ret_piece)
{
    struct span delimiter = sbuf_span(&m->delimiter);
    uint8_t c = span_at(*in, 0);
    if (m->matched > 0 && c == span_at(delimiter, m->matched)) {
        m->matched++;
        *in = span_from(*in, 1);
        if (m->matched < delimiter.len) {
            return MULTIPART_MORE;
        }
        m->state = IN_TAIL;
        m->matched = 0;
        m->cr = m->dash = m->implied = false;
        bool ends = m->inside;
        m->inside = false;
        return ends ? MULTIPART_END : MULTIPART_MORE;
    }
    bool waits = m->cr && m->matched == 0 && c == '\n';
    if ((m->matched > 0 || m->cr) && !waits && give_held(m, ret_piece)) {
        return m->inside ? MULTIPART_DATA : MULTIPART_MORE;
    }
    size_t len = plain_len(*in);
    if (len > 0) {
        *ret_piece = span_head(*in, len);
        *in = span_from(*in, len);
        return m->inside ? MULTIPART_DATA : MULTIPART_MORE;
    }
    m->cr = c == '\r' || m->cr;
    m->matched = c == '\n' ? 1 : 0;
    *in = span_from(*in, 1);
    return MULTIPART_MORE;
}

/* "--" behind the boundary: it was the last. */
static void in_tail(struct multipart *m, struct span *in)
{
    uint8_t c = span_at(*in, 0);
    *in = span_from(*in, 1);
    if (c == '-' && m->dash) {
        m->state = AT_END;
    } else if (c == '\n') {
        m->state = IN_HEAD;
        m->line = 0;
        sbuf_reset(&m->head);
    }
    m->dash = c == '-';
}

static enum multipart_step in_head(struct multipart *m, struct span *in)
{
    size_t lf = span_find_byte(*in, 0, '\n');
    size_t len = lf == SPAN_NONE ? in->len : lf + 1;
    struct span line = span_head(*in, len);
    *in = span_from(*in, len);
    sbuf_add(&m->head, line);
    bool only_cr = line.len == 1 || (line.len == 2 && span_at(line, 0) == '\r');
    bool empty = lf != SPAN_NONE && m->line == 0 && only_cr;
    size_t n_cr = span_at(line, 0) == '\r' && m->line == 0 && lf == SPAN_NONE ? 1 : 0;
    m->line = lf != SPAN_NONE ? 0 : m->line + line.len - n_cr;
    if (!empty) {
        return MULTIPART_MORE;
    }
    m->state = IN_CONTENTS;
    m->inside = true;
    m->matched = 1; /* the empty line's end may begin the delimiter of an empty part */
    m->implied = true;
    m->cr = false;
    return MULTIPART_HEAD;
}

enum multipart_step multipart_next(struct multipart *m, struct span *in, struct span *ret_piece)
{
    enum multipart_step step = MULTIPART_MORE;
    while (in->len > 0 && step == MULTIPART_MORE) {
        switch ((enum state)m->state) {
        case IN_CONTENTS:
            step = in_contents(m, in, ret_piece);
            break;
        case IN_TAIL:
            in_tail(m, in);
            break;
        case IN_HEAD:
            step = in_head(m, in);
            break;
        case AT_END:
            *in = (struct span){0};
            break;
        }
    }
    return step;
}
