/* corpus: the bodies of the bench's messages: pages, scripts, style sheets, JSON, pictures, mails.
 *
 * They hold what real ones hold and what a sensor could stumble over: `${` of JavaScript's
 * templates, entities, \u escapes, percent-encoding, base64. The texts shrink by about 3.4 under
 * gzip, as pages do. */
#include "tests/bench/corpus.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { CHUNK = 8192 };

static const struct {
    const char *type;
    uint32_t n;
    uint32_t min;
    uint32_t max;
    bool compressible;
} kinds[BODY_KIND_N] = {
    [BODY_HTML] = {"text/html; charset=utf-8", 60, 4000, 60000, true},
    [BODY_SCRIPT] = {"application/javascript", 40, 8000, 160000, true},
    [BODY_STYLE] = {"text/css", 20, 3000, 40000, true},
    [BODY_JSON] = {"application/json", 60, 500, 24000, true},
    [BODY_JSON_SMALL] = {"application/json", 200, 40, 2000, false},
    [BODY_IMAGE] = {"image/jpeg", 60, 1000, 120000, false},
    [BODY_VIDEO] = {"video/mp4", 4, 500000, 2000000, false},
    [BODY_MAIL] = {"", 120, 0, 0, false},
};

static void add_html(struct text *t, struct random *r, size_t len)
{
    text_format(t, "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>");
    text_words(t, r, 5, 0, "");
    text_format(t,
                "</title><link rel=\"stylesheet\" href=\"/static/main.%06x.css\">"
                "<script>window.dataLayer=window.dataLayer||[];var $=window.jQuery;</script>"
                "</head>\n<body class=\"page home\">\n",
                random_below(r, 1 << 24));
    while (t->len < len) {
        text_format(t, "<div class=\"card card-%s\" id=\"item-%u\" data-sku=\"", random_word(r),
                    random_below(r, 100000));
        text_hex(t, r, 12);
        text_format(t, "\"><h3><a href=\"/%s/%s-%s-%u?ref=home&amp;pos=%u\">", random_word(r),
                    random_word(r), random_word(r), random_below(r, 10000), random_below(r, 99));
        text_words(t, r, random_range(r, 2, 6), 0, "");
        text_format(t, "</a></h3>\n<p>");
        text_words(t, r, random_range(r, 30, 120), 100, "\n");
        text_format(t, "%s</p><span class=\"price\">$%u.%02u</span></div>\n",
                    random_chance(r, 20) ? " It&#39;s &quot;new&quot;" : "", random_below(r, 500),
                    random_below(r, 100));
    }
    text_format(t, "</body></html>\n");
}

/* One statement; a template with `${` is one in thirty, which is more than most scripts have. */
static void add_statement(struct text *t, struct random *r)
{
    const char *one = random_word(r), *two = random_word(r), *three = random_word(r);
    unsigned id = random_below(r, 1 << 8), number = random_below(r, 10000);
    switch (random_below(r, 30)) {
    case 0:
        text_format(t, "const a%x=(e=>`${e.%s} and %s ${t.%s}%u`)(this);", id, one, two, three,
                    number);
        break;
    case 1:
        text_format(t, "m[\"%s\"]=\"", one);
        text_base64_noise(t, r, 24);
        text_format(t, "\";");
        break;
    case 2:
    case 3:
    case 4:
        text_format(t, "function f%x(e,t){return e.%s&&t?n(r.%s(%u),\"%s\"):null}", id, one, two,
                    number, three);
        break;
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
    case 11:
    case 12:
        text_format(t, "var v%x=o.createElement(\"%s\",{className:\"%s\",key:%u},i.%s);", id, one,
                    two, number, three);
        break;
    default:
        text_format(t, "if(b%x!==void 0&&t.%s>e.%s){s[%u]=t.%s;}", id, one, two, number, three);
        break;
    }
}

static void add_script(struct text *t, struct random *r, size_t len)
{
    text_format(t, "!function(e,t){\"use strict\";");
    while (t->len < len) {
        add_statement(t, r);
    }
    text_format(t, "}(window,document);\n");
}

static void add_style(struct text *t, struct random *r, size_t len)
{
    while (t->len < len) {
        text_format(t, ".%s-%s,.%s:hover{margin:%upx %upx;color:#%06x;width:%u%%}", random_word(r),
                    random_word(r), random_word(r), random_below(r, 64), random_below(r, 64),
                    random_below(r, 1 << 24), random_below(r, 100));
    }
    text_format(t, "\n");
}

static void add_json(struct text *t, struct random *r, size_t len)
{
    text_format(t, "{\"items\":[");
    do {
        text_format(t, "{\"id\":%u,\"uuid\":\"", random_below(r, 1000000));
        text_hex(t, r, 12);
        text_format(t, "\",\"name\":\"%s %s%s\",\"price\":%u.%02u,\"tags\":[\"%s\",\"%s\"],",
                    random_word(r), random_word(r), random_chance(r, 10) ? " caf\\u00e9" : "",
                    random_below(r, 1000), random_below(r, 100), random_word(r), random_word(r));
        text_format(t, "\"text\":\"");
        text_words(t, r, random_range(r, 3, 20), 0, "");
        text_format(t, "\",\"created\":\"2026-01-%02uT%02u:00:00Z\"},", random_range(r, 1, 28),
                    random_below(r, 24));
    } while (t->len < len);
    t->len--;
    text_format(t, "],\"total\":%u,\"next\":\"/api/v1/items?page=%u\"}", random_below(r, 10000),
                random_below(r, 100));
}

