/* fuzz_engine: what a decoder might emit, in any order, under rules of every sort.
 *
 * The input is a list of steps: a region, a field of it, a decoded copy, a piece of a body, a
 * packet with its headers. Then its tail is given as one body twice, whole and cut in pieces, and
 * both must find the same: what is found must not depend on how bytes arrive. */
#include "sensor/base/bytes.h"
#include "sensor/base/check.h"
#include "sensor/base/cursor.h"
#include "sensor/base/hash.h"
#include "sensor/base/sbuf.h"
#include "sensor/core/packet.h"
#include "signatures/detect.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char rules[] =
    "alert ip any any -> any any (msg:\"attack\"; jndi.class:attack; sid:1;)\n"
    "alert ip any any -> any any (msg:\"less\"; jndi.class:conditional,attempt; sid:2;)\n"
    "alert ip any any -> any any (msg:\"cost\"; jndi.class:over_budget; sid:3;)\n"
    "alert ip any any -> any any (msg:\"name\"; jndi.lookup; content:\"ldap\"; sid:4;)\n"
    "alert ip any any -> any any (msg:\"any\"; content:\"abc\"; content:\"def\"; within:9; "
    "sid:5;)\n"
    "alert ip any any -> any any (msg:\"uri\"; http.uri; content:\"/a\"; startswith; "
    "http.request_body; content:\"b=\"; sid:6;)\n"
    "alert ip any any -> any any (msg:\"header\"; http.request_header; content:\"a: b\"; nocase; "
    "sid:7;)\n"
    "alert ip any any -> any any (msg:\"names\"; http.header_names; content:!\"Host\"; sid:8;)\n"
    "alert ip any any -> any any (msg:\"file\"; file.data; content:\"MZ\"; startswith; "
    "pcre:\"/PE..L/s\"; sid:9;)\n"
    "alert ip any any -> any any (msg:\"none\"; http.request_body; pcre:\"/(x+)+y/\"; "
    "content:\"end\"; endswith; sid:10;)\n"
    "pass ip any any -> any any (msg:\"pass\"; http.user_agent; content:\"our scanner\"; "
    "sid:11;)\n"
    "alert ip any any -> any any (msg:\"commons\"; jndi.dialect:commons-text; sid:12;)\n"
    "alert ip any any -> any any (msg:\"named\"; filename:\"ab\"; sid:13;)\n"
    "alert ip any any -> any any (msg:\"ends\"; file.data; content:\"cd\"; endswith; sid:14;)\n"
    "alert ip any any -> any any (msg:\"long\"; filesize:>40; sid:15;)\n"
    "alert ip any any -> any any (msg:\"headers\"; http.header; content:\"a: b\"; sid:16;)\n"
    "alert ip any any -> any any (msg:\"agent\"; http.user_agent; absent; sid:17;)\n"
    "alert ip any any -> any any (msg:\"numbers\"; ttl:<65; id:7; tos:!8; fragbits:*DR; sid:18;)\n"
    "alert tcp any any -> any any (msg:\"tcp\"; seq:7; ack:9; window:!1; flags:S+,CE; sid:19;)\n"
    "alert ip any any -> any any (msg:\"options\"; ipopts:ts; sid:20;)\n"
    "alert ip any any -> any any (msg:\"any option\"; ipopts:any; sid:21;)\n"
    "alert ip any any -> any any (msg:\"same\"; sameip; sid:22;)\n"
    "alert ip any any -> any any (msg:\"ends\"; ip.src; content:\"|7f|\"; startswith; ip.dst; "
    "bsize:>3; sid:23;)\n"
    "alert ip any any -> any any (msg:\"v4\"; ipv4.hdr; byte_test:1,>,64,8; sid:24;)\n"
    "alert ip any any -> any any (msg:\"v6\"; ipv6.hdr; content:\"|06|\"; offset:6; depth:1; "
    "sid:25;)\n"
    "alert tcp any any -> any any (msg:\"tcp.hdr\"; tcp.hdr; bsize:>20; sid:26;)\n"
    "alert udp any any -> any any (msg:\"udp.hdr\"; udp.hdr; bsize:8; content:\"|00|\"; sid:27;)\n"
    "alert ip any any -> any any (msg:\"payload\"; ttl:!1; content:\"ab\"; pcre:\"/b(.)\\1/\"; "
    "flowbits:set,seen; sid:28;)\n"
    "alert ip any any -> any any (msg:\"again\"; flowbits:isset,seen; ttl:!1; flow:established; "
    "sid:29;)\n"
    "alert ip any any -> any any (msg:\"first\"; flow:to_server; sid:30;)\n"
    "alert http any any -> any any (msg:\"size\"; dsize:>3; sid:31;)\n"
    "pass ip any any -> any any (msg:\"pass\"; ttl:66; flow:not_established; sid:32;)\n";

