/* budget: a limit for all the memory of a thread.
 *
 * It is asked before something large is taken, and after each packet; whoever has something to give
 * back does so until it holds. What one packet takes in between is bounded by the caps of those who
 * take it. */
#include "sensor/base/budget.h"

#include "sensor/base/mem.h"

void budget_start(struct budget *b, size_t limit)
{
    *b = (struct budget){.from = mem_in_use(), .limit = limit};
}

size_t budget_used(const struct budget *b)
{
    int64_t used = mem_in_use() - b->from;
    return used > 0 ? (size_t)used : 0;
}

bool budget_lacks(const struct budget *b, size_t n_bytes)
{
    size_t used = budget_used(b);
    return used > b->limit || n_bytes > b->limit - used;
}
