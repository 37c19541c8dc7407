/* client_mail: Received headers (RFC 5321 section 4.4) and XCLIENT (Postfix's XCLIENT_README).
 *
 * "from HELO (NAME [ADDRESS]) by …": what the other called itself, HELO, is up to it and may be an
 * address as well, so only what stands in a comment counts, and there not behind "helo" or "ehlo".
 * The forms known, whose first comment with an address is the relay's own word:
 *
 *   Postfix, Sendmail   from HELO (NAME [192.0.2.1]) by
 *   Exim                from NAME ([192.0.2.1] helo=HELO) by, from [192.0.2.1] (helo=HELO) by
 *   qmail               from NAME (HELO WORD) (192.0.2.1) by
 *   Exchange            from NAME (192.0.2.1) by
 *
 * In the second of Exim's forms the comment has none: then what stands behind "from" does, which
 * is the other's word only with programs that write the address in a comment besides. */
#include "sensor/enrich/client_mail.h"

#include "sensor/base/bytes.h"

/* "192.0.2.1", "[192.0.2.1]", "[IPv6:2001:db8::1]", "[192.0.2.1]:25". */
static bool read_address(struct span word, struct addr *ret_addr)
{
    if (span_at(word, 0) == '[') {
        size_t end = span_find_byte(word, 0, ']');
        word = end == SPAN_NONE ? word : span_sub(word, 1, end - 1);
    }
    if (span_starts_nocase(word, SPAN("IPv6:"))) {
        word = span_from(word, 5);
    }
    return addr_parse(word, ret_addr);
}

static struct span next_word(struct span *rest)
{
    size_t start = 0;
    while (start < rest->len && byte_is_space(span_at(*rest, start))) {
        start++;
    }
    size_t end = start;
    while (end < rest->len && !byte_is_space(span_at(*rest, end))) {
        end++;
    }
    struct span word = span_sub(*rest, start, end - start);
    *rest = span_from(*rest, end);
    return word;
}

static bool is_their_word(struct span word)
{
    return span_equal_nocase(word, SPAN("helo")) || span_equal_nocase(word, SPAN("ehlo")) ||
           span_starts_nocase(word, SPAN("helo=")) || span_starts_nocase(word, SPAN("ehlo="));
}

/* The first address in a comment before what they said themselves. */
static bool in_comment(struct span comment, struct addr *ret_addr)
{
    while (comment.len > 0) {
        struct span word = next_word(&comment);
        if (is_their_word(word)) {
            return false;
        }
        if (read_address(word, ret_addr)) {
            return true;
        }
    }
    return false;
}

/* Where the clause of `from` ends: at "by", outside comments. */
static struct span clause_of(struct span value)
{
    unsigned depth = 0;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = span_at(value, i);
        depth += c == '(';
        depth -= c == ')' && depth > 0;
        if (depth == 0 && byte_is_space(c) &&
            span_starts_nocase(span_from(value, i + 1), SPAN("by")) &&
            (i + 3 >= value.len || byte_is_space(span_at(value, i + 3)))) {
            return span_head(value, i);
        }
    }
    return value;
}

bool received_from(struct span value, struct addr *ret_addr)
{
    struct span rest = clause_of(span_trim(value));
    if (!span_equal_nocase(next_word(&rest), SPAN("from"))) {
        return false;
    }
    struct span first = rest;
    for (;;) {
        size_t open = span_find_byte(rest, 0, '(');
        struct span inner = open == SPAN_NONE ? span_of(NULL, 0) : span_from(rest, open + 1);
        size_t close = span_find_byte(inner, 0, ')');
        if (open == SPAN_NONE || close == SPAN_NONE) {
            break;
        }
        if (in_comment(span_head(inner, close), ret_addr)) {
            return true;
        }
        rest = span_from(inner, close + 1);
    }
    struct span word = next_word(&first);
    return span_at(word, 0) == '[' && read_address(word, ret_addr);
}

bool xclient_addr(struct span value, struct addr *ret_addr)
{
    return read_address(span_trim(value), ret_addr);
}
