/* fuzz_shorten: events with any texts, made to fit any length.
 *
 * The first two bytes choose the length, the rest becomes keys, texts and numbers of an object as
 * json.h writes it. What comes out fits, is one object with the same keys and numbers, has texts
 * that begin as the others did, and says that it was cut. */
#include "sensor/codec/jsonread.h"
#include "sensor/output/json.h"
#include "sensor/output/shorten.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAP = 1 << 20, LEAST = 64 };

static void write_object(struct span rest, struct sbuf *out)
{
    struct json j = json_begin(out, CAP / 2);
    json_object(&j, NULL);
    while (rest.len > 0) {
        struct span text = span_split(&rest, '\n');
        switch (span_at(text, 0) % 4) {
        case 0:
            json_number(&j, "n", text.len);
            break;
        case 1:
            json_key_span(&j, span_head(text, LEAST));
            json_string(&j, NULL, text);
            break;
        case 2:
            json_array(&j, "a");
            json_string(&j, NULL, text);
            json_array_end(&j);
            break;
        default:
            json_string(&j, "t", text);
            break;
        }
    }
    if (out->len % 2 == 0) {
        json_object(&j, "metadata");
        json_array(&j, "flowbits");
        json_text(&j, NULL, "gap");
        json_array_end(&j);
        json_object_end(&j);
    }
    json_object_end(&j);
}

/* The same members in the same order, but for texts that are cut and the mark. */
static void compare(struct span whole, struct span cut)
{
    struct jsonread a = {.text = whole};
    struct jsonread b = {.text = cut};
    struct jsonread_member in_whole;
    struct jsonread_member in_cut;
    while (jsonread_next(&a, &in_whole)) {
        CHECK(jsonread_next(&b, &in_cut));
        CHECK(span_equal(in_whole.key, in_cut.key) && in_whole.kind == in_cut.kind);
        if (in_whole.kind == JSONREAD_STRING) {
            CHECK(span_starts(in_whole.value, in_cut.value));
        }
    }
    CHECK(a.error == NULL);
    if (jsonread_next(&b, &in_cut)) {
        CHECK(span_equal(in_cut.key, SPAN("metadata")));
        CHECK(!jsonread_next(&b, &in_cut));
    }
    CHECK(b.error == NULL);
    CHECK(span_find(cut, 0, SPAN("\"truncated\"")) != SPAN_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    size_t max = (size_t)data[0] << 8 | data[1];
    struct sbuf whole = sbuf_with_cap(CAP);
    struct sbuf cut = sbuf_with_cap(CAP);
    write_object(span_of(data + 2, size - 2), &whole);
    if (shorten(sbuf_span(&whole), max, &cut)) {
        CHECK(cut.len <= max);
        compare(sbuf_span(&whole), sbuf_span(&cut));
    } else {
        CHECK(cut.len == 0);
    }
    sbuf_free(&whole);
    sbuf_free(&cut);
    return 0;
}
