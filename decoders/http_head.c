/* http_head: a head's lines as fields (RFC 9112 sections 2 to 5).
 *
 * The block is announced as one region; then come its values as views into it, the most specific
 * first, the whole line and the whole header block last. Where nobody looks at them, which is told
 * when the block is announced, only what matters to the body is read; the views can be had later
 * from a copy of the block. Only what must be decoded is copied: a target with percent-escapes, a
 * host with capitals, a folded value (RFC 9112 section 5.2), the credentials of Authorization. A
 * decoded copy comes before the text it was made from.
 *
 * A line that is no header is emitted whole, without a name: servers that refuse it write just that
 * to their logs. Query parameters and single cookies are not emitted: where a hit stands in a value
 * is found out behind the hit. */
#include "decoders/http_head.h"

#include "decoders/http_header.h"
#include "decoders/http_line.h"
#include "sensor/base/bytes.h"
#include "sensor/base/chars.h"
#include "sensor/codec/base64.h"
#include "sensor/codec/uri.h"

enum { ITEM_MAX = 128 }; /* longest header name that names a field */

/* A line of a block, without its end. */
struct line {
    struct span text;
    bool lf_only; /* ended by LF alone */
    bool unended; /* the block ends before the line does */
};

/* A header line, taken apart. */
struct header {
    struct span name;  /* empty: the line is no header */
    struct span value; /* or the whole line */
    bool folded;
    bool odd; /* blanks around the name, or no header */
    bool lf_only;
    bool unended;
};

