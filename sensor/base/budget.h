#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one thread may have in use of the heap beyond what it had at the start: everything that goes
 * through mem.h counts, whoever asked for it. Not shared between threads. */
struct budget {
    int64_t from; /* mem_in_use() at the start */
    size_t limit;
};

/* Begins to count, on the thread whose budget it is. */
void budget_start(struct budget *b, size_t limit);
/* Bytes in use since then. */
size_t budget_used(const struct budget *b);
/* Whether n_bytes more would pass the limit. */
bool budget_lacks(const struct budget *b, size_t n_bytes);
