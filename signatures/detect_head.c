/* detect_head: the head of an HTTP message as rules are written for it.
 *
 * Rules of Suricata are written against what its parser keeps of a head: a header that comes again
 * is joined to the first of its name (", " between, but for Content-Length, of which the first
 * counts), lines folded to it as well, blanks around a value are gone, a line without a colon is
 * the value of a header without a name, and each of these stands once more in the buffers of all
 * headers. The host is the target's where that names one. An answer's line keeps its end. Of HTTP/2
 * the first line is headers as well.
 *
 * A plain head is all that as it lies, and costs no more than to see that it is. Any other is put
 * together once, behind its headers, and what rules look at is scanned by itself; rules do not see
 * the fields of such a head as sent then, but for http.header.raw. What look-ups are looked for in
 * stays as it was sent.
 *
 * Of a mail's headers rules see the values as sent: encoded words as they are, lines folded to them
 * joined without a blank.
 *
 * Limits: 256 headers a head; of more, rules see the first 256. */
#include "signatures/detect_parts.h"

#include "sensor/base/bytes.h"
#include "signatures/transform.h"

#include <string.h>

enum { LINES_MAX = 256, NAMES_MAX = 64, VERSION_LEN = 6 };

/* A header, with all that is folded to it. */
struct head_line {
    struct span name;
    struct span raw; /* what stands behind the colon, line ends within it included */
    bool again;      /* one of that name came before */
};

