/* zstd: RFC 8878 through Facebook's decoder. Output comes block by block, so that it does not
 * depend on how the input was cut.
 *
 * Limits: windows up to 8 MiB (RFC 9659 allows no more in HTTP); a frame with a larger one is
 * broken. Dictionaries are not known. */
#include "sensor/base/mem.h"
#include "sensor/codec/inflater_ops.h"

#define ZSTD_STATIC_LINKING_ONLY /* for a decoder that takes its memory from where all do */
#include <zstd.h>

enum { WINDOW_LOG_MAX = 23 };

struct zstd {
    struct inflater base;
    ZSTD_DStream *decoder;
    bool begun;
    bool in_frame;
    bool has_more; /* the window was full */
    size_t wanted; /* the decoder's wish */
    bool ended;
    bool broken;
    uint8_t window[INFLATER_WINDOW];
};

static struct zstd *zstd_of(struct inflater *i)
{
    return (struct zstd *)(void *)i;
}

/* Frames, also those to be skipped, begin with one of these (little-endian magic numbers). */
static bool may_begin_frame(uint8_t c)
{
    return c == 0x28 || (c & 0xf0) == 0x50;
}

/* How much to give at once. When the decoder finds an error it keeps what it decoded in the same
 * call to itself, so each call gets the rest of one block and no more, and what stands between
 * blocks byte by byte: the decoder says how much it wants, the next block's header of three bytes
 * included. */
static size_t most_at_once(const struct zstd *z)
{
    enum { BLOCK_HEADER = 3 };
    if (z->has_more) {
        return 0;
    }
    size_t room = INFLATER_KEEP - z->base.kept.len;
    size_t wanted = z->in_frame && z->wanted > BLOCK_HEADER ? z->wanted - BLOCK_HEADER : 1;
    return wanted < room ? wanted : room;
}

static enum inflater_result run(struct zstd *z, struct span *in, struct span *ret_out)
{
    if (z->base.kept.len == INFLATER_KEEP) {
        sbuf_reset(&z->base.kept);
    }
    struct span part = span_head(*in, most_at_once(z));
    ZSTD_inBuffer input = {.src = part.data, .size = part.len};
    ZSTD_outBuffer output = {.dst = z->window, .size = sizeof(z->window)};
    size_t verdict = ZSTD_decompressStream(z->decoder, &output, &input);
    z->broken = ZSTD_isError(verdict) != 0;
    size_t used = z->broken ? part.len : input.pos;
    sbuf_add(&z->base.kept, span_head(part, used));
    *in = span_from(*in, used);
    *ret_out = span_of(z->window, output.pos);
    z->begun = true;
    z->wanted = verdict;
    z->in_frame = verdict != 0;
    z->has_more = z->in_frame && output.pos == output.size;
    if (z->broken) {
        return INFLATER_BROKEN;
    }
    return in->len > 0 || z->has_more ? INFLATER_FULL : INFLATER_MORE;
}

static enum inflater_result next(struct inflater *i, struct span *in, struct span *ret_out)
{
    struct zstd *z = zstd_of(i);
    bool between = z->begun && !z->in_frame;
    if (z->broken) {
        return INFLATER_BROKEN;
    }
    if (in->len == 0 && !z->has_more) {
        return INFLATER_MORE;
    }
    if (between && !may_begin_frame(span_at(*in, 0))) {
        z->ended = true;
        sbuf_reset(&z->base.kept);
    }
    return z->ended ? INFLATER_END : run(z, in, ret_out);
}

static enum inflater_result finish(struct inflater *i, struct span *ret_out)
{
    struct zstd *z = zstd_of(i);
    struct span none = {NULL, 0};
    if (z->has_more && !z->broken && !z->ended) {
        enum inflater_result result = run(z, &none, ret_out);
        if (result == INFLATER_FULL) {
            return result;
        }
    }
    if (z->broken || z->in_frame) {
        return INFLATER_BROKEN;
    }
    sbuf_reset(&z->base.kept);
    return INFLATER_END;
}

static bool is_complete(const struct inflater *i)
{
    const struct zstd *z = (const struct zstd *)(const void *)i;
    return z->begun && !z->in_frame && !z->broken;
}

static void release(struct inflater *i)
{
    struct zstd *z = zstd_of(i);
    ZSTD_freeDStream(z->decoder);
    mem_free(z);
}

static void *allocate(void *opaque, size_t size)
{
    (void)opaque;
    return mem_alloc(size);
}

static void deallocate(void *opaque, void *block)
{
    (void)opaque;
    mem_free(block);
}

struct inflater *zstd_new(void)
{
    static const ZSTD_customMem heap = {allocate, deallocate, NULL};
    static const struct inflater_ops ops = {
        .next = next, .finish = finish, .is_complete = is_complete, .free = release};
    struct zstd *z = mem_alloc(sizeof(*z));
    if (z == NULL) {
        return NULL;
    }
    z->base = (struct inflater){.ops = &ops, .kept = sbuf_with_cap(INFLATER_KEEP)};
    z->decoder = ZSTD_createDStream_advanced(heap);
    if (z->decoder == NULL ||
        ZSTD_isError(ZSTD_DCtx_setParameter(z->decoder, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
        ZSTD_freeDStream(z->decoder);
        mem_free(z);
        return NULL;
    }
    return &z->base;
}
