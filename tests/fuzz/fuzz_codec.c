/* fuzz_codec: every transform of sensor/codec on the same bytes.
 *
 * The first byte says where the streaming ones are cut; a cut must not change what they give. The
 * one-shot ones must stay within their cap and never grow beyond what their kind allows. */
#include "sensor/codec/base64.h"
#include "sensor/codec/charset.h"
#include "sensor/codec/entities.h"
#include "sensor/codec/hpack.h"
#include "sensor/codec/jsescape.h"
#include "sensor/codec/multipart.h"
#include "sensor/codec/qp.h"
#include "sensor/codec/uri.h"
#include "sensor/codec/utf.h"
#include "sensor/codec/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAP = 1 << 16 };

static void run_base64(struct span in, size_t cut, struct sbuf *out)
{
    struct base64 d = base64_start((enum base64_alphabet)(in.len % 3));
    base64_decode(&d, span_head(in, cut), out);
    base64_decode(&d, span_from(in, cut), out);
    base64_finish(&d, out);
}

static void run_qp(struct span in, size_t cut, struct sbuf *out)
{
    struct qp d = qp_start();
    qp_decode(&d, span_head(in, cut), out);
    qp_decode(&d, span_from(in, cut), out);
    qp_finish(&d, out);
}

static void run_multipart(struct span in, size_t cut, struct sbuf *out)
{
    const struct span parts[] = {span_head(in, cut), span_from(in, cut)};
    struct multipart m;
    CHECK(multipart_start(&m, span_sub(in, 1, in.len % 3)));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        struct span rest = parts[i];
        struct span piece;
        enum multipart_step step;
        while ((step = multipart_next(&m, &rest, &piece)) != MULTIPART_MORE) {
            sbuf_add(out, step == MULTIPART_DATA   ? piece
                          : step == MULTIPART_HEAD ? sbuf_span(&m.head)
                                                   : SPAN("(end)"));
        }
    }
    multipart_free(&m);
}

static void run_hpack(struct span in, size_t cut, struct sbuf *out)
{
    const struct span parts[] = {span_head(in, cut), span_from(in, cut)};
    struct hpack *h = hpack_new();
    CHECK(h != NULL);
    enum hpack_result result = HPACK_MORE;
    for (size_t i = 0; i < ARRAY_LEN(parts) && result != HPACK_BROKEN; i++) {
        struct span rest = parts[i];
        struct hpack_header header;
        while ((result = hpack_next(h, &rest, i == 1, &header)) == HPACK_HEADER && !out->cut) {
            sbuf_add(out, header.name);
            sbuf_add(out, header.value);
        }
    }
    hpack_free(&h);
}

static void check_stream(struct span in, size_t cut,
                         void (*run)(struct span in, size_t cut, struct sbuf *out))
{
    struct sbuf whole = sbuf_with_cap(CAP);
    struct sbuf parts = sbuf_with_cap(CAP);
    run(in, 0, &whole);
    run(in, cut, &parts);
    CHECK(whole.cut || span_equal(sbuf_span(&whole), sbuf_span(&parts)));
    sbuf_free(&whole);
    sbuf_free(&parts);
}

static void check_length(struct sbuf *out, size_t max)
{
    CHECK(out->len <= max);
    sbuf_reset(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    size_t cut = size > 0 ? span_at(in, 0) % size : 0;
    check_stream(in, cut, run_base64);
    check_stream(in, cut, run_qp);
    check_stream(in, cut, run_multipart);
    check_stream(in, cut, run_hpack);
    struct sbuf out = sbuf_with_cap(CAP);
    (void)uri_decode(in, URI_PERCENT | URI_PERCENT_U | URI_PLUS, &out);
    check_length(&out, size);
    (void)entities_decode(in, &out);
    check_length(&out, size);
    (void)jsescape_decode(in, JSESCAPE_UNICODE | JSESCAPE_OTHER, &out);
    check_length(&out, size);
    (void)utf8_undo_overlong(in, &out);
    check_length(&out, size);
    (void)utf7_decode(in, &out);
    check_length(&out, size * 2);
    utf16_decode(in, UTF16_LE, &out);
    check_length(&out, size * 2);
    (void)words_decode(in, &out);
    sbuf_reset(&out);
    (void)words_decode_extended(in, &out);
    sbuf_free(&out);
    return 0;
}
