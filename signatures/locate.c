/* locate: which value of a structured text a hit stands in.
 *
 * Runs only behind a hit, so that clean bodies are never taken apart. What a sender says of his
 * body is tried first, what it looks like second: servers sniff, and attackers lie. Nothing is
 * decoded here (escapes and percent signs are the peeler's business), nothing is checked: a text
 * that breaks off or starts in the middle still gives the smallest value that can be made out, at
 * worst a line. JSON is read from its start with an explicit stack of 64 levels; deeper levels are
 * left out of the path, not out of sight. */
#include "signatures/locate.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/entities.h"

enum { DEPTH_CAP = 64, LINE_CAP = 16 * 1024 };

static void item_add(struct located *l, struct span text)
{
    struct span part = span_head(text, sizeof(l->item) - l->item_len);
    bytes_copy(l->item + l->item_len, part.data, part.len);
    l->item_len += part.len;
}

static void item_set(struct located *l, struct span kind, struct span name)
{
    l->item_len = 0;
    item_add(l, kind);
    if (kind.len > 0 && name.len > 0) {
        item_add(l, SPAN("."));
    }
    item_add(l, name);
}

/* The piece of `whole` around off that ends at one of two bytes on either side. */
static struct span piece_around(struct span whole, size_t off, uint8_t a, uint8_t b)
{
    size_t start = off;
    while (start > 0 && whole.data[start - 1] != a && whole.data[start - 1] != b) {
        start--;
    }
    size_t end = off;
    while (end < whole.len && whole.data[end] != a && whole.data[end] != b) {
        end++;
    }
    return span_sub(whole, start, end - start);
}

/* name=value pairs: query strings, forms, cookies. The name is the item when the hit is in the
 * value. */
static void in_pair(struct located *l, struct span whole, size_t off, struct span kind)
{
    struct span pair = span_trim(l->value);
    size_t at = 0;
    size_t sign = span_find_byte(pair, 0, '=');
    if (!span_contains(whole, pair, &at) || sign == SPAN_NONE || off <= at + sign) {
        struct span name = span_head(pair, sign);
        l->value = off < at + name.len ? name : pair;
        item_set(l, kind, span_of(NULL, 0));
        return;
    }
    item_set(l, kind, span_trim(span_head(pair, sign)));
    l->value = span_from(pair, sign + 1);
}

static bool in_uri(struct located *l, struct span whole, size_t off)
{
    size_t query = span_find_byte(whole, 0, '?');
    if (query == SPAN_NONE || off <= query) {
        l->id = FIELD_HTTP_URI;
        return true; /* the path may hold any separator: it is one value */
    }
    l->id = FIELD_HTTP_URI_PARAM;
    struct span rest = span_from(whole, query + 1);
    l->value = piece_around(rest, off - query - 1, '&', '&');
    in_pair(l, whole, off, span_of(NULL, 0));
    return true;
}

static bool in_cookie(struct located *l, struct span whole, size_t off)
{
    l->value = piece_around(whole, off, ';', ';');
    in_pair(l, whole, off, span_of(NULL, 0));
    return true;
}

static bool in_form(struct located *l, struct span whole, size_t off)
{
    l->value = piece_around(whole, off, '&', '&');
    in_pair(l, whole, off, SPAN("form"));
    return true;
}

/* --- JSON ------------------------------------------------------------------------------------- */

struct json_level {
    bool array;
    size_t index;
    struct span key;
};

struct json_walk {
    struct span s;
    size_t off;
    struct json_level levels[DEPTH_CAP];
    size_t depth; /* may exceed DEPTH_CAP */
};

static struct json_level *json_top(struct json_walk *w)
{
    return w->depth > 0 && w->depth <= DEPTH_CAP ? &w->levels[w->depth - 1] : NULL;
}

/* w->off on the opening quote; gives the contents and moves behind the closing one. */
static struct span json_string(struct json_walk *w)
{
    size_t start = ++w->off;
    while (w->off < w->s.len && w->s.data[w->off] != '"') {
        w->off += w->s.data[w->off] == '\\' ? 2 : 1;
    }
    size_t end = w->off < w->s.len ? w->off : w->s.len;
    w->off = end + 1;
    return span_sub(w->s, start, end - start);
}

