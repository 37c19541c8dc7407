/* fuzz_inflater: the decompressors, and chunks.
 *
 * The first byte chooses the format. The rest is read whole and byte by byte; both must give the
 * same output and come to the same end. Output is capped, as callers do. */
#include "sensor/base/sbuf.h"
#include "sensor/codec/chunked.h"
#include "sensor/codec/inflater.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAP = 1 << 20 };

static enum inflater_result give(struct inflater *i, struct span *in, struct sbuf *out)
{
    enum inflater_result result;
    do {
        struct span piece;
        result = inflater_next(i, in, &piece);
        sbuf_add(out, piece);
    } while (result == INFLATER_FULL && !out->cut);
    return result;
}

static enum inflater_result inflate(enum inflater_kind kind, struct span in, bool bytewise,
                                    struct sbuf *out)
{
    struct inflater *i = inflater_new(kind);
    enum inflater_result result = INFLATER_MORE;
    CHECK(i != NULL);
    while (in.len > 0 && result == INFLATER_MORE) {
        struct span piece = span_head(in, bytewise ? 1 : in.len);
        size_t given = piece.len;
        result = give(i, &piece, out);
        CHECK(out->cut || result != INFLATER_MORE || piece.len == 0);
        in = span_from(in, given);
    }
    while (!out->cut && (result == INFLATER_MORE || result == INFLATER_FULL)) {
        struct span piece;
        result = inflater_finish(i, &piece);
        sbuf_add(out, piece);
    }
    inflater_free(&i);
    return result;
}

static void check_inflater(enum inflater_kind kind, struct span in)
{
    struct sbuf whole = sbuf_with_cap(CAP);
    struct sbuf cut = sbuf_with_cap(CAP);
    enum inflater_result a = inflate(kind, in, false, &whole);
    enum inflater_result b = inflate(kind, in, true, &cut);
    CHECK(whole.cut || a == b);
    CHECK(span_equal(sbuf_span(&whole), sbuf_span(&cut)));
    sbuf_free(&whole);
    sbuf_free(&cut);
}

static enum chunked_step read_chunks(struct span in, bool bytewise, struct sbuf *out)
{
    struct chunked c = {0};
    enum chunked_step step = CHUNKED_MORE;
    while (in.len > 0 && step != CHUNKED_END && step != CHUNKED_BROKEN) {
        struct span piece = span_head(in, bytewise ? 1 : in.len);
        in = span_from(in, piece.len);
        do {
            struct span got = {0};
            step = chunked_next(&c, &piece, &got);
            sbuf_add(out, got);
        } while (step == CHUNKED_DATA || step == CHUNKED_EXTENSION);
    }
    return step;
}

static void check_chunked(struct span in)
{
    struct sbuf whole = sbuf_with_cap(CAP);
    struct sbuf cut = sbuf_with_cap(CAP);
    CHECK(read_chunks(in, false, &whole) == read_chunks(in, true, &cut));
    CHECK(span_equal(sbuf_span(&whole), sbuf_span(&cut)));
    sbuf_free(&whole);
    sbuf_free(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    unsigned which = span_at(in, 0) % (INFLATER_RAW + 2);
    in = span_from(in, 1);
    if (which > INFLATER_RAW) {
        check_chunked(in);
    } else {
        check_inflater((enum inflater_kind)which, in);
    }
    return 0;
}
