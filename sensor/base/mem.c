/* mem: the one door to the heap.
 *
 * Memory comes zeroed. The door exists for two reasons: the lint can tell who allocates, and a test
 * can make the n-th allocation fail, so that every path behind a failed one is walked at least
 * once. The failure counter is thread-local and costs one predictable branch. */
#include "sensor/base/mem.h"

#include "sensor/base/bytes.h"

#include <stdlib.h>

static _Thread_local size_t fail_in;  /* lint: test hook, thread-local */
static _Thread_local int fail_sticky; /* lint: test hook, thread-local */

static int fails_now(void)
{
    if (fail_in == 0) {
        return 0;
    }
    if (fail_in > 1) {
        fail_in--;
        return 0;
    }
    if (!fail_sticky) {
        fail_in = 0;
    }
    return 1;
}

void mem_fail_at(size_t n, int sticky)
{
    fail_in = n;
    fail_sticky = sticky;
}

void *mem_alloc(size_t size)
{
    return fails_now() ? NULL : calloc(1, size > 0 ? size : 1);
}

void *mem_alloc_array(size_t n, size_t size)
{
    return fails_now() ? NULL : calloc(n > 0 ? n : 1, size > 0 ? size : 1);
}

void *mem_alloc_aligned(size_t size, size_t align)
{
    size_t whole = (size + align - 1) / align * align;
    void *block = fails_now() ? NULL : aligned_alloc(align, whole);
    if (block != NULL) {
        bytes_zero(block, whole);
    }
    return block;
}

void *mem_resize(void *block, size_t size)
{
    return fails_now() ? NULL : realloc(block, size > 0 ? size : 1);
}

void mem_free(void *block)
{
    free(block);
}