static bool json_is_key(const struct json_walk *w)
{
    size_t at = w->off;
    while (at < w->s.len && byte_is_space(w->s.data[at])) {
        at++;
    }
    return span_at(w->s, at) == ':';
}

static void json_number(struct located *l, size_t n)
{
    char digits[24];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    item_add(l, span_of(digits + at, sizeof(digits) - at));
}

static void json_path(struct located *l, const struct json_walk *w, bool in_key)
{
    item_set(l, SPAN("json"), span_of(NULL, 0));
    size_t n = w->depth < DEPTH_CAP ? w->depth : DEPTH_CAP;
    for (size_t i = 0; i < n; i++) {
        const struct json_level *level = &w->levels[i];
        if (in_key && i + 1 == n) {
            break;
        }
        if (level->array || level->key.len > 0) {
            item_add(l, SPAN("."));
        }
        if (level->array) {
            json_number(l, level->index);
        } else {
            item_add(l, level->key);
        }
    }
}

static void json_structure(struct json_walk *w, uint8_t c)
{
    struct json_level *top = json_top(w);
    if (c == '{' || c == '[') {
        w->depth++;
        top = json_top(w);
        if (top != NULL) {
            *top = (struct json_level){.array = c == '['};
        }
    } else if ((c == '}' || c == ']') && w->depth > 0) {
        w->depth--;
    } else if (c == ',' && top != NULL) {
        top->index++;
        top->key = span_of(NULL, 0);
    }
    w->off++;
}

static bool in_json(struct located *l, struct span whole, size_t off)
{
    struct json_walk w = {.s = whole};
    while (w.off < whole.len && w.off <= off) {
        if (whole.data[w.off] != '"') {
            json_structure(&w, whole.data[w.off]);
            continue;
        }
        size_t start = w.off + 1;
        struct span text = json_string(&w);
        bool key = json_is_key(&w);
        if (off >= start && off < start + text.len) {
            json_path(l, &w, key);
            l->value = text;
            return true;
        }
        struct json_level *top = json_top(&w);
        if (key && top != NULL) {
            top->key = text;
        }
    }
    return false;
}

/* --- XML -------------------------------------------------------------------------------------- */

static struct span xml_name(struct span tag)
{
    size_t end = 0;
    while (end < tag.len && !byte_is_space(tag.data[end]) && tag.data[end] != '>' &&
           tag.data[end] != '/') {
        end++;
    }
    return span_head(tag, end);
}

/* The hit is between < and >: in an attribute's value, if quotes stand around it. */
static bool in_xml_tag(struct located *l, struct span whole, size_t tag_off, size_t off)
{
    struct span tag = span_from(whole, tag_off + 1);
    size_t in = off - tag_off - 1;
    size_t at = 0;
    size_t name_at = 0;
    while (at < in) {
        uint8_t c = tag.data[at];
        if (c != '"' && c != '\'') {
            name_at = byte_is_space(c) ? at + 1 : name_at;
            at++;
            continue;
        }
        size_t end = span_find_byte(tag, at + 1, c);
        end = end == SPAN_NONE ? tag.len : end;
        if (in > at && in < end) {
            struct span name = span_sub(tag, name_at, at - name_at);
            item_set(l, SPAN("xml"), xml_name(tag));
            item_add(l, SPAN("."));
            item_add(l, span_trim(span_head(name, span_find_byte(name, 0, '='))));
            l->value = span_sub(tag, at + 1, end - at - 1);
            return true;
        }
        at = end + 1;
    }
    return false;
}

/* Where the CDATA section that holds off begins, or SPAN_NONE. */
static size_t cdata_around(struct span whole, size_t off)
{
    size_t found = SPAN_NONE;
    size_t at = 0;
    while ((at = span_find(whole, at, SPAN("<![CDATA["))) != SPAN_NONE && at < off) {
        size_t end = span_find(whole, at, SPAN("]]>"));
        found = end == SPAN_NONE || end > off ? at : SPAN_NONE;
        at = end == SPAN_NONE ? off : end;
    }
    return found;
}

