/* fuzz_jsonread: the reader of JSON objects on any text.
 *
 * Members must lie in the text and follow one another, an error must be placed in the text, and no
 * string may mean more bytes than it has. What was read as an object is one also when its members
 * are put together again. */
#include "sensor/codec/jsonread.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAP = 1 << 20 };

static void check_string(struct span s)
{
    struct sbuf out = sbuf_with_cap(CAP);
    jsonread_unescape(s, &out);
    CHECK(out.cut || out.len <= s.len);
    sbuf_free(&out);
}

static void add_member(const struct jsonread_member *m, struct sbuf *again)
{
    bool string = m->kind == JSONREAD_STRING;
    sbuf_add_str(again, again->len > 1 ? ",\"" : "\"");
    sbuf_add(again, m->key);
    sbuf_add_str(again, string ? "\":\"" : "\":");
    sbuf_add(again, m->value);
    sbuf_add_str(again, string ? "\"" : "");
}

static size_t count(struct span text, bool *ret_good)
{
    struct jsonread r = {.text = text};
    struct jsonread_member m;
    size_t n = 0;
    while (jsonread_next(&r, &m)) {
        n++;
    }
    *ret_good = r.error == NULL;
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);
    struct jsonread r = {.text = text};
    struct jsonread_member m;
    struct sbuf again = sbuf_with_cap(CAP);
    size_t n = 0;
    size_t end = 0;
    sbuf_add_byte(&again, '{');
    while (jsonread_next(&r, &m)) {
        CHECK(r.off > end && r.off <= size);
        CHECK(m.value.len == 0 || span_contains(text, m.value, NULL));
        CHECK(m.key.len == 0 || span_contains(text, m.key, NULL));
        check_string(m.key);
        if (m.kind == JSONREAD_STRING) {
            check_string(m.value);
        }
        add_member(&m, &again);
        end = r.off;
        n++;
    }
    CHECK(r.off <= size);
    sbuf_add_byte(&again, '}');
    if (r.error == NULL && !again.cut) {
        bool good = false;
        CHECK(count(sbuf_span(&again), &good) == n && good);
    }
    sbuf_free(&again);
    return 0;
}
