#pragma once

#include "sensor/base/check.h"

#include <stddef.h>
#include <stdint.h>

/* What the heap needs beside the bytes of a block, for those who count what they hold. */
enum { MEM_OVERHEAD = 16 };

/* Zeroed memory, or NULL. The caller owns it and gives it to mem_free(). */
MUST_USE void *mem_alloc(size_t size);
/* n * size zeroed bytes, or NULL, also when the product overflows. */
MUST_USE void *mem_alloc_array(size_t n, size_t size);
/* As mem_alloc(), on a multiple of `align` bytes (a power of two). */
MUST_USE void *mem_alloc_aligned(size_t size, size_t align);
/* Grows or shrinks; new bytes are not zeroed; on NULL the old block is still the caller's. */
MUST_USE void *mem_resize(void *block, size_t size);
/* Accepts NULL. */
void mem_free(void *block);

/* Gives pages that no block lies in back to the system. Costs milliseconds where there are many. */
void mem_trim(void);

/* Bytes that the calling thread took and did not give back; negative when it gave back more of
 * what others took. */
int64_t mem_in_use(void);
/* The block goes to another thread: it no longer counts here; who gets it takes it over. */
void mem_give_away(void *block);
void mem_take_over(void *block);
/* For blocks that are kept to be used again, and do not count meanwhile: how many bytes a block
 * counts for, to be asked once; and that so many more, or fewer, are in use. Without a look at the
 * block, which may be in no cache any more. */
int64_t mem_size(void *block);
void mem_count(int64_t n_bytes);

/* For tests: the n-th allocation from now on fails, and all later ones when sticky; 0 switches it
 * off. */
void mem_fail_at(size_t n, int sticky);
/* How many allocations are left to the one that fails, that one included; 0: it has failed, or is
 * switched off. (A sticky one stays at 1.) */
size_t mem_fail_left(void);

/* Hints that these bytes will be read; they need not exist. */
static inline void mem_prefetch(const void *at, size_t len)
{
    enum { LINE = 64 };
    const char *line = at;
    for (size_t i = 0; i < len; i += LINE) {
        __builtin_prefetch(line + i);
    }
}
