/* smtp_bench: what reading mail costs, by what is in it.
 *
 * usage: smtp_bench [KIND]
 *
 * Each mail is given in segments of 1,448 bytes to the decoder, whose emissions go nowhere. Prints
 * the bytes per CPU second of mail on the wire; the scan of what comes out is not in it. */
#include "sensor/base/sbuf.h"
#include "sensor/core/decoder.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SEGMENT = 1448, MAIL_CAP = 64 << 20, MIN_US = 500000, LINE_CHARS = 76 };

extern const struct decoder smtp_decoder;

static struct span only; /* the kinds whose names begin so */
static uint64_t n_given; /* so that nothing is optimised away */

static struct tx *on_begin(void *ctx, enum direction dir)
{
    (void)ctx;
    (void)dir;
    return NULL;
}

static bool on_region(void *ctx, struct tx *tx, const struct region *region)
{
    (void)ctx;
    (void)tx;
    n_given += region->bytes.len;
    return true;
}

static void on_field(void *ctx, struct tx *tx, const struct field *field)
{
    (void)ctx;
    (void)tx;
    n_given += field->value.len;
}

static void on_anomaly(void *ctx, struct tx *tx, enum direction dir, enum anomaly anomaly)
{
    (void)ctx;
    (void)tx;
    (void)dir;
    (void)anomaly;
}

static void on_lost(void *ctx, struct tx *tx, enum lost reason, uint64_t n_bytes)
{
    (void)ctx;
    (void)tx;
    (void)reason;
    (void)n_bytes;
}

static void on_alternate(void *ctx, enum direction dir, unsigned reading, struct span rest)
{
    (void)ctx;
    (void)dir;
    (void)reading;
    (void)rest;
}

static void on_opaque(void *ctx, enum lost reason, struct span rest)
{
    (void)ctx;
    (void)reason;
    (void)rest;
}

static void on_end(void *ctx, struct tx *tx, unsigned flags)
{
    (void)ctx;
    (void)tx;
    (void)flags;
}

static const struct emit_ops ops = {
    .tx_begin = on_begin,
    .region = on_region,
    .field = on_field,
    .anomaly = on_anomaly,
    .lost = on_lost,
    .alternate = on_alternate,
    .opaque = on_opaque,
    .tx_end = on_end,
};

static const struct decoder_limits limits = {
    .line_bytes = 16 << 10,
    .head_bytes = 64 << 10,
    .inflate_bytes = 1 << 20,
    .inflate_ratio = 2000,
    .encoding_depth = 4,
    .mime_depth = 32,
    .open_tx = 256,
};

static void add_head(struct sbuf *mail, const char *type, const char *encoding)
{
    sbuf_add_str(mail, "MAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n");
    for (unsigned i = 0; i < 4; i++) {
        sbuf_add_str(mail, "Received: from mx1.example.net (mx1.example.net [192.0.2.1])\r\n"
                           "\tby mx2.example.org (Postfix) with ESMTPS id 4F1C21F0A2\r\n"
                           "\tfor <b@example.org>; Fri, 10 Dec 2021 12:00:00 +0000 (UTC)\r\n");
    }
    sbuf_add_str(mail, "From: =?utf-8?Q?J=C3=B6rg?= <a@example.net>\r\nTo: b@example.org\r\n"
                       "Subject: the list you asked for\r\nMIME-Version: 1.0\r\n"
                       "Message-ID: <20211210120000.4F1C21F0A2@example.net>\r\n"
                       "Content-Type: multipart/mixed; boundary=\"=_42\"\r\n\r\n"
                       "--=_42\r\nContent-Type: text/plain\r\n\r\nSee there.\r\n--=_42\r\n");
    sbuf_add_format(mail,
                    "Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\n"
                    "Content-Disposition: attachment; filename=\"list\"\r\n\r\n",
                    type, encoding);
}

/* `size` bytes in lines, of the characters in `chars`. */
static void add_lines(struct sbuf *mail, const char *chars, size_t size)
{
    struct span from = span_str(chars);
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < size; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        sbuf_add_byte(mail, span_at(from, (size_t)(x % from.len)));
        if (i % LINE_CHARS == LINE_CHARS - 1) {
            sbuf_add_str(mail, "\r\n");
        }
    }
    sbuf_add_str(mail, "\r\n--=_42--\r\n.\r\n");
}

static void give(void *state, struct span mail)
{
    const struct emit emit = {.ops = &ops, .ctx = NULL};
    for (size_t off = 0; off < mail.len; off += SEGMENT) {
        smtp_decoder.data(state, &emit, TO_SERVER, span_sub(mail, off, SEGMENT));
    }
}

static uint64_t cpu_us(void)
{
    return (uint64_t)clock() * 1000000 / CLOCKS_PER_SEC;
}

static void measure(const char *name, struct sbuf *mail)
{
    const struct emit emit = {.ops = &ops, .ctx = NULL};
    const struct decoder_env env = {.limits = &limits};
    void *state = calloc(1, smtp_decoder.state_size);
    if (state == NULL) {
        exit(EXIT_FAILURE);
    }
    smtp_decoder.open(state, &env);
    uint64_t n = 0;
    uint64_t took = 0;
    uint64_t start = cpu_us();
    while (took < MIN_US) {
        give(state, sbuf_span(mail));
        n++;
        took = cpu_us() - start;
    }
    smtp_decoder.close(state, &emit, CLOSE_FIN);
    free(state);
    printf("%-36s %8zu bytes %9.1f MB/s %10.2f us a mail\n", name, mail->len,
           (double)mail->len * (double)n / (double)took, (double)took / (double)n);
    sbuf_free(mail);
}

static void measure_kind(const char *name, const char *encoding, const char *chars, size_t size)
{
    if (!span_starts(span_str(name), only)) {
        return;
    }
    struct sbuf mail = sbuf_with_cap(MAIL_CAP);
    add_head(&mail, span_equal(span_str(encoding), SPAN("7bit")) ? "text/plain" : "image/png",
             encoding);
    add_lines(&mail, chars, size);
    measure(name, &mail);
}

int main(int argc, char **argv)
{
    only = argc > 1 ? span_str(argv[1]) : SPAN("");
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char text[] = "etaoin shrdlu etaoin shrdlu cmfwyp vbgkqj. xz-";
    static const char quoted[] = "etaoin shrdlu etaoin shrdlu cmfwyp vbgkqj.";
    printf("state: %zu bytes\n", smtp_decoder.state_size);
    measure_kind("short mail", "7bit", text, 300);
    measure_kind("text attachment, 4 MB", "7bit", text, 4 << 20);
    measure_kind("base64 attachment, 4 MB", "base64", base64, 4 << 20);
    measure_kind("quoted-printable attachment, 4 MB", "quoted-printable", quoted, 4 << 20);
    measure_kind("all dashes, 4 MB", "7bit", "-", 4 << 20);
    measure_kind("all dots, 4 MB", "7bit", ".", 4 << 20);
    printf("(%llu bytes given)\n", (unsigned long long)n_given);
    return EXIT_SUCCESS;
}
