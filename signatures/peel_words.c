/* peel_words: encoded words, wherever they stand.
 *
 * In a mail's header blanks between two of them vanish. They may be escaped still, where a header
 * travels in JSON or a form. */
#include "signatures/peel_words.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/words.h"

/* Length of what stands for a blank at off: itself, a form's '+', JSON's "\r" with as many
 * backslashes as it was escaped often, "%0D"; or 0. */
static size_t blank_at(struct span text, size_t off)
{
    uint8_t c = span_at(text, off);
    uint8_t next = span_at(text, off + 1);
    if (c == '\\') {
        size_t at = off + 1;
        while (span_at(text, at) == '\\') {
            at++;
        }
        next = span_at(text, at);
        return next == 'r' || next == 'n' || next == 't' ? at + 1 - off : 0;
    }
    if (c == '%') {
        int value = byte_hex(next) * 16 + byte_hex(span_at(text, off + 2));
        return value == '\r' || value == '\n' || value == '\t' || value == ' ' ? 3 : 0;
    }
    return c == '+' || byte_is_space(c) ? 1 : 0;
}

/* Behind the blanks between two words, which end and begin here; off when there are none such. */
static size_t skip_between_words(struct span text, size_t off)
{
    size_t at = off;
    for (size_t len = blank_at(text, at); len > 0; len = blank_at(text, at)) {
        at += len;
    }
    return span_at(text, at) == '=' && span_at(text, at + 1) == '?' ? at : off;
}

size_t peel_words_undo(struct span text, struct sbuf *joined, struct sbuf *out)
{
    size_t from = 0;
    size_t end = span_find(text, 0, SPAN("?="));
    while (end != SPAN_NONE) {
        end += 2;
        sbuf_add(joined, span_sub(text, from, end - from));
        from = skip_between_words(text, end);
        end = span_find(text, from, SPAN("?="));
    }
    sbuf_add(joined, span_from(text, from));
    return words_decode(sbuf_span(joined), out);
}
