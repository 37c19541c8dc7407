/* fuzz_decoy: what visitors of a honeypot send, and what the process that listens may tell.
 *
 * The first byte says what the rest is. Answers hold nothing but what a persona has, and stay
 * within their limit; bytes that are taken whole or one by one are answered alike; a record that is
 * read is written as it came; a balancer's header is the same whatever comes behind it; what is
 * taken for TLS gives no more hello than there is. */
#include "sensor/base/arena.h"
#include "sensor/base/bytes.h"
#include "sensor/core/proxy_header.h"
#include "sensor/decoy/record.h"
#include "sensor/decoy/talk.h"
#include "sensor/decoy/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct decoy_limits limits = {.head_bytes = 1024, .body_bytes = 2048};

static struct talk begin(struct personas *shipped, enum decoy_kind kind)
{
    const char *persona = kind == DECOY_HTTP ? "tomcat" : kind == DECOY_SMTP ? "postfix" : "silent";
    struct talk t = {.kind = kind,
                     .persona = personas_find(shipped, persona),
                     .limits = &limits,
                     .offers_tls = true};
    talk_open(&t);
    return t;
}

static void talk(enum decoy_kind kind, struct span input)
{
    struct personas *shipped = personas_new();
    struct talk whole = begin(shipped, kind);
    struct talk slow = begin(shipped, kind);
    talk_data(&whole, input, 0);
    for (size_t i = 0; i < input.len; i++) {
        talk_data(&slow, span_sub(input, i, 1), 0);
    }
    CHECK(whole.out.len <= TALK_ANSWERS_MAX);
    CHECK(whole.over == slow.over && whole.cut == slow.cut);
    CHECK(span_equal(sbuf_span(&whole.out), sbuf_span(&slow.out)));
    talk_close(&whole);
    talk_close(&slow);
    personas_free(&shipped);
}

/* What is read can be answered with: no line of a head ends early, and each page fits. */
static void persona(struct span input)
{
    struct errbuf err = {0};
    struct persona p;
    struct arena *arena = arena_new(PERSONA_FILE_MAX * 4);
    bool good = persona_read(input, "x", arena, &p, &err);
    CHECK(good == errbuf_is_empty(&err) && err.n_lines <= 1);
    for (size_t i = 0; good && i < p.n_pages; i++) {
        const struct persona_page *page = &p.pages[i];
        CHECK(page->status >= 200 && page->status <= 599);
        CHECK(span_find(page->headers, 0, SPAN("\r\n\r\n")) == SPAN_NONE);
        CHECK(page->headers.len + page->body.len <= PERSONA_PAGE_MAX);
    }
    errbuf_free(&err);
    arena_free(&arena);
}

static void record(struct span input)
{
    uint8_t head[RECORD_HEAD_MAX];
    struct record r;
    if (!record_read(input, &r)) {
        return;
    }
    size_t n = record_write(&r, head);
    CHECK(n + r.bytes.len == input.len);
    CHECK(bytes_equal(head, input.data, 16)); /* of IPv4 addresses only four bytes count */
}

static void balancer(struct span input)
{
    struct proxy_header header = {0};
    input = span_head(input, PROXY_HEADER_KEPT);
    if (!proxy_header_may_begin(input)) {
        return;
    }
    for (size_t n = 1; n < input.len; n++) {
        CHECK(proxy_header_may_begin(span_head(input, n)));
    }
    header = proxy_header_find(input);
    CHECK(header.len <= input.len);
    if (header.len > 0) {
        struct proxy_header alone = proxy_header_find(span_head(input, header.len));
        CHECK(alone.len == header.len && alone.bad == header.bad);
        CHECK(addr_equal(&alone.client, &header.client));
    }
}

static void take_all(const struct decoy_tls *tls, struct span input, size_t piece,
                     struct sbuf *ret_hello)
{
    struct decoy_tls_link *link = decoy_tls_accept(tls);
    struct sbuf plain = sbuf_with_cap(1 << 16);
    struct sbuf to_send = sbuf_with_cap(1 << 16);
    bool good = link != NULL;
    for (size_t at = 0; good && at < input.len; at += piece) {
        good = decoy_tls_take(link, span_sub(input, at, piece), &plain, &to_send);
        struct sbuf hello = decoy_tls_take_hello(link);
        CHECK(hello.len == 0 || ret_hello->len == 0);
        if (hello.len > 0) {
            sbuf_free(ret_hello);
            *ret_hello = hello;
        }
    }
    CHECK(plain.len == 0); /* nobody finishes a handshake by chance */
    decoy_tls_leave(&link);
    sbuf_free(&plain);
    sbuf_free(&to_send);
}

/* A certificate takes long to make: one is there for all. */
static void encrypted(struct span input)
{
    static struct decoy_tls *tls;
    struct errbuf err = {0};
    struct sbuf whole = {0};
    struct sbuf slow = {0};
    if (tls == NULL && (!decoy_tls_is_there() || decoy_tls_new("", "", &tls, &err) != 0)) {
        errbuf_free(&err);
        return;
    }
    take_all(tls, input, input.len, &whole);
    take_all(tls, input, 1, &slow);
    CHECK(whole.len <= input.len && span_equal(sbuf_span(&whole), sbuf_span(&slow)));
    sbuf_free(&whole);
    sbuf_free(&slow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    unsigned first = span_at(input, 0);
    input = span_from(input, 1);
    if (first == 'R') {
        record(input);
    } else if (first == 'P') {
        persona(input);
    } else if (first == 'B') {
        balancer(input);
    } else if (first == 'T') {
        encrypted(input);
    } else {
        talk((enum decoy_kind)(first % DECOY_KIND_N), input);
    }
    return 0;
}