static struct line take_line(struct span *rest)
{
    struct line line = {0};
    size_t lf = span_find_byte(*rest, 0, '\n');
    line.unended = lf == SPAN_NONE;
    line.text = span_head(*rest, lf);
    *rest = span_from(*rest, line.unended ? rest->len : lf + 1);
    bool has_cr = span_at(line.text, line.text.len - 1) == '\r';
    line.lf_only = !line.unended && !has_cr;
    line.text.len -= has_cr ? 1 : 0;
    return line;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Joins the lines that continue the header's value: a blank for each line end. */
static void unfold(struct http_out *out, struct header *header, struct span *rest)
{
    sbuf_reset(&out->folded);
    sbuf_add(&out->folded, span_trim(header->value));
    while (is_blank(span_at(*rest, 0))) {
        struct line line = take_line(rest);
        sbuf_add_byte(&out->folded, ' ');
        sbuf_add(&out->folded, span_trim(line.text));
        header->lf_only = header->lf_only || line.lf_only;
        header->unended = line.unended;
    }
    header->value = sbuf_span(&out->folded);
    header->folded = true;
}

/* A line whose name does not end at a colon: servers differ in what they take it for. */
static void take_odd_header(struct header *header, struct span text)
{
    size_t colon = span_find_byte(text, 0, ':');
    struct span before = span_head(text, colon == SPAN_NONE ? 0 : colon);
    struct span name = span_trim(before);
    bool named = http_is_token(name) && !is_blank(span_at(before, 0));
    header->name = named ? name : (struct span){0};
    header->value = named ? span_from(text, colon + 1) : text;
    header->odd = true;
}

/* Written in place: a copy would wait for what was just stored in smaller parts. */
static void take_header(struct http_out *out, struct span *rest, struct header *ret)
{
    size_t n = http_token_len(*rest); /* no line end is of a token */
    struct line line = take_line(rest);
    *ret = (struct header){.lf_only = line.lf_only, .unended = line.unended};
    if (n > 0 && span_at(line.text, n) == ':') {
        ret->name = span_head(line.text, n);
        ret->value = span_from(line.text, n + 1);
    } else {
        take_odd_header(ret, line.text);
    }
    if (is_blank(span_at(*rest, 0))) {
        unfold(out, ret, rest);
    }
    ret->value = span_trim(ret->value);
}

/* Whether something that does not stand in the head as it is may be in a header's value. */
static bool holds_copies(const struct header *header, const struct http_header *known)
{
    return header->folded || (known != NULL && (known->kind == HTTP_HEADER_AUTHORIZATION ||
                                                known->kind == HTTP_HEADER_HOST));
}

/* The name in lower case, as an item, in `room`; cut where it is absurdly long. */
static struct span item_of(uint8_t room[ITEM_MAX], struct span name)
{
    name = span_head(name, ITEM_MAX);
    bytes_copy_lower(room, name.data, name.len);
    return span_of(room, name.len);
}

/* A value that lies in the head. */
static void emit(struct http_out *out, const struct field *field)
{
    if (!out->quiet) {
        out->emit->ops->field(out->emit->ctx, out->tx, field);
    }
}

/* A value that was made from what lies there. */
static void emit_copy(struct http_out *out, struct field field)
{
    field.flags |= out->quiet ? FIELD_UNKEPT : 0U;
    out->emit->ops->field(out->emit->ctx, out->tx, &field);
}

static void emit_decoded(struct http_out *out, struct field field, enum encoding layer)
{
    field.value = sbuf_span(&out->decoded);
    field.layers = encodings_with(field.layers, layer);
    field.flags |= out->decoded.cut ? FIELD_TRUNCATED : 0U;
    if (field.value.len > 0) {
        emit_copy(out, field);
    }
}

/* Base64 that may be of either alphabet, into out->decoded. */
static void decode_base64(struct http_out *out, struct span text)
{
    struct base64 d = base64_start(BASE64_EITHER);
    sbuf_reset(&out->decoded);
    base64_decode(&d, text, &out->decoded);
    base64_finish(&d, &out->decoded);
}

/* Basic (RFC 7617) hides name and password in base64; a Bearer token (RFC 6750) that is a JWT hides
 * its header and claims. */
static void emit_credentials(struct http_out *out, struct field field)
{
    struct span rest = field.value;
    struct span scheme = span_split(&rest, ' ');
    rest = span_trim(rest);
    if (span_equal_nocase(scheme, SPAN("basic"))) {
        decode_base64(out, rest);
        emit_decoded(out, field, ENCODING_BASIC);
    } else if (span_equal_nocase(scheme, SPAN("bearer")) && span_starts(rest, SPAN("ey"))) {
        decode_base64(out, span_split(&rest, '.'));
        emit_decoded(out, field, ENCODING_BASE64URL);
        decode_base64(out, span_split(&rest, '.'));
        emit_decoded(out, field, ENCODING_BASE64URL);
    }
}

/* The host in a value, as events want it: without port, in lower case. `copied`: the value does not
 * lie in the head. */
static void emit_host(struct http_out *out, struct span authority, bool copied, unsigned flags)
{
    struct field field = {.id = FIELD_HTTP_HOST, .dir = out->dir, .flags = flags};
    size_t close = span_at(authority, 0) == '[' ? span_find_byte(authority, 0, ']') : 0;
    size_t colon = span_find_byte(authority, close == SPAN_NONE ? 0 : close, ':');
    struct span host = span_head(authority, colon);
    sbuf_reset(&out->decoded);
    uint8_t *room = host.len > 0 ? sbuf_reserve(&out->decoded, host.len) : NULL;
    if (room != NULL) {
        bytes_copy_lower(room, host.data, host.len);
        sbuf_commit(&out->decoded, host.len);
    }
    field.value = host;
    if (!copied && span_equal(sbuf_span(&out->decoded), host)) {
        emit(out, &field);
    } else {
        field.value = sbuf_span(&out->decoded);
        emit_copy(out, field);
    }
}

static void emit_value(struct http_out *out, const struct header *header, bool trailer,
                       const struct http_header *known)
{
    uint8_t room[ITEM_MAX];
    enum field_id general = trailer                 ? FIELD_HTTP_TRAILER
                            : out->dir == TO_SERVER ? FIELD_HTTP_REQUEST_HEADER
                                                    : FIELD_HTTP_RESPONSE_HEADER;
    enum field_id own = known != NULL ? known->fields[out->dir] : FIELD_N;
    struct field field = {.id = own, .value = header->value, .dir = out->dir};
    field.flags = header->unended ? FIELD_CUT : 0U;
    field.flags |= header->odd ? FIELD_ODD : 0U;
    field.flags |= header->folded && out->folded.cut ? FIELD_TRUNCATED : 0U;
    if (own == FIELD_N) {
        field.id = general;
        field.item = item_of(room, header->name);
    }
    if (known != NULL && known->kind == HTTP_HEADER_AUTHORIZATION) {
        emit_credentials(out, field);
    } else if (field.id == FIELD_HTTP_HOST_RAW) {
        emit_host(out, header->value, header->folded, field.flags);
    }
    if (header->folded) {
        emit_copy(out, field);
    } else {
        emit(out, &field);
    }
}

static void emit_header(struct http_out *out, struct http_facts *facts, bool trailer,
                        const struct header *header)
{
    const struct http_header *known = trailer ? NULL : http_header_find(header->name);
    if (known != NULL) {
        http_facts_add(facts, known->kind, header->value);
    }
    if (!out->quiet || holds_copies(header, known)) {
        emit_value(out, header, trailer, known);
    }
}

/* http_token_len(), inline for most of the names that a colon ends. */
static inline size_t name_len(struct span text)
{
    if (text.len >= CHARS_NARROW) {
        size_t n = chars_first_other(chars_in_names(text.data));
        if (n < CHARS_NARROW && text.data[n] == ':') {
            return n;
        }
    }
    return http_token_len(text);
}

/* Where the line ends, inline for those that are not long. */
static inline size_t line_end(struct span text, size_t from)
{
    if (text.len - from >= CHARS_WIDE) {
        uint64_t ends = chars_equal(&text.data[from], '\n');
        if (ends != 0) {
            return from + (size_t)__builtin_ctzll(ends);
        }
        from += CHARS_WIDE;
    }
    return span_find_byte(text, from, '\n');
}

static bool tells_of_message(struct span name)
{
    const struct http_header *known = http_header_may_tell(name) ? http_header_find(name) : NULL;
    return known != NULL && known->kind != HTTP_HEADER_PLAIN;
}

/* Whether a line is a whole header as the grammar has it that tells nothing of the message: there
 * is nothing to do for it where nobody looks at values. Then it is taken off. */
static bool pass_by(struct span *rest, bool trailers)
{
    struct span text = *rest;
    size_t n = name_len(text);
    if (n == 0 || span_at(text, n) != ':' || (!trailers && tells_of_message(span_head(text, n)))) {
        return false;
    }
    size_t lf = line_end(text, n);
    if (lf == SPAN_NONE || text.data[lf - 1] != '\r' || is_blank(span_at(text, lf + 1))) {
        return false;
    }
    *rest = span_from(text, lf + 1);
    return true;
}

static void emit_headers(struct http_out *out, struct http_facts *facts, bool trailers,
                         struct span rest)
{
    bool lf_only = false;
    bool odd = false;
    bool folded = false;
    while (rest.len > 0) {
        struct header header;
        if (out->quiet && pass_by(&rest, trailers)) {
            continue;
        }
        take_header(out, &rest, &header);
        lf_only = lf_only || header.lf_only;
        if (header.name.len == 0 && header.value.len == 0) {
            continue; /* the empty line at the end */
        }
        odd = odd || header.odd;
        folded = folded || header.folded;
        emit_header(out, facts, trailers, &header);
    }
    if (odd) {
        http_emit_anomaly(out, ANOMALY_HTTP_BAD_HEADER);
    }
    if (folded) {
        http_emit_anomaly(out, ANOMALY_HTTP_OBS_FOLD);
    }
    if (lf_only) {
        http_emit_anomaly(out, ANOMALY_HTTP_LF_ONLY);
    }
}

/* The host in an absolute target, or in CONNECT's. It counts more than the Host header (RFC 9112
 * section 3.2.2). */
static struct span authority_of(const struct http_request_line *line)
{
    size_t at = span_find_byte(line->target, 0, ':');
    bool scheme = at != SPAN_NONE && http_is_token(span_head(line->target, at));
    if (scheme && span_starts(span_from(line->target, at), SPAN("://"))) {
        struct span rest = span_from(line->target, at + 3);
        rest = span_split(&rest, '/');
        size_t user = span_rfind_byte(rest, '@');
        return user == SPAN_NONE ? rest : span_from(rest, user + 1);
    }
    return http_method_of(line->method) == HTTP_METHOD_CONNECT ? line->target : (struct span){0};
}

static void emit_target(struct http_out *out, struct span target, unsigned flags)
{
    struct field field = {
        .id = FIELD_HTTP_URI_RAW, .value = target, .dir = out->dir, .flags = flags};
    emit(out, &field);
    field.id = FIELD_HTTP_URI;
    sbuf_reset(&out->decoded);
    if (span_find_byte(target, 0, '%') != SPAN_NONE &&
        uri_decode(target, URI_PERCENT, &out->decoded) != 0) {
        emit_decoded(out, field, ENCODING_PERCENT);
    } else {
        emit(out, &field);
    }
}

static void emit_request_line(struct http_out *out, struct http_facts *facts,
                              const struct line *line)
{
    struct http_request_line r = http_request_line_parse(line->text);
    unsigned flags = line->unended ? FIELD_CUT : 0U;
    facts->method = http_method_of(r.method);
    facts->is_simple = r.version.len == 0;
    facts->needs_host = span_equal_nocase(r.version, SPAN("HTTP/1.1"));
    http_emit_field(out, FIELD_HTTP_METHOD, r.method);
    if (r.target.len > 0) {
        emit_target(out, r.target, flags);
    }
    if (r.version.len > 0) {
        http_emit_field(out, FIELD_HTTP_PROTOCOL, r.version);
    }
    struct span authority = authority_of(&r);
    if (authority.len > 0) {
        facts->has_host = true;
        emit_host(out, authority, false, flags);
    }
    if (r.odd) {
        http_emit_anomaly(out, ANOMALY_HTTP_BAD_REQUEST_LINE);
    }
}

static void emit_status_line(struct http_out *out, struct http_facts *facts,
                             const struct line *line)
{
    struct http_status_line s = http_status_line_parse(line->text);
    uint64_t code = 0;
    if (span_to_u64(s.code, &code) && code < 1000) {
        facts->status = (unsigned)code;
    }
    http_emit_field(out, FIELD_HTTP_PROTOCOL, s.version);
    if (s.code.len > 0) {
        http_emit_field(out, FIELD_HTTP_STAT_CODE, s.code);
    }
    if (s.reason.len > 0) {
        emit(out, &(struct field){.id = FIELD_HTTP_STAT_MSG,
                                  .value = s.reason,
                                  .dir = out->dir,
                                  .flags = line->unended ? FIELD_CUT : 0U});
    }
    if (s.odd) {
        http_emit_anomaly(out, ANOMALY_HTTP_BAD_STATUS_LINE);
    }
}

/* The block without the empty line at its end. */
static struct span without_end(struct span headers)
{
    size_t len = headers.len;
    len -= len > 0 && span_at(headers, len - 1) == '\n' ? 1 : 0;
    len -= len > 0 && span_at(headers, len - 1) == '\r' ? 1 : 0;
    return len == 0 || span_at(headers, len - 1) == '\n' ? span_head(headers, len) : headers;
}

static void emit_first_line(struct http_out *out, struct http_facts *facts, const struct line *line)
{
    if (out->dir == TO_SERVER) {
        emit_request_line(out, facts, line);
    } else {
        emit_status_line(out, facts, line);
    }
    if (line->lf_only) {
        http_emit_anomaly(out, ANOMALY_HTTP_LF_ONLY);
    }
}

static void emit_lines(struct http_out *out, struct http_facts *facts,
                       const struct http_lines *lines)
{
    struct span rest = lines->bytes;
    struct line first = {0};
    if (lines->begins) {
        first = take_line(&rest);
        emit_first_line(out, facts, &first);
    }
    emit_headers(out, facts, lines->trailers, rest);
    if (lines->begins) {
        bool request = out->dir == TO_SERVER;
        emit(out,
             &(struct field){.id = request ? FIELD_HTTP_REQUEST_LINE : FIELD_HTTP_RESPONSE_LINE,
                             .value = first.text,
                             .dir = out->dir,
                             .flags = first.unended ? FIELD_CUT : 0U});
    }
    struct span headers = without_end(rest);
    if (headers.len > 0 && !lines->trailers) {
        emit(out, &(struct field){.id = FIELD_HTTP_HEADER,
                                  .value = headers,
                                  .dir = out->dir,
                                  .flags = lines->cut ? FIELD_CUT : 0U});
    }
}

void http_head_emit(struct http_out *out, struct http_facts *facts, const struct http_lines *lines)
{
    enum field_id id = lines->trailers ? FIELD_HTTP_TRAILER : FIELD_HTTP_HEADER;
    unsigned flags = lines->begins && !lines->cut ? REGION_AGAIN : 0U;
    out->quiet = !http_emit_head(out, id, lines->bytes, flags);
    emit_lines(out, facts, lines);
    out->quiet = false;
}

void http_head_fields(const struct decoder_limits *limits, const struct emit *emit, struct tx *tx,
                      enum direction dir, struct span head)
{
    const struct http_lines lines = {.bytes = head, .begins = true};
    struct http_facts facts = {0};
    struct http_out out;
    http_out_init(&out, dir, limits);
    out.emit = emit;
    out.tx = tx;
    emit_lines(&out, &facts, &lines);
    http_out_free(&out);
}

/* The field that an endless line is the start of, and how much of the start is not its value. */
static struct field long_line_field(struct http_out *out, const struct http_lines *lines,
                                    size_t *ret_off)
{
    struct field field = {.dir = out->dir, .flags = FIELD_TRUNCATED};
    if (lines->begins) {
        size_t blank = span_find_byte(lines->bytes, 0, ' ');
        field.id = out->dir == TO_SERVER ? FIELD_HTTP_URI_RAW : FIELD_HTTP_RESPONSE_LINE;
        *ret_off = out->dir == TO_CLIENT || blank == SPAN_NONE ? 0 : blank + 1;
        return field;
    }
    size_t colon = span_find_byte(lines->bytes, 0, ':');
    struct span name = span_trim(span_head(lines->bytes, colon == SPAN_NONE ? 0 : colon));
    uint8_t room[ITEM_MAX];
    sbuf_reset(&out->name); /* it outlives this call */
    sbuf_add(&out->name, http_is_token(name) ? item_of(room, name) : (struct span){0});
    name = sbuf_span(&out->name);
    const struct http_header *known = lines->trailers ? NULL : http_header_find(name);
    field.id = known != NULL ? known->fields[out->dir] : FIELD_N;
    if (field.id == FIELD_N) {
        field.id = lines->trailers         ? FIELD_HTTP_TRAILER
                   : out->dir == TO_SERVER ? FIELD_HTTP_REQUEST_HEADER
                                           : FIELD_HTTP_RESPONSE_HEADER;
        field.item = name;
    }
    *ret_off = name.len > 0 ? colon + 1 : 0;
    return field;
}

struct region http_head_emit_long(struct http_out *out, struct http_facts *facts,
                                  const struct http_lines *lines)
{
    size_t off;
    struct field field = long_line_field(out, lines, &off);
    struct region region = {
        .kind = REGION_BODY, .field = field.id, .item = field.item, .dir = out->dir};
    if (lines->begins && out->dir == TO_SERVER) {
        struct span method = span_head(lines->bytes, off > 0 ? off - 1 : 0);
        facts->method = http_method_of(method);
        http_emit_field(out, FIELD_HTTP_METHOD, method);
    }
    http_emit_anomaly(out, ANOMALY_HTTP_HEADER_TOO_LONG);
    region.bytes = span_from(lines->bytes, off);
    region.flags = REGION_FIRST;
    out->emit->ops->region(out->emit->ctx, out->tx, &region);
    field.value = span_head(region.bytes, out->limits->line_bytes);
    emit(out, &field);
    region.bytes = (struct span){0};
    region.flags = 0;
    return region;
}