static bool in_xml(struct located *l, struct span whole, size_t off)
{
    size_t cdata = cdata_around(whole, off);
    struct span before = span_head(whole, cdata == SPAN_NONE ? off : cdata);
    size_t open = span_rfind_byte(before, '<');
    size_t close = span_rfind_byte(before, '>');
    if (open == SPAN_NONE) {
        return false;
    }
    if (cdata == SPAN_NONE && (close == SPAN_NONE || open > close)) {
        return in_xml_tag(l, whole, open, off);
    }
    size_t start = cdata == SPAN_NONE ? close + 1 : cdata + SPAN("<![CDATA[").len;
    size_t end =
        cdata == SPAN_NONE ? span_find_byte(whole, off, '<') : span_find(whole, off, SPAN("]]>"));
    end = end == SPAN_NONE ? whole.len : end;
    item_set(l, SPAN("xml"), xml_name(span_from(whole, open + 1)));
    l->value = span_sub(whole, start, end - start);
    return true;
}

/* --- multipart/form-data ------------------------------------------------------------------------
 */

/* The value of a parameter in a head of parameters, `name="…"` or `name=…`. */
static struct span part_parameter(struct span head, struct span name)
{
    size_t at = 0;
    while ((at = span_find_nocase(head, at, name)) != SPAN_NONE) {
        uint8_t before = at > 0 ? head.data[at - 1] : ';';
        at += name.len;
        if (before != ';' && !byte_is_space(before)) {
            continue;
        }
        struct span rest = span_from(head, at);
        bool quoted = span_at(rest, 0) == '"';
        size_t end = 0;
        rest = span_from(rest, quoted);
        while (end < rest.len && rest.data[end] != '\r' && rest.data[end] != '\n' &&
               rest.data[end] != (quoted ? '"' : ';')) {
            end += quoted && rest.data[end] == '\\' && end + 1 < rest.len ? 2 : 1;
        }
        return span_head(rest, end);
    }
    return span_of(NULL, 0);
}

static bool in_part_head(struct located *l, struct span part, struct span head, size_t off)
{
    struct span file = part_parameter(head, SPAN("filename="));
    struct span name = part_parameter(head, SPAN("name="));
    size_t at = 0;
    if (span_contains(part, file, &at) && off >= at && off < at + file.len) {
        l->id = FIELD_FILE_NAME;
        l->value = file;
        return true;
    }
    item_set(l, SPAN("multipart"), span_of(NULL, 0));
    l->value = name;
    if (!span_contains(part, name, &at) || off < at || off >= at + name.len) {
        l->value = piece_around(part, off, '\r', '\n');
    }
    return true;
}

/* The first delimiter at or after from, RFC 2046 section 5.1.1: a line that begins with "--" and
 * the boundary, which may be no more than a letter of what stands in the parts. SPAN_NONE: there is
 * none. */
static size_t find_delimiter(struct span whole, size_t from, struct span boundary)
{
    size_t at = from;
    while ((at = span_find(whole, at, boundary)) != SPAN_NONE) {
        bool dashes = at >= from + 2 && whole.data[at - 1] == '-' && whole.data[at - 2] == '-';
        if (dashes && (at == 2 || whole.data[at - 3] == '\n')) {
            return at - 2;
        }
        at += 1;
    }
    return SPAN_NONE;
}

/* Behind the last delimiter at or before off; SPAN_NONE when there is none. */
static size_t part_start(struct span whole, size_t off, struct span boundary)
{
    size_t found = SPAN_NONE;
    size_t at = 0;
    while ((at = find_delimiter(whole, at, boundary)) != SPAN_NONE && at <= off) {
        at += 2 + boundary.len;
        found = at;
    }
    return found;
}

static struct span boundary_of(struct span whole, const struct locate_hint *hint)
{
    if (hint->boundary.len > 0) {
        return hint->boundary;
    }
    struct span line = span_head(whole, span_find_byte(whole, 0, '\n'));
    return span_starts(line, SPAN("--")) ? span_trim(span_from(line, 2)) : span_of(NULL, 0);
}

