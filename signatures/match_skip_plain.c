/* match_skip_plain: processors on which every byte is scanned. */
#include "signatures/match_skip.h"

bool skip_is_fast(void)
{
    return false;
}

void skip_blocks(const struct skip_masks *masks, struct span text, size_t from,
                 struct skip_found *found)
{
    skip_blocks_slow(masks, text, from, found);
}