/* A head taken apart. */
struct lines {
    struct span first; /* without its end */
    struct span end;   /* of that line */
    struct head_line list[LINES_MAX];
    size_t n;
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* A byte that may stand in a header's name (RFC 9110 section 5.6.2). */
static bool is_name_byte(uint8_t c)
{
    return byte_is_alnum(c) ||
           (c != 0 && span_find_byte(SPAN("!#$%&'*+-.^_`|~"), 0, c) != SPAN_NONE);
}

static bool is_http2(const struct tx *tx)
{
    return tx->decoder != NULL && strcmp(tx->decoder->name, "http2") == 0;
}

/* --- is it plain -------------------------------------------------------------------------------
 */

/* The length of the name of a line "Name: value" with one blank, a value and nothing odd around it;
 * 0: it is another. */
static size_t plain_name(struct span line)
{
    size_t n = 0;
    while (n < line.len && (byte_is_alnum(line.data[n]) || line.data[n] == '-')) {
        n++;
    }
    bool good = n > 0 && span_at(line, n) == ':' && span_at(line, n + 1) == ' ' &&
                n + 3 < line.len && !byte_is_space(span_at(line, n + 2)) &&
                span_at(line, line.len - 1) == '\r' && !byte_is_space(span_at(line, line.len - 2));
    return good ? n : 0;
}

/* Names seen so far, and a bit for each by which most new ones are known to be new. */
struct names {
    struct span list[NAMES_MAX];
    size_t n;
    uint64_t bits;
};

static bool is_new(struct names *names, struct span name)
{
    unsigned key = (unsigned)name.len + 7U * byte_lower(span_at(name, 0)) +
                   31U * byte_lower(span_at(name, name.len - 1));
    uint64_t bit = (uint64_t)1 << (key % 64);
    for (size_t i = 0; (names->bits & bit) != 0 && i < names->n; i++) {
        if (span_equal_nocase(names->list[i], name)) {
            return false;
        }
    }
    if (names->n == NAMES_MAX) {
        return false; /* so many are odd enough */
    }
    names->list[names->n++] = name;
    names->bits |= bit;
    return true;
}

static bool headers_are_plain(struct span rest)
{
    struct names names = {.n = 0};
    while (rest.len > 0) {
        struct span line = span_split(&rest, '\n');
        if (rest.len == 0 && span_equal(line, SPAN("\r"))) {
            return names.n > 0;
        }
        size_t n = plain_name(line);
        if (n == 0 || !is_new(&names, span_head(line, n))) {
            return false;
        }
    }
    return false;
}

/* Whether a request line's target begins with a slash: others may name a host. */
static bool has_path(struct span line)
{
    (void)span_split(&line, ' ');
    return span_at(line, 0) == '/';
}

/* Whether a mail's block has lines that are folded to others. */
static bool has_fold(struct span block)
{
    size_t lf = span_find_byte(block, 0, '\n');
    while (lf != SPAN_NONE && !is_blank(span_at(block, lf + 1))) {
        lf = span_find_byte(block, lf + 1, '\n');
    }
    return lf != SPAN_NONE;
}

struct span detect_head_mail_value(struct detector *d, struct span value)
{
    sbuf_reset(&d->head_line);
    while (value.len > 0) {
        struct span line = span_split(&value, '\n');
        line.len -= value.len > 0 && span_at(line, line.len - 1) == '\r' ? 1 : 0;
        while (d->head_line.len > 0 && is_blank(span_at(line, 0))) {
            line = span_from(line, 1);
        }
        sbuf_add(&d->head_line, line);
    }
    return sbuf_span(&d->head_line);
}

void detect_head_judge(struct head *h, const struct engine *e, const struct tx *tx,
                       const struct region *region, bool wanted)
{
    bool whole = (region->flags & REGION_AGAIN) != 0 && region->field == FIELD_HTTP_HEADER;
    h->odd_head = region->field == FIELD_EMAIL_HEADER && e->any_mail && has_fold(region->bytes);
    h->http2 = whole && wanted && is_http2(tx);
    if (whole && wanted) {
        struct span rest = region->bytes;
        struct span first = span_split(&rest, '\n');
        bool plain = region->dir == TO_SERVER ? has_path(first) : !e->any_status_line;
        h->odd_head = h->http2 || !plain || !headers_are_plain(rest);
    }
}

bool detect_head_remakes(const struct head *h, enum field_id id)
{
    if (h->http2 && (id == FIELD_HTTP_PROTOCOL || id == FIELD_HTTP_REQUEST_LINE)) {
        return true;
    }
    return id == FIELD_HTTP_REQUEST_HEADER || id == FIELD_HTTP_RESPONSE_HEADER ||
           id == FIELD_HTTP_HOST || id == FIELD_HTTP_RESPONSE_LINE ||
           *buffer_header_name(id) != '\0';
}

/* --- taking apart ------------------------------------------------------------------------------
 */

/* Whether what follows a line end goes on with the line. Of an answer it does not where it could be
 * a header of its own. */
static bool goes_on(struct span rest, enum direction dir)
{
    size_t n = 0;
    if (!is_blank(span_at(rest, 0))) {
        return false;
    }
    while (is_blank(span_at(rest, n))) {
        n++;
    }
    size_t name = n;
    while (n < rest.len && is_name_byte(rest.data[n])) {
        n++;
    }
    bool named = n > name;
    while (is_blank(span_at(rest, n))) {
        n++;
    }
    return dir == TO_SERVER || !named || span_at(rest, n) != ':';
}

/* Takes a header off, with the lines folded to it. */
static struct head_line take_header(struct span *rest, enum direction dir)
{
    struct head_line line = {0};
    struct span all = *rest;
    struct span first = span_split(rest, '\n');
    while (rest->len > 0 && goes_on(*rest, dir)) {
        (void)span_split(rest, '\n');
    }
    size_t colon = span_find_byte(first, 0, ':');
    line.name = colon != SPAN_NONE ? span_trim(span_head(first, colon)) : (struct span){0};
    line.raw = span_head(all, all.len - rest->len);
    line.raw = span_from(line.raw, colon != SPAN_NONE ? colon + 1 : 0);
    return line;
}

static void take_lines(struct lines *lines, struct span head, enum direction dir)
{
    struct span rest = head;
    lines->n = 0;
    lines->first = span_split(&rest, '\n');
    size_t cr = span_at(lines->first, lines->first.len - 1) == '\r' ? 1 : 0;
    lines->first.len -= cr;
    lines->end = span_sub(head, lines->first.len, cr + 1);
    while (rest.len > 0 && lines->n < LINES_MAX) {
        struct head_line line = take_header(&rest, dir);
        if (line.name.len == 0 && span_trim(line.raw).len == 0) {
            continue; /* the empty line at the end */
        }
        for (size_t i = 0; !line.again && i < lines->n; i++) {
            line.again = span_equal_nocase(lines->list[i].name, line.name);
        }
        lines->list[lines->n++] = line;
    }
}

/* --- putting together --------------------------------------------------------------------------
 */

/* The value of one line and those folded to it: of each line end and the blanks behind it the
 * blanks are left. */
static struct span unfolded(struct sbuf *scratch, struct span raw)
{
    struct span rest = raw;
    sbuf_reset(scratch);
    while (rest.len > 0) {
        struct span line = span_split(&rest, '\n');
        line.len -= span_at(line, line.len - 1) == '\r' ? 1 : 0;
        sbuf_add(scratch, line);
    }
    return span_trim(sbuf_span(scratch));
}

/* Adds the value of line i, and of those of its name behind it. */
static void add_value(struct sbuf *to, struct sbuf *scratch, const struct lines *lines, size_t i)
{
    const struct head_line *line = &lines->list[i];
    sbuf_add(to, unfolded(scratch, line->raw));
    for (size_t k = i + 1; k < lines->n; k++) {
        const struct head_line *other = &lines->list[k];
        if (other->again && span_equal_nocase(other->name, line->name) &&
            !span_equal_nocase(line->name, SPAN("content-length"))) {
            sbuf_add_str(to, ", ");
            sbuf_add(to, unfolded(scratch, other->raw));
        }
    }
}

/* One line for each header, each with its end. */
static struct span block_of(struct sbuf *to, struct sbuf *scratch, const struct lines *lines)
{
    sbuf_reset(to);
    for (size_t i = 0; i < lines->n; i++) {
        if (!lines->list[i].again) {
            sbuf_add(to, lines->list[i].name);
            sbuf_add_str(to, ": ");
            add_value(to, scratch, lines, i);
            sbuf_add_str(to, "\r\n");
        }
    }
    return sbuf_span(to);
}

/* --- HTTP/2 ------------------------------------------------------------------------------------
 */

static void add_pseudo(struct sbuf *to, const char *name, struct span value)
{
    if (value.len > 0) {
        sbuf_add_str(to, name);
        sbuf_add(to, value);
        sbuf_add_str(to, "\r\n");
    }
}

/* The head of an HTTP/2 message as it was rewritten, with the headers that its first line and the
 * host were. What the scheme was is not known any more, nor where among the others it stood. */
static struct span http2_block(struct sbuf *to, const struct lines *lines, enum direction dir)
{
    struct span rest = lines->first;
    struct span word = span_split(&rest, ' ');
    size_t from = 0;
    sbuf_reset(to);
    if (dir == TO_CLIENT) {
        add_pseudo(to, ":status: ", rest);
    } else {
        size_t blank = span_rfind_byte(rest, ' ');
        add_pseudo(to, ":method: ", word);
        add_pseudo(to, ":path: ", span_head(rest, blank));
        add_pseudo(to, ":scheme: ", SPAN("http"));
        if (lines->n > 0 && span_equal(lines->list[0].name, SPAN("host"))) {
            add_pseudo(to, ":authority: ", span_trim(lines->list[0].raw));
            from = 1;
        }
    }
    for (size_t i = from; i < lines->n; i++) {
        sbuf_add(to, lines->list[i].name);
        sbuf_add_str(to, ": ");
        sbuf_add(to, span_trim(lines->list[i].raw));
        sbuf_add_str(to, "\r\n");
    }
    return sbuf_span(to);
}

/* --- showing -----------------------------------------------------------------------------------
 */

/* Shows rules a text as the value of a field (FIELD_N: as a head), `scanned` for their literals. */
static void show(struct detector *d, const struct spot *spot, size_t field, struct span text,
                 struct span scanned)
{
    const struct verify_view view = {.text = text};
    detect_scan(d, detect_engine(d, spot->tx), scanned, &d->hits);
    const struct hit_range all = {&d->hits, 0, d->hits.n, 0};
    detect_groups(d, spot, field, &all, &view);
}

static struct spot spot_of(struct tx *tx, enum field_id id, enum direction dir, struct span around)
{
    return (struct spot){.tx = tx, .field = id, .dir = dir, .around = around, .how = HEAD_MADE};
}

/* The host in "scheme://user@host:port/path", and the target of CONNECT; empty when the target has
 * none. */
static struct span target_host(struct span first)
{
    struct span method = span_split(&first, ' ');
    if (span_equal(method, SPAN("CONNECT"))) {
        return span_split(&first, ' ');
    }
    size_t at = span_find(first, 0, SPAN("://"));
    bool scheme = at != SPAN_NONE && at > 0;
    for (size_t i = 0; scheme && i < at; i++) {
        scheme = byte_is_alnum(span_at(first, i));
    }
    if (!scheme) {
        return (struct span){0};
    }
    struct span rest = span_from(first, at + 3);
    size_t n = 0;
    while (n < rest.len && span_find_byte(SPAN("/?# "), 0, rest.data[n]) == SPAN_NONE) {
        n++;
    }
    rest = span_head(rest, n);
    size_t user = span_rfind_byte(rest, '@');
    return user == SPAN_NONE ? rest : span_from(rest, user + 1);
}

/* A host and perhaps a port as the host alone, in small letters. */
static struct span plain_host(struct sbuf *to, struct span host)
{
    size_t close = span_at(host, 0) == '[' ? span_find_byte(host, 0, ']') : 0;
    size_t colon = span_find_byte(host, close == SPAN_NONE ? 0 : close, ':');
    return transform_bytes(span_trim(span_head(host, colon)), byte_lower, to);
}

static void show_value(struct detector *d, struct tx *tx, enum direction dir, enum field_id id,
                       struct span value)
{
    if (engine_looks_at(detect_engine(d, tx), id)) {
        struct spot spot = spot_of(tx, id, dir, value);
        spot.how |= HEAD_VALUE;
        show(d, &spot, id, value, value);
    }
}

/* http.host and http.host.raw; `header`: the value of Host, or empty. */
static void show_host(struct detector *d, struct tx *tx, struct span target, struct span header)
{
    struct span host = plain_host(&d->head_host, target.len > 0 ? target : header);
    if (host.len == 0) {
        return;
    }
    show_value(d, tx, TO_SERVER, FIELD_HTTP_HOST, host);
    show_value(d, tx, TO_SERVER, FIELD_HTTP_HOST_RAW, target.len > 0 ? host : header);
}

/* One header: "Name: value", and the value alone where it has a buffer of its own. */
static void show_header(struct detector *d, struct tx *tx, enum direction dir, struct span line)
{
    const struct engine *e = detect_engine(d, tx);
    size_t colon = span_find_byte(line, 1, ':'); /* those of HTTP/2 may begin with one */
    colon = span_starts(line, SPAN(": ")) ? 0 : colon;
    struct span name = span_head(line, colon);
    struct span value = span_from(line, colon + 2);
    bool host = span_equal_nocase(name, SPAN("host")) || span_equal(name, SPAN(":authority"));
    enum field_id id = dir == TO_SERVER ? FIELD_HTTP_REQUEST_HEADER : FIELD_HTTP_RESPONSE_HEADER;
    if (engine_looks_at(e, id)) {
        struct spot spot = spot_of(tx, id, dir, line);
        spot.header = name;
        spot.item = transform_bytes(name, byte_lower, &d->head_host);
        show(d, &spot, id, value, line);
    }
    enum field_id own = buffer_header_field(name, dir);
    if (own != FIELD_N && !(host && dir == TO_SERVER)) {
        show_value(d, tx, dir, own, value);
    }
}

/* The value of the Host header among the lines of a block. */
static struct span host_header(struct span block)
{
    while (block.len > 0) {
        struct span line = span_split(&block, '\n');
        size_t n = span_starts_nocase(line, SPAN("host: "))  ? 6
                   : span_starts(line, SPAN(":authority: ")) ? 12
                                                             : 0;
        if (n > 0) {
            return span_trim(span_from(line, n));
        }
    }
    return (struct span){0};
}

static void show_first_line(struct detector *d, struct tx *tx, const struct head *h,
                            const struct lines *lines, enum direction dir)
{
    sbuf_reset(&d->head_line);
    sbuf_add(&d->head_line, lines->first);
    if (h->http2) { /* "… HTTP/2.0" is "… HTTP/2" there */
        size_t at = dir == TO_SERVER ? lines->first.len : VERSION_LEN + 2;
        sbuf_shorten(&d->head_line, at > 2 ? at - 2 : 0);
        sbuf_add(&d->head_line, dir == TO_CLIENT ? span_from(lines->first, at) : SPAN(""));
        show_value(d, tx, dir, FIELD_HTTP_PROTOCOL, SPAN("HTTP/2"));
    }
    sbuf_add(&d->head_line, h->http2 ? SPAN("\r\n") : lines->end);
    if (dir == TO_CLIENT) {
        show_value(d, tx, dir, FIELD_HTTP_RESPONSE_LINE, sbuf_span(&d->head_line));
    } else if (h->http2) {
        show_value(d, tx, dir, FIELD_HTTP_REQUEST_LINE, sbuf_span(&d->head_line));
    }
}

/* http.start: the first line, of an answer with its own end, each header, and the empty line, which
 * is missing where there is no header. */
static void show_start(struct detector *d, struct tx *tx, const struct lines *lines,
                       enum direction dir, struct span block)
{
    sbuf_reset(&d->head_line);
    sbuf_add(&d->head_line, lines->first);
    sbuf_add(&d->head_line, dir == TO_CLIENT ? lines->end : SPAN(""));
    sbuf_add_str(&d->head_line, "\r\n");
    sbuf_add(&d->head_line, block);
    sbuf_add_str(&d->head_line, block.len > 0 ? "\r\n" : "");
    const struct spot spot = spot_of(tx, FIELD_HTTP_HEADER, dir, sbuf_span(&d->head_line));
    show(d, &spot, FIELD_N, sbuf_span(&d->head_line), sbuf_span(&d->head_line));
}

void detect_head_show(struct detector *d, struct tx *tx, enum direction dir)
{
    const struct head *h = &d->heads[dir];
    const struct engine *e = detect_engine(d, tx);
    struct lines lines;
    take_lines(&lines, h->bytes, dir);
    struct span block = h->http2 ? http2_block(&d->head_block, &lines, dir)
                                 : block_of(&d->head_block, &d->head_line, &lines);
    show_first_line(d, tx, h, &lines, dir);
    struct span rest = block;
    while (rest.len > 0) {
        size_t end = span_find(rest, 0, SPAN("\r\n"));
        show_header(d, tx, dir, span_head(rest, end));
        rest = end == SPAN_NONE ? (struct span){0} : span_from(rest, end + 2);
    }
    if (dir == TO_SERVER) {
        show_host(d, tx, target_host(lines.first), host_header(block));
    }
    if (block.len > 0 && engine_looks_at(e, FIELD_HTTP_HEADER)) {
        struct spot spot = spot_of(tx, FIELD_HTTP_HEADER, dir, block);
        spot.how |= h->http2 ? 0U : HEAD_NOT_RAW;
        show(d, &spot, FIELD_HTTP_HEADER, block, block);
    }
    if (!h->http2 && e->any_start) {
        show_start(d, tx, &lines, dir, block);
    }
}
