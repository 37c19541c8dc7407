/* charset: text in any charset that iconv(3) knows, to UTF-8.
 *
 * UTF-8 and ASCII are copied, ISO-8859-1, UTF-16 and UTF-7 are read here; only the rest opens a
 * converter, and only for names made of the characters that charset names have (so no "//IGNORE"
 * and no path gets through). Stateful charsets are read from their initial state on. */
#include "sensor/codec/charset.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/utf.h"

#include <errno.h>
#include <iconv.h>

enum { NAME_MAX_LEN = 40, CHUNK = 1024, REPLACEMENT = 0xfffd };

static bool is(struct span charset, const char *name)
{
    return span_equal_nocase(charset, span_str(name));
}

static void from_latin1(struct span in, struct sbuf *out)
{
    for (size_t i = 0; i < in.len; i++) {
        utf8_add(out, in.data[i]);
    }
}

/* Opens a converter, or returns false for names that are not such. */
static bool open_named(struct span charset, iconv_t *ret_cd)
{
    char name[NAME_MAX_LEN + 1] = {0};
    if (charset.len == 0 || charset.len > NAME_MAX_LEN) {
        return false;
    }
    for (size_t i = 0; i < charset.len; i++) {
        uint8_t c = charset.data[i];
        if (!byte_is_alnum(c) && c != '-' && c != '_' && c != '.' && c != ':' && c != '+') {
            return false;
        }
        name[i] = (char)c;
    }
    *ret_cd = iconv_open("UTF-8", name);
    return *ret_cd != (iconv_t)-1;
}

static void convert(iconv_t cd, struct span in, struct sbuf *out)
{
    /* iconv() wants a pointer to non-const but never writes through it. */
    char *from = (char *)(uintptr_t)in.data;
    size_t left = in.len;
    while (left > 0 && !out->cut) {
        char chunk[CHUNK];
        char *to = chunk;
        size_t room = sizeof(chunk);
        size_t result = iconv(cd, &from, &left, &to, &room);
        int reason = result == (size_t)-1 ? errno : 0;
        sbuf_add(out, span_of(chunk, sizeof(chunk) - room));
        if (reason == EILSEQ || reason == EINVAL) {
            utf8_add(out, REPLACEMENT);
            from++;
            left--;
        }
    }
}

bool charset_to_utf8(struct span charset, struct span in, struct sbuf *out)
{
    iconv_t cd;
    if (is(charset, "utf-8") || is(charset, "us-ascii") || is(charset, "ascii")) {
        sbuf_add(out, in);
    } else if (is(charset, "iso-8859-1") || is(charset, "latin1")) {
        from_latin1(in, out);
    } else if (is(charset, "utf-7")) {
        (void)utf7_decode(in, out);
    } else if (is(charset, "utf-16le")) {
        utf16_decode(in, UTF16_LE, out);
    } else if (is(charset, "utf-16be") || is(charset, "utf-16")) {
        bool little = span_at(in, 0) == 0xff && span_at(in, 1) == 0xfe;
        utf16_decode(in, little ? UTF16_LE : UTF16_BE, out);
    } else if (open_named(charset, &cd)) {
        convert(cd, in, out);
        iconv_close(cd);
    } else {
        sbuf_add(out, in);
        return false;
    }
    return true;
}
