/* unpack: compressed captures as streams, through the libraries that define the formats.
 *
 * gzip (RFC 1952, several members) through ISA-L, four times as fast as zlib; zstd (RFC 8878,
 * several frames) through libzstd; xz (several streams) through liblzma. Memory is capped: what
 * needs a window of more than 128 MiB is an error with a reason. How much comes out is not capped:
 * it is read in pieces and dropped packet by packet. */
#include "sensor/capture/unpack.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/base/wire.h"

#include <isa-l/igzip_lib.h>
#include <lzma.h>
#include <zstd.h>

enum { XZ_MEMORY = 128 * 1024 * 1024, ZSTD_WINDOW_LOG = 27 };

static uint32_t clamp32(size_t len)
{
    return len < UINT32_MAX ? (uint32_t)len : UINT32_MAX;
}

/* The libraries take input through pointers to non-const; they do not write to it. */
static uint8_t *unconst(const uint8_t *data)
{
    union {
        const uint8_t *from;
        uint8_t *to;
    } u = {.from = data};
    return u.to;
}

struct gzip {
    struct inflate_state state;
    bool in_member;
    bool any;      /* a member was read to its end */
    bool trailing; /* what follows the members is not gzip: ignored, as gzip does */
};

static void *gzip_open(void)
{
    return mem_alloc(sizeof(struct gzip));
}

/* Whether there is a member to go on with, or another begins in the input. */
static bool gzip_in_member(struct gzip *g, struct span input)
{
    if (!g->in_member && input.len > 0) {
        g->trailing = g->trailing || (g->any && span_at(input, 0) != 0x1f);
        g->in_member = !g->trailing;
        isal_inflate_init(&g->state);
        g->state.crc_flag = ISAL_GZIP;
    }
    return g->in_member;
}

static enum unpack_status gzip_run(void *state, struct unpack_step *step)
{
    struct gzip *g = state;
    if (!gzip_in_member(g, step->input)) {
        step->consumed = step->input.len;
        return g->any ? UNPACK_WHOLE : UNPACK_OK;
    }
    g->state.next_in = unconst(step->input.data);
    g->state.avail_in = clamp32(step->input.len);
    g->state.next_out = step->to;
    g->state.avail_out = clamp32(step->room);
    int code = isal_inflate(&g->state);
    step->consumed = clamp32(step->input.len) - g->state.avail_in;
    step->produced = clamp32(step->room) - g->state.avail_out;
    if (code != ISAL_DECOMP_OK && code != ISAL_END_INPUT && code != ISAL_OUT_OVERFLOW) {
        step->why = code == ISAL_INCORRECT_CHECKSUM ? "wrong checksum" : "damaged data";
        return UNPACK_BAD;
    }
    bool whole = g->state.block_state == ISAL_BLOCK_FINISH;
    g->in_member = !whole;
    g->any = g->any || whole;
    return whole ? UNPACK_WHOLE : UNPACK_OK;
}

static void gzip_close(void *state)
{
    mem_free(state);
}

static void *zstd_open(void)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (context != NULL) {
        (void)ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
    }
    return context;
}

static enum unpack_status zstd_run(void *state, struct unpack_step *step)
{
    ZSTD_inBuffer in = {.src = step->input.data, .size = step->input.len};
    ZSTD_outBuffer out = {.dst = step->to, .size = step->room};
    size_t code = ZSTD_decompressStream(state, &out, &in);
    step->consumed = in.pos;
    step->produced = out.pos;
    if (ZSTD_isError(code)) {
        step->why = ZSTD_getErrorName(code);
        return UNPACK_BAD;
    }
    return code == 0 ? UNPACK_WHOLE : UNPACK_OK;
}

static void zstd_close(void *state)
{
    (void)ZSTD_freeDCtx(state);
}

static void *xz_open(void)
{
    lzma_stream *stream = mem_alloc(sizeof(*stream));
    if (stream != NULL && lzma_stream_decoder(stream, XZ_MEMORY, LZMA_CONCATENATED) != LZMA_OK) {
        mem_free(stream);
        return NULL;
    }
    return stream;
}

static const char *xz_why(lzma_ret code)
{
    static const struct {
        lzma_ret code;
        const char *why;
    } rows[] = {
        {LZMA_MEM_ERROR, "out of memory"},
        {LZMA_MEMLIMIT_ERROR, "needs more than 128 MiB to decompress"},
        {LZMA_OPTIONS_ERROR, "unsupported options"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].code == code) {
            return rows[i].why;
        }
    }
    return "damaged data";
}

static enum unpack_status xz_run(void *state, struct unpack_step *step)
{
    lzma_stream *stream = state;
    stream->next_in = step->input.data;
    stream->avail_in = step->input.len;
    stream->next_out = step->to;
    stream->avail_out = step->room;
    lzma_ret code = lzma_code(stream, step->last ? LZMA_FINISH : LZMA_RUN);
    step->consumed = step->input.len - stream->avail_in;
    step->produced = step->room - stream->avail_out;
    if (code == LZMA_STREAM_END) {
        return UNPACK_WHOLE;
    }
    if (code == LZMA_OK || code == LZMA_BUF_ERROR) {
        return UNPACK_OK;
    }
    step->why = xz_why(code);
    return UNPACK_BAD;
}

static void xz_close(void *state)
{
    lzma_end(state);
    mem_free(state);
}

static const struct unpack_ops table[] = {
    {"gzip", SPAN_LITERAL("\x1f\x8b"), gzip_open, gzip_run, gzip_close},
    {"zstd", SPAN_LITERAL("\x28\xb5\x2f\xfd"), zstd_open, zstd_run, zstd_close},
    {"xz",
     SPAN_LITERAL("\xfd"
                  "7zXZ\0"),
     xz_open, xz_run, xz_close},
};

const struct unpack_ops *unpack_for(struct span head)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (span_starts(head, table[i].magic)) {
            return &table[i];
        }
    }
    return NULL;
}