static void add_json_small(struct text *t, struct random *r, size_t len)
{
    text_format(t, "{\"status\":\"ok\",\"request_id\":\"");
    text_hex(t, r, 32);
    text_format(t, "\",\"message\":\"");
    while (t->len < len) {
        text_format(t, "%s ", random_word(r));
    }
    text_format(t, "\"}");
}

static void add_part(struct text *t, const char *boundary, const char *headers)
{
    text_format(t, "--%s\r\n%s\r\n\r\n", boundary, headers);
}

static void add_attachment(struct text *t, struct random *r, const char *boundary)
{
    static const char *const types[] = {"application/pdf", "image/png", "application/zip",
                                        "application/vnd.ms-excel"};
    char headers[512];
    const char *name = random_word(r);
    snprintf(headers, sizeof(headers),
             "Content-Type: %s; name=\"%s-%u.bin\"\r\nContent-Transfer-Encoding: base64\r\n"
             "Content-Disposition: attachment; filename=\"%s.bin\"",
             RANDOM_PICK(r, types), name, random_below(r, 1000), name);
    add_part(t, boundary, headers);
    struct text file = {0};
    text_noise(&file, r, random_range(r, 8000, 60000));
    text_base64_lines(t, file.data, file.len);
    text_free(&file);
}

/* All of a mail behind the blank line that ends its headers, with the final dot. */
static void add_mail(struct text *t, struct random *r, const char *boundary)
{
    text_format(t, "This is a message in MIME format.\r\n");
    add_part(t, boundary,
             "Content-Type: text/plain; charset=utf-8\r\n"
             "Content-Transfer-Encoding: quoted-printable");
    text_words(t, r, random_range(r, 40, 400), 66, " =\r\n");
    text_format(t, "\r\nCaf=C3=A9 =E2=82=AC %u\r\n", random_below(r, 1000));
    add_part(t, boundary,
             "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit");
    for (uint32_t i = random_range(r, 4, 30); i > 0; i--) {
        text_format(t, "<p class=\"%s\">", random_word(r));
        text_words(t, r, random_range(r, 10, 40), 70, "\r\n");
        text_format(t, "</p>\r\n");
    }
    for (uint32_t i = random_below(r, 3); i > 0; i--) {
        add_attachment(t, r, boundary);
    }
    text_format(t, "--%s--\r\n.\r\n", boundary);
}

static void compress_body(struct text *to, const struct text *from)
{
    z_stream z = {0};
    CHECK(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t room = deflateBound(&z, from->len);
    uint8_t *out = malloc(room);
    CHECK(out != NULL);
    z.next_in = from->data;
    z.avail_in = (unsigned)from->len;
    z.next_out = out;
    z.avail_out = (unsigned)room;
    CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    text_add(to, out, room - z.avail_out);
    deflateEnd(&z);
    free(out);
}

static void chunk_body(struct text *to, const struct text *from)
{
    for (size_t off = 0; off < from->len; off += CHUNK) {
        size_t len = from->len - off < CHUNK ? from->len - off : CHUNK;
        text_format(to, "%zx\r\n", len);
        text_add(to, from->data + off, len);
        text_format(to, "\r\n");
    }
    text_format(to, "0\r\n\r\n");
}

static void make_body(struct body *b, struct random *r, enum body_kind kind)
{
    size_t len = random_range(r, kinds[kind].min, kinds[kind].max);
    b->type = kinds[kind].type;
    switch (kind) {
    case BODY_HTML:
        add_html(&b->plain, r, len);
        break;
    case BODY_SCRIPT:
        add_script(&b->plain, r, len);
        break;
    case BODY_STYLE:
        add_style(&b->plain, r, len);
        break;
    case BODY_JSON:
        add_json(&b->plain, r, len);
        break;
    case BODY_JSON_SMALL:
        add_json_small(&b->plain, r, len);
        break;
    case BODY_IMAGE:
    case BODY_VIDEO:
        text_add(&b->plain, "\xff\xd8\xff\xe0\0\x10JFIF", 10);
        text_noise(&b->plain, r, len);
        break;
    case BODY_MAIL:
        b->boundary = "=_part_4c1f7a";
        add_mail(&b->plain, r, b->boundary);
        break;
    case BODY_KIND_N:
        break;
    }
    if (kinds[kind].compressible) {
        compress_body(&b->gzip, &b->plain);
        chunk_body(&b->chunked, &b->plain);
        chunk_body(&b->chunked_gzip, &b->gzip);
    }
}

void corpus_make(struct corpus *c, struct random *r)
{
    for (size_t kind = 0; kind < BODY_KIND_N; kind++) {
        c->n[kind] = kinds[kind].n;
        c->bodies[kind] = calloc(c->n[kind], sizeof(struct body));
        CHECK(c->bodies[kind] != NULL);
        for (size_t i = 0; i < c->n[kind]; i++) {
            make_body(&c->bodies[kind][i], r, (enum body_kind)kind);
        }
    }
}

const struct body *corpus_pick(const struct corpus *c, struct random *r, enum body_kind kind)
{
    return &c->bodies[kind][random_below(r, (uint32_t)c->n[kind])];
}

void corpus_free(struct corpus *c)
{
    for (size_t kind = 0; kind < BODY_KIND_N; kind++) {
        for (size_t i = 0; i < c->n[kind]; i++) {
            struct body *b = &c->bodies[kind][i];
            text_free(&b->plain);
            text_free(&b->gzip);
            text_free(&b->chunked);
            text_free(&b->chunked_gzip);
        }
        free(c->bodies[kind]);
    }
}
