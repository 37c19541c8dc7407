/* peel_origin: back from a decoded text to the one it was decoded from.
 *
 * Layers of escapes are undone anew up to the place in question. In pieces of base64 and UTF-16 the
 * place follows from the lengths, rounded to a group or a unit; what was decoded as a whole is told
 * as a whole. */
#include "signatures/peel_search.h"

/* Where a place in a reading lies in its parent; the end of a range is rounded up. */
static size_t piece_origin(const struct peel_reading *r, size_t off, bool is_end)
{
    size_t shift_in = 0;
    size_t shift_out = 0;
    for (size_t i = 0; i < r->n_pieces; i++) {
        const struct peel_piece *s = &r->pieces[i];
        size_t out_end = s->out_off + s->out_len;
        if (off < s->out_off || (is_end && off == s->out_off)) {
            break;
        }
        if (off < out_end || (is_end && off == out_end)) {
            if (s->grain == 0 || s->out_len == 0) {
                return is_end ? s->in_off + s->in_len : s->in_off;
            }
            size_t in = (off - s->out_off) * s->in_len / s->out_len;
            size_t low = in - in % s->grain;
            size_t at = is_end && low < in ? low + s->grain : low;
            return s->in_off + (at < s->in_len ? at : s->in_len);
        }
        shift_in = s->in_off + s->in_len;
        shift_out = out_end;
    }
    return shift_in + (off - shift_out);
}

size_t peel_origin(const struct peel_reading *r, struct span parent, size_t off, bool is_end)
{
    if (r->step != PEEL_STEP_N) {
        return peel_step_origin(r->step, parent, off);
    }
    return r->n_pieces > 0 ? piece_origin(r, off, is_end) : off;
}