/* A detector with what it found. */
struct run {
    struct detector *detector;
    struct stats stats;
    struct conn conn;
    struct tx tx;
    uint64_t found; /* a sum of hashes: the order does not count */
    size_t n_found;
};

static void add(struct sbuf *key, struct span part)
{
    sbuf_add(key, part);
    sbuf_add_byte(key, 0);
}

static void on_found(void *ctx, struct tx *tx, struct finding *f)
{
    struct run *run = ctx;
    struct sbuf key = sbuf_with_cap(1 << 20);
    CHECK(tx->conn == &run->conn && f->signature != NULL && f->field < FIELD_N);
    sbuf_add_format(&key, "%u %d ", (unsigned)f->signature->sid, (int)f->field);
    add(&key, f->item);
    if (f->jndi != NULL) {
        add(&key, f->jndi->raw);
        for (size_t i = 0; i < f->jndi->n_lookups; i++) {
            add(&key, f->jndi->lookups[i]);
        }
        for (size_t i = 0; i < f->jndi->n_variables; i++) {
            add(&key, f->jndi->variables[i]);
        }
    }
    run->found += hash_fixed(sbuf_span(&key));
    run->n_found++;
    sbuf_free(&key);
}

static bool start(struct run *run, struct engine *engine, struct detect_limits limits)
{
    static const struct decoder http = {.name = "http"};
    const struct detect_user user = {.found = on_found, .ctx = run};
    bytes_zero(run, sizeof(*run));
    run->conn = (struct conn){.id = 1, .proto = IP_PROTO_TCP, .state = CONN_ESTABLISHED};
    run->tx = (struct tx){.conn = &run->conn, .decoder = &http, .arena = arena_new(1 << 20)};
    run->detector = detector_new(engine, &limits, &run->stats, &user);
    return run->tx.arena != NULL && run->detector != NULL;
}

static void stop(struct run *run)
{
    if (run->detector != NULL) {
        detect_tx_end(run->detector, &run->tx);
        CHECK(run->tx.detect == NULL);
    }
    detector_free(&run->detector);
    arena_free(&run->tx.arena);
    conn_release(&run->conn);
}

/* A packet's headers, as far as they are there: the lengths that they tell may be wrong. */
static struct headers headers_of(struct span ip, uint8_t proto)
{
    bool four = span_at(ip, 0) >> 4 == 4;
    struct span header = span_head(ip, four ? 20 : 40);
    struct cursor transport = cursor_of(span_from(ip, header.len));
    struct headers h = {.ip = ip, .proto = proto};
    if (header.len == (four ? 20 : 40)) {
        h.src = four ? addr_v4(span_sub(header, 12, 4)) : addr_v6(span_sub(header, 8, 16));
        h.dst = four ? addr_v4(span_sub(header, 16, 4)) : addr_v6(span_sub(header, 24, 16));
    }
    (void)cursor_be32(&transport);
    h.tcp_seq = cursor_be32(&transport);
    h.tcp_ack = cursor_be32(&transport);
    (void)cursor_u8(&transport);
    h.tcp_flags = cursor_u8(&transport);
    h.tcp_window = cursor_be16(&transport);
    h.payload = cursor_rest(&transport);
    return h;
}

/* As the pipeline does it: in a transaction of its own, when all before it was settled. */
static void give_packet(struct run *run, struct span ip, uint8_t how, enum direction dir)
{
    run->conn.proto = (how & 0x08) != 0 ? IP_PROTO_UDP : IP_PROTO_TCP;
    run->conn.state = (how & 0x10) != 0 ? CONN_NEW : CONN_ESTABLISHED;
    run->conn.app_proto = (how & 0x20) != 0 ? "http" : NULL;
    run->conn.packets[dir]++;
    run->conn.number++;
    const struct headers h = headers_of(ip, run->conn.proto);
    run->conn.piece_bytes = (uint32_t)h.payload.len;
    detect_settle(run->detector);
    struct tx tx = {.conn = &run->conn, .arena = arena_new(1 << 16), .dir = dir};
    uint32_t first = 0;
    if (tx.arena != NULL && detect_packet_holds(run->detector, &run->conn, dir, &h, &first)) {
        detect_packet(run->detector, &tx, dir, &h, first);
        detect_tx_end(run->detector, &tx);
        CHECK(tx.detect == NULL);
    }
    arena_free(&tx.arena);
}