static bool in_multipart(struct located *l, struct span whole, size_t off, struct span boundary)
{
    size_t start = boundary.len > 0 ? part_start(whole, off, boundary) : SPAN_NONE;
    size_t line_end = start == SPAN_NONE ? SPAN_NONE : span_find_byte(whole, start, '\n');
    if (line_end == SPAN_NONE || line_end >= off) {
        return false;
    }
    start = line_end + 1;
    size_t end = find_delimiter(whole, off, boundary);
    end = end == SPAN_NONE ? whole.len : end;
    struct span part = span_sub(whole, start, end - start);
    size_t blank = span_find(part, 0, SPAN("\r\n\r\n"));
    size_t blank_len = 4;
    if (blank == SPAN_NONE) {
        blank = span_find(part, 0, SPAN("\n\n"));
        blank_len = 2;
    }
    struct span head = span_head(part, blank);
    if (blank == SPAN_NONE || off - start < blank + blank_len) {
        return in_part_head(l, part, head, off - start);
    }
    item_set(l, SPAN("multipart"), part_parameter(head, SPAN("name=")));
    l->value = span_from(part, blank + blank_len);
    l->value = span_ends(l->value, SPAN("\r\n")) ? span_head(l->value, l->value.len - 2) : l->value;
    return true;
}

/* --- which of them
 * -------------------------------------------------------------------------------- */

/* "name=": without a blank, a NUL (of UTF-16), or a character reference, whose '&' is none between
 * parameters. */
static bool looks_like_form(struct span whole)
{
    for (size_t i = 0; i < whole.len; i++) {
        uint32_t c = 0;
        if (byte_is_space(whole.data[i]) || whole.data[i] == 0 ||
            (whole.data[i] == '&' && entity_at(whole, i, &c) > 0)) {
            return false;
        }
        if (whole.data[i] == '=') {
            return i > 0;
        }
    }
    return false;
}

static enum body_type sniff(struct span whole)
{
    struct span text = span_trim(whole);
    switch (span_at(text, 0)) {
    case '{':
    case '[':
        return BODY_JSON;
    case '<':
        return BODY_XML;
    case '-':
        return span_starts(text, SPAN("--")) ? BODY_MULTIPART : BODY_UNKNOWN;
    default:
        return looks_like_form(text) ? BODY_FORM : BODY_UNKNOWN;
    }
}

static bool in_body(struct located *l, struct span whole, size_t off, enum body_type type,
                    struct span boundary)
{
    switch (type) {
    case BODY_FORM:
        return in_form(l, whole, off);
    case BODY_JSON:
        return in_json(l, whole, off);
    case BODY_XML:
        return in_xml(l, whole, off);
    case BODY_MULTIPART:
        return in_multipart(l, whole, off, boundary);
    case BODY_UNKNOWN:
    case BODY_TEXT:
    case BODY_BINARY:
        return false;
    }
    return false;
}

static void in_line(struct located *l, struct span whole, size_t off)
{
    struct span line = piece_around(whole, off, '\r', '\n');
    size_t at = 0;
    if (span_contains(whole, line, &at) && line.len > LINE_CAP) {
        size_t from = off - at > LINE_CAP / 2 ? off - at - LINE_CAP / 2 : 0;
        line = span_sub(line, from, LINE_CAP);
    }
    l->value = line;
}

struct located locate(struct span whole, size_t off, const struct locate_hint *hint)
{
    struct located l = {.id = hint->field, .value = whole};
    if (off >= whole.len) {
        return l;
    }
    if (hint->field == FIELD_HTTP_URI_RAW || hint->field == FIELD_HTTP_URI) {
        (void)in_uri(&l, whole, off);
        return l;
    }
    if (hint->field == FIELD_HTTP_COOKIE) {
        (void)in_cookie(&l, whole, off);
        return l;
    }
    struct span boundary = boundary_of(whole, hint);
    enum body_type by_content = sniff(whole);
    if (hint->field != FIELD_HTTP_REQUEST_BODY && hint->field != FIELD_HTTP_RESPONSE_BODY) {
        in_line(&l, whole, off);
    } else if (!in_body(&l, whole, off, hint->type, boundary) &&
               !in_body(&l, whole, off, by_content, boundary)) {
        in_line(&l, whole, off);
    }
    return l;
}
