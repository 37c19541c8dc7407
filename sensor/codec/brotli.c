/* brotli: RFC 7932 through Google's decoder.
 *
 * The decoder hands out what it has when it runs out of input, but on an error it drops what it had
 * decoded since. So it is fed in small pieces, and the first INFLATER_KEEP bytes of input are kept:
 * when the stream breaks within them, they are read once more, the piece that broke byte by byte,
 * and what was dropped is given. Beyond them up to a piece's output may be lost in front of the
 * damage.
 *
 * Limits: windows up to 16 MiB, as the format has them; no "large window" streams. */
#include "sensor/base/mem.h"
#include "sensor/codec/inflater_ops.h"

#include <brotli/decode.h>

enum { PIECE = 256, MOST_OUT = 64 << 10 };

enum state { RUNNING, REPLAYING, ENDED, BROKEN };

struct brotli {
    struct inflater base;
    BrotliDecoderState *decoder;
    enum state state;
    bool hungry;      /* nothing can be done without more input */
    bool can_replay;  /* all of the input is kept */
    uint64_t n_in;    /* input so far */
    uint64_t given;   /* output so far */
    size_t replayed;  /* bytes of the kept input that were read again */
    size_t careful;   /* from here on they are read byte by byte */
    uint64_t to_skip; /* output of the replay that was given before */
};

static struct brotli *brotli_of(struct inflater *i)
{
    return (struct brotli *)(void *)i;
}

static void *allocate(void *ctx, size_t size)
{
    (void)ctx;
    return mem_resize(NULL, size);
}

static void deallocate(void *ctx, void *block)
{
    (void)ctx;
    mem_free(block);
}

/* Reads from *in; the output stays in the decoder. */
static BrotliDecoderResult run(struct brotli *b, struct span *in)
{
    size_t left = in->len;
    const uint8_t *at = in->data;
    size_t room = 0;
    uint8_t *out = NULL;
    BrotliDecoderResult verdict =
        BrotliDecoderDecompressStream(b->decoder, &left, &at, &room, &out, NULL);
    *in = span_from(*in, in->len - left);
    b->hungry = verdict == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT;
    return verdict;
}

static struct span take_output(struct brotli *b)
{
    size_t len = MOST_OUT;
    if (b->decoder == NULL || !BrotliDecoderHasMoreOutput(b->decoder)) {
        return (struct span){NULL, 0};
    }
    const uint8_t *out = BrotliDecoderTakeOutput(b->decoder, &len);
    return span_of(out, len);
}

static void start_replay(struct brotli *b)
{
    b->replayed = 0;
    b->to_skip = b->given;
    b->hungry = true;
    b->state = b->can_replay && !b->base.kept.cut ? REPLAYING : BROKEN;
    BrotliDecoderDestroyInstance(b->decoder);
    b->decoder = BrotliDecoderCreateInstance(allocate, deallocate, NULL);
    if (b->decoder == NULL) {
        b->state = BROKEN;
    }
}

static void keep(struct brotli *b, struct span in)
{
    if (in.len > INFLATER_KEEP - b->base.kept.len) {
        sbuf_reset(&b->base.kept);
        b->can_replay = false;
    }
    sbuf_add(&b->base.kept, in);
}

static void read_on(struct brotli *b, struct span *in)
{
    struct span piece = span_head(*in, PIECE - b->n_in % PIECE);
    struct span rest = piece;
    BrotliDecoderResult verdict = run(b, &rest);
    bool failed = verdict == BROTLI_DECODER_RESULT_ERROR;
    size_t used = failed ? piece.len : piece.len - rest.len;
    keep(b, span_head(piece, used));
    b->n_in += used;
    *in = span_from(*in, used);
    if (failed) {
        b->careful = b->base.kept.len - used;
        start_replay(b);
    } else if (verdict == BROTLI_DECODER_RESULT_SUCCESS) {
        b->state = ENDED;
        sbuf_reset(&b->base.kept);
    }
}

/* What comes next of what is kept. Before a single byte the decoder is made to give all it has. */
static struct span next_kept(const struct brotli *b)
{
    size_t len = b->replayed < b->careful ? b->careful - b->replayed : b->hungry;
    return span_sub(sbuf_span(&b->base.kept), b->replayed, len);
}

static void replay(struct brotli *b)
{
    struct span in = next_kept(b);
    size_t len = in.len;
    if (b->hungry && len == 0) {
        b->state = BROKEN;
        return;
    }
    BrotliDecoderResult verdict = run(b, &in);
    b->replayed += len - in.len;
    if (verdict == BROTLI_DECODER_RESULT_ERROR) {
        b->state = BROKEN;
    } else if (verdict == BROTLI_DECODER_RESULT_SUCCESS) {
        b->state = ENDED; /* it was not the stream that failed before, but memory */
        sbuf_drop(&b->base.kept, b->replayed);
    }
}

static enum inflater_result next(struct inflater *i, struct span *in, struct span *ret_out)
{
    struct brotli *b = brotli_of(i);
    for (;;) {
        struct span out = take_output(b);
        size_t skipped = b->to_skip < out.len ? (size_t)b->to_skip : out.len;
        b->to_skip -= skipped;
        *ret_out = span_from(out, skipped);
        b->given += ret_out->len;
        if (ret_out->len > 0) {
            return INFLATER_FULL;
        }
        switch (b->state) {
        case RUNNING:
            if (in->len == 0 && b->hungry) {
                return INFLATER_MORE;
            }
            read_on(b, in);
            break;
        case REPLAYING:
            replay(b);
            break;
        case ENDED:
            if (out.len == 0) {
                return INFLATER_END;
            }
            break;
        case BROKEN:
            return INFLATER_BROKEN;
        }
    }
}

static enum inflater_result finish(struct inflater *i, struct span *ret_out)
{
    struct span none = {NULL, 0};
    enum inflater_result result = next(i, &none, ret_out);
    return result == INFLATER_MORE ? INFLATER_BROKEN : result;
}

static bool is_complete(const struct inflater *i)
{
    const struct brotli *b = (const struct brotli *)(const void *)i;
    return b->decoder != NULL && BrotliDecoderIsFinished(b->decoder);
}

static void release(struct inflater *i)
{
    struct brotli *b = brotli_of(i);
    if (b->decoder != NULL) {
        BrotliDecoderDestroyInstance(b->decoder);
    }
    mem_free(b);
}

struct inflater *brotli_new(void)
{
    static const struct inflater_ops ops = {
        .next = next, .finish = finish, .is_complete = is_complete, .free = release};
    struct brotli *b = mem_alloc(sizeof(*b));
    if (b == NULL) {
        return NULL;
    }
    b->base = (struct inflater){.ops = &ops, .kept = sbuf_with_cap(INFLATER_KEEP)};
    b->can_replay = true;
    b->hungry = true;
    b->decoder = BrotliDecoderCreateInstance(allocate, deallocate, NULL);
    if (b->decoder == NULL) {
        mem_free(b);
        return NULL;
    }
    return &b->base;
}