/* One step; `head` is the region that fields may lie in. */
static void step(struct run *run, struct cursor *in, struct span *head)
{
    uint8_t what = cursor_u8(in);
    uint8_t id = cursor_u8(in) % FIELD_N;
    struct span bytes = cursor_bytes(in, cursor_be16(in) % (cursor_left(in) + 1));
    enum direction dir = (enum direction)(what >> 7);
    struct region region = {.field = (enum field_id)id, .dir = dir, .bytes = bytes};
    struct field field = {.id = (enum field_id)id, .value = bytes, .dir = dir};
    if (what % 8 == 4) {
        give_packet(run, bytes, what, dir);
        return;
    }
    switch (what % 4) {
    case 0:
        *head = bytes;
        region.kind = REGION_HEAD;
        detect_region(run->detector, &run->tx, &region);
        return;
    case 1:
        field.value = span_sub(*head, what, bytes.len);
        detect_field(run->detector, &run->tx, &field);
        return;
    case 2:
        field.flags = what >> 3 & 0xf;
        field.item = span_head(bytes, what % 3);
        detect_field(run->detector, &run->tx, &field);
        return;
    default:
        region.kind = REGION_BODY;
        region.flags = what >> 2 & 0xf;
        region.body_type = (enum body_type)(what % (BODY_BINARY + 1));
        region.boundary = SPAN("b");
        detect_region(run->detector, &run->tx, &region);
        return;
    }
}

static void give_body(struct run *run, struct span bytes, enum body_type type, size_t piece)
{
    const struct region head = {.kind = REGION_HEAD,
                                .field = FIELD_HTTP_HEADER,
                                .bytes = SPAN("POST /x/../b.jsp HTTP/1.1\r\n\r\n")};
    struct region r = {.kind = REGION_BODY,
                       .field = FIELD_HTTP_REQUEST_BODY,
                       .flags = REGION_FIRST,
                       .body_type = type,
                       .boundary = SPAN("b")};
    detect_region(run->detector, &run->tx, &head);
    do {
        r.bytes = span_head(bytes, piece);
        bytes = span_from(bytes, r.bytes.len);
        r.flags |= bytes.len == 0 ? (unsigned)REGION_LAST : 0;
        detect_region(run->detector, &run->tx, &r);
        r.flags = 0;
    } while (bytes.len > 0);
    detect_settle(run->detector);
}

static void compare_cuts(struct engine *engine, struct span bytes, uint8_t how)
{
    struct run whole;
    struct run cut;
    struct detect_limits limits = detect_limits_default();
    if ((how & 0x80) != 0) {
        limits.body_before = 128;
        limits.body_after = 256;
    }
    bool good = start(&whole, engine, limits);
    good = start(&cut, engine, limits) && good;
    if (good) {
        enum body_type type = (enum body_type)(how % (BODY_BINARY + 1));
        give_body(&whole, bytes, type, SIZE_MAX);
        give_body(&cut, bytes, type, 1 + how % 61U);
        CHECK(whole.n_found == cut.n_found && whole.found == cut.found);
    }
    stop(&whole);
    stop(&cut);
}

/* Compiled once; given back at the end, so that nothing is left. */
static struct engine *engine;

static void forget_engine(void)
{
    engine_unref(&engine);
}

static bool have_engine(void)
{
    if (engine == NULL) {
        const struct engine_text text = {"fuzz.rules", SPAN_LITERAL(rules)};
        const struct engine_options options = {.texts = &text, .n_texts = 1};
        struct errbuf err = {0};
        int r = engine_new(&options, &engine, &err);
        CHECK(r == 0 && errbuf_is_empty(&err));
        errbuf_free(&err);
        atexit(forget_engine);
    }
    return engine != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor in = cursor_of(span_of(data, size));
    struct run run;
    struct span head = {NULL, 0};
    if (!have_engine()) {
        return 0;
    }
    uint8_t how = cursor_u8(&in);
    uint8_t n_steps = cursor_u8(&in) % 32;
    if (start(&run, engine, detect_limits_default())) {
        for (uint8_t i = 0; i < n_steps && cursor_left(&in) > 0; i++) {
            step(&run, &in, &head);
        }
    }
    stop(&run);
    compare_cuts(engine, cursor_rest(&in), how);
    return 0;
}
