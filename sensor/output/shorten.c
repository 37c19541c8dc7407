/* shorten: an event made to fit an output that takes no long lines.
 *
 * A line that is cut anywhere is no JSON any more. Here one length is looked for, such that all
 * texts cut to it leave the object short enough; an escape and a character stay whole. Where that
 * is not enough, parts that an event can do without are left out whole. The input is this program's
 * own writing, without blanks between tokens; no other JSON is understood. */
#include "sensor/output/shorten.h"

enum { LEAST = 64 };

/* The closing quote of the text that begins at off. */
static size_t text_end(struct span s, size_t off)
{
    while (off < s.len && s.data[off] != '"') {
        off += s.data[off] == '\\' ? 2 : 1;
    }
    return off < s.len ? off : s.len;
}

/* Bytes of the escape or the character at off; two escapes are one where they are a pair of
 * surrogates (RFC 8259 section 7). */
static size_t unit_len(struct span s, size_t off)
{
    uint8_t c = s.data[off];
    if (c == '\\') {
        uint8_t third = span_at(s, off + 3);
        bool is_pair = span_at(s, off + 2) == 'd' && third >= '8' && third <= 'b';
        return span_at(s, off + 1) != 'u' ? 2 : is_pair ? 12 : 6;
    }
    return c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* As many bytes of the text as are whole units and within the limit. */
static size_t cut_len(struct span text, size_t limit)
{
    size_t len = 0;
    while (len < text.len && len + unit_len(text, len) <= limit) {
        len += unit_len(text, len);
    }
    return len;
}

/* Length of the object with texts of at most `limit` bytes; `to` gets it, unless it is NULL. */
static size_t cut_all(struct span s, size_t limit, struct sbuf *to)
{
    size_t total = 0;
    size_t at = 0;
    while (at < s.len) {
        size_t quote = span_find_byte(s, at, '"');
        size_t begin = quote == SPAN_NONE ? s.len : quote + 1;
        size_t end = text_end(s, begin);
        struct span text = span_sub(s, begin, end - begin);
        bool is_key = span_at(s, end + 1) == ':';
        if (!is_key && text.len > limit) {
            text = span_head(text, cut_len(text, limit));
        }
        if (to != NULL) {
            sbuf_add(to, span_sub(s, at, begin - at));
            sbuf_add(to, text);
        }
        total += begin - at + text.len;
        at = end; /* the closing quote goes with what follows */
        if (at < s.len) {
            total++;
            at++;
            if (to != NULL) {
                sbuf_add_byte(to, '"');
            }
        }
    }
    return total;
}

/* Where a value of the object `at` is in begins; SPAN_NONE when there is no such key in it. The
 * value is an object or an array: the place is behind its bracket. */
static size_t inside_of(struct span s, size_t at, struct span key)
{
    unsigned depth = 0;
    while (at < s.len) {
        uint8_t c = s.data[at++];
        if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && depth-- == 0) {
            return SPAN_NONE;
        } else if (c == '"') {
            size_t end = text_end(s, at);
            bool found = depth == 0 && span_at(s, end + 1) == ':' &&
                         span_equal(span_sub(s, at, end - at), key);
            at = end + 1;
            if (found) {
                return at + 2;
            }
        }
    }
    return SPAN_NONE;
}

static bool is_marked(struct span s, size_t flowbits)
{
    struct span bits = span_from(s, flowbits);
    bits = span_head(bits, span_find_byte(bits, 0, ']'));
    return span_find(bits, 0, SPAN("\"truncated\"")) != SPAN_NONE;
}

/* The object with its mark: put first among the flowbits, or in metadata, else last in the object.
 */
static bool add_marked(struct span s, struct sbuf *to)
{
    size_t metadata = inside_of(s, 1, SPAN("metadata"));
    size_t flowbits = metadata == SPAN_NONE ? SPAN_NONE : inside_of(s, metadata, SPAN("flowbits"));
    size_t at = flowbits != SPAN_NONE ? flowbits : metadata != SPAN_NONE ? metadata : s.len - 1;
    if (flowbits != SPAN_NONE && is_marked(s, flowbits)) {
        return sbuf_add(to, s);
    }
    sbuf_add(to, span_head(s, at));
    if (flowbits != SPAN_NONE) {
        sbuf_add_str(to, "\"truncated\"");
    } else if (metadata != SPAN_NONE) {
        sbuf_add_str(to, "\"flowbits\":[\"truncated\"]");
    } else {
        sbuf_add_str(to, s.len > 2 ? "," : "");
        sbuf_add_str(to, "\"metadata\":{\"flowbits\":[\"truncated\"]}");
    }
    bool more = metadata != SPAN_NONE && span_at(s, at) != ']' && span_at(s, at) != '}';
    sbuf_add_str(to, more ? "," : "");
    return sbuf_add(to, span_from(s, at));
}

/* The greatest limit with which it fits, or 0. */
static size_t find_limit(struct span s, size_t max)
{
    size_t low = 0;
    size_t high = max + 1;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (cut_all(s, middle, NULL) <= max) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low >= LEAST ? low : 0;
}

/* What an event can do without, what is left out first standing first: it is in another event of
 * the flow, or follows from the signature, or from the addresses. */
static const char *const spare[][3] = {
    {"ndpi"},
    {"files"},
    {"tunnel"},
    {"flow"},
    {"email"},
    {"smtp"},
    {"http"},
    {"alert", "references"},
    {"alert", "metadata"},
    {"alert", "context", "destination"},
    {"alert", "context", "source"},
};

/* Behind the bracket that ends the value whose contents begin at `at`. */
static size_t value_end(struct span s, size_t at)
{
    unsigned depth = 1;
    while (at < s.len && depth > 0) {
        uint8_t c = s.data[at++];
        if (c == '"') {
            at = text_end(s, at) + 1;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return at;
}

/* By the names on the way to it. false when it is not there. */
static bool leave_out(struct sbuf *object, const char *const path[3])
{
    struct span s = sbuf_span(object);
    size_t at = 1;
    size_t name_len = 0;
    for (size_t i = 0; i < 3 && path[i] != NULL && at != SPAN_NONE; i++) {
        name_len = span_str(path[i]).len;
        at = inside_of(s, at, span_str(path[i]));
    }
    if (at == SPAN_NONE) {
        return false;
    }
    size_t begin = at - name_len - 4; /* its name, in quotes, a colon and the bracket */
    size_t end = value_end(s, at);
    if (span_at(s, end) == ',') {
        end++;
    } else if (span_at(s, begin - 1) == ',') {
        begin--;
    }
    return sbuf_replace(object, begin, end - begin, span_of(NULL, 0));
}

bool shorten(struct span object, size_t max, struct sbuf *to)
{
    struct sbuf marked = sbuf_with_cap(object.len + 64);
    bool fits = add_marked(object, &marked);
    size_t limit = fits ? find_limit(sbuf_span(&marked), max) : 0;
    for (size_t i = 0; fits && limit == 0 && i < ARRAY_LEN(spare); i++) {
        limit = leave_out(&marked, spare[i]) ? find_limit(sbuf_span(&marked), max) : 0;
    }
    size_t before = to->len;
    if (limit > 0) {
        (void)cut_all(sbuf_span(&marked), limit, to);
    }
    if (limit > 0 && to->cut) {
        sbuf_shorten(to, before);
        limit = 0;
    }
    sbuf_free(&marked);
    return limit > 0;
}
