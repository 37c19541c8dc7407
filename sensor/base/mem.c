/* mem: the one door to the heap.
 *
 * Memory comes zeroed. The door exists for three reasons: the lint can tell who allocates; a test
 * can make the n-th allocation fail, so that every path behind a failed one is walked at least
 * once; and what a thread has in use is known, so that one limit can hold for all of it. The
 * counters are thread-local: no atomics, a few instructions for each block. They go by what the
 * heap really gave, its own word before each block included. */
#include "sensor/base/mem.h"

#include "sensor/base/bytes.h"

#include <malloc.h>
#include <stdlib.h>

enum { HEAP_WORD = sizeof(size_t) };

static _Thread_local size_t fail_in;  /* lint: test hook, thread-local */
static _Thread_local int fail_sticky; /* lint: test hook, thread-local */
static _Thread_local int64_t in_use;  /* lint: a gauge of the thread's own */

int64_t mem_size(void *block)
{
    return (int64_t)(malloc_usable_size(block) + HEAP_WORD);
}

void mem_count(int64_t n_bytes)
{
    in_use += n_bytes;
}

static void *taken(void *block)
{
    in_use += block != NULL ? mem_size(block) : 0;
    return block;
}

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

size_t mem_fail_left(void)
{
    return fail_in;
}

/* By calloc(), though malloc() would find blocks freed lately sooner: what was never used is zero
 * without being touched, so that no page is needed for what nobody writes. */
void *mem_alloc(size_t size)
{
    return fails_now() ? NULL : taken(calloc(1, size > 0 ? size : 1));
}

void *mem_alloc_array(size_t n, size_t size)
{
    return fails_now() ? NULL : taken(calloc(n > 0 ? n : 1, size > 0 ? size : 1));
}

void *mem_alloc_aligned(size_t size, size_t align)
{
    size_t whole = (size + align - 1) / align * align;
    void *block = fails_now() ? NULL : aligned_alloc(align, whole);
    if (block != NULL) {
        bytes_zero(block, whole);
    }
    return taken(block);
}

void *mem_resize(void *block, size_t size)
{
    if (fails_now()) {
        return NULL;
    }
    int64_t before = block != NULL ? mem_size(block) : 0;
    void *after = taken(realloc(block, size > 0 ? size : 1));
    in_use -= after != NULL ? before : 0;
    return after;
}

void mem_free(void *block)
{
    if (block != NULL) {
        in_use -= mem_size(block);
        free(block);
    }
}

int64_t mem_in_use(void)
{
    return in_use;
}

void mem_give_away(void *block)
{
    in_use -= mem_size(block);
}

void mem_take_over(void *block)
{
    (void)taken(block);
}

void mem_trim(void)
{
    (void)malloc_trim(0);
}
