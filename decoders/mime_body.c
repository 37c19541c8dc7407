/* mime_body: keeps the promise of a region, that its pieces go from FIRST to LAST. */
#include "decoders/mime_body.h"

static void give(struct mime_body *b, const struct mime_out *out, struct span bytes, unsigned flags)
{
    struct region piece = {
        .kind = REGION_BODY,
        .field = b->field,
        .bytes = bytes,
        .flags = flags,
        .layers = b->layers,
    };
    if (!b->open) {
        piece.flags |= REGION_FIRST;
        piece.body_type = b->type;
    }
    if (b->after_gap) {
        piece.flags |= REGION_AFTER_GAP;
    }
    b->open = true;
    b->after_gap = false;
    mime_region(out, piece);
}

void mime_body_give(struct mime_body *b, const struct mime_out *out, struct span bytes)
{
    if (bytes.len > 0) {
        give(b, out, bytes, 0);
    }
}

void mime_body_end(struct mime_body *b, const struct mime_out *out, bool cut)
{
    if (b->open) {
        give(b, out, (struct span){NULL, 0}, REGION_LAST | (cut ? REGION_CUT : 0U));
    }
    b->open = false;
}
