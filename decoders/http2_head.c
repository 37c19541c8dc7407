/* http2_head: a header block, rewritten as the head of an HTTP/1 message, as a proxy in front of
 * an HTTP/1 server would (RFC 9113 section 8.3), so that it is taken apart by the same code and
 * gives the same fields.
 *
 * Control bytes in names and values, which no header may have (section 8.2.1), become blanks. A
 * block may expand to many times its size, since a byte may stand for a header of the table: beyond
 * FREE_HEADS times the longest head, RATIO bytes are given for each byte of the block, in parts,
 * and the rest is counted as lost. Headers that are spelled out are never beyond that. */
#include "decoders/http2.h"

enum { FREE_HEADS = 2, RATIO = 32, LINE_ROOM = 160 << 10 };

static const struct span crlf = SPAN_LITERAL("\r\n");

void http2_head_init(struct http2_head *head, const struct decoder_limits *limits)
{
    *head = (struct http2_head){
        .block = sbuf_with_cap(limits->head_bytes + LINE_ROOM),
        .method = sbuf_with_cap(limits->line_bytes),
        .path = sbuf_with_cap(limits->head_bytes),
        .authority = sbuf_with_cap(limits->line_bytes),
        .status = sbuf_with_cap(limits->line_bytes),
    };
}

void http2_head_free(struct http2_head *head)
{
    sbuf_free(&head->block);
    sbuf_free(&head->method);
    sbuf_free(&head->path);
    sbuf_free(&head->authority);
    sbuf_free(&head->status);
}

void http2_head_begin(struct http2_head *head, bool trailers)
{
    head->open = true;
    head->trailers = trailers;
    head->parted = false;
    head->lines_begun = false;
    head->odd = false;
    head->full = false;
    head->n_bytes = 0;
    head->n_taken = 0;
    head->n_lost = 0;
    sbuf_reset(&head->block);
    sbuf_reset(&head->method);
    sbuf_reset(&head->path);
    sbuf_reset(&head->authority);
    sbuf_reset(&head->status);
}

/* Text that must not end a line. */
static void add_text(struct http2_head *head, struct sbuf *to, struct span text)
{
    size_t off = 0;
    while (off < text.len) {
        size_t n = off;
        while (n < text.len && span_at(text, n) != '\r' && span_at(text, n) != '\n' &&
               span_at(text, n) != 0) {
            n++;
        }
        sbuf_add(to, span_sub(text, off, n - off));
        if (n < text.len) {
            sbuf_add_byte(to, ' ');
            head->odd = true;
        }
        off = n + 1;
    }
}

static void add_line(struct http2_head *head, struct span name, struct span value)
{
    add_text(head, &head->block, name);
    sbuf_add_str(&head->block, ": ");
    add_text(head, &head->block, value);
    sbuf_add(&head->block, crlf);
}

/* "GET /path HTTP/2.0" and the host, or "HTTP/2.0 200". */
static void add_first_line(struct http2_head *head, enum direction dir)
{
    struct span authority = sbuf_span(&head->authority);
    if (dir == TO_CLIENT) {
        sbuf_add_str(&head->block, "HTTP/2.0 ");
        sbuf_add(&head->block, sbuf_span(&head->status));
        sbuf_add(&head->block, crlf);
        return;
    }
    sbuf_add(&head->block, sbuf_span(&head->method));
    sbuf_add_byte(&head->block, ' ');
    sbuf_add(&head->block, head->path.len > 0 ? sbuf_span(&head->path) : authority);
    sbuf_add_str(&head->block, " HTTP/2.0\r\n");
    if (authority.len > 0) {
        add_line(head, SPAN("host"), authority);
    }
}

static struct sbuf *pseudo_of(struct http2_head *head, struct span name)
{
    if (span_equal(name, SPAN(":method"))) {
        return &head->method;
    }
    if (span_equal(name, SPAN(":path"))) {
        return &head->path;
    }
    if (span_equal(name, SPAN(":authority"))) {
        return &head->authority;
    }
    return span_equal(name, SPAN(":status")) ? &head->status : NULL;
}

static bool is_scheme(const struct hpack_header *header)
{
    return span_equal(header->name, SPAN(":scheme")) &&
           (span_equal(header->value, SPAN("http")) || span_equal(header->value, SPAN("https")));
}

bool http2_head_add(struct http2_head *head, enum direction dir, const struct hpack_header *header,
                    const struct http_out *out)
{
    struct sbuf *pseudo = pseudo_of(head, header->name);
    if (!head->lines_begun && !head->trailers && pseudo != NULL && pseudo->len == 0) {
        add_text(head, pseudo, header->value);
        return false;
    }
    if (is_scheme(header)) {
        return false;
    }
    if (!head->lines_begun && !head->trailers) {
        add_first_line(head, dir);
    }
    head->lines_begun = true;
    head->n_bytes += header->name.len + header->value.len;
    uint64_t most = (uint64_t)FREE_HEADS * out->limits->head_bytes + RATIO * head->n_taken;
    head->full = head->full || head->n_bytes > most;
    if (!head->full) {
        add_line(head, header->name, header->value);
    } else {
        head->n_lost += header->name.len + header->value.len;
    }
    return head->block.len >= out->limits->head_bytes;
}

struct span http2_head_take(struct http2_head *head, enum direction dir, bool last)
{
    if (!head->lines_begun && !head->trailers) {
        if (head->method.len + head->path.len + head->authority.len + head->status.len == 0) {
            return (struct span){0}; /* nothing came */
        }
        add_first_line(head, dir);
        head->lines_begun = true;
    }
    if (last) {
        sbuf_add(&head->block, crlf);
    }
    return sbuf_span(&head->block);
}

void http2_head_taken(struct http2_head *head)
{
    enum { KEPT_ROOM = 4096 };
    if (head->block.room > KEPT_ROOM) {
        sbuf_free(&head->block);
    }
    sbuf_reset(&head->block);
    head->parted = true;
}
