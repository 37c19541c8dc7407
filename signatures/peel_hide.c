/* peel_hide: whether anything could be found in a whole text, however it is read: read as it stands
 * with its escapes, as UTF-16, as an extended parameter of mail, or in the base64 in it.
 *
 * One pass for each, no memory. */
#include "signatures/peel.h"
#include "signatures/peel_pieces.h"
#include "signatures/peel_runs.h"

bool peel_may_hide(struct span text)
{
    struct peel_walk walk;
    size_t off = 0;
    peel_walk_start(&walk);
    return peel_walk_on(&walk, text, &off, text.len) || peel_walk_end(&walk) ||
           (walk.folded && span_find_byte(text, 0, 0) != SPAN_NONE) || peel_is_extended(text) ||
           peel_has_utf16(text) || peel_hides_in_runs(text);
}
