/* http_facts: what the headers of a message say about its body.
 *
 * Lengths (RFC 9112 section 6.2), transfer codings (section 6.1), content codings (RFC 9110 section
 * 8.4) and the media type (section 8.3). Where servers are known to read a value differently, the
 * first reading is kept as the main one and that there is another is noted; http_framing() decides
 * what to do about it. Nothing is emitted here. */
#include "decoders/http_facts.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/mimeparam.h"

/* Whether digits stand at the front; what follows them is not looked at. */
static bool leading_number(struct span value, uint64_t *ret_number)
{
    size_t n = span_at(value, 0) == '+' ? 1 : 0;
    size_t start = n;
    while (byte_is_digit(span_at(value, n))) {
        n++;
    }
    return span_to_u64(span_sub(value, start, n - start), ret_number);
}

static void add_length(struct http_facts *facts, struct span value)
{
    uint64_t length = 0;
    bool good = span_to_u64(value, &length) && length <= INT64_MAX;
    bool usable = good || (leading_number(value, &length) && length <= INT64_MAX);
    if (facts->length_kind == HTTP_LENGTH_NONE) {
        facts->length_kind = good ? HTTP_LENGTH_GOOD : HTTP_LENGTH_BAD;
        facts->length = usable ? length : 0;
    } else if (!facts->lengths_differ && (!usable || length != facts->length)) {
        facts->lengths_differ = true;
        facts->other_length = usable ? length : 0;
    }
}

/* "5, 5" is one length said twice (RFC 9110 section 8.6). */
static void add_lengths(struct http_facts *facts, struct span value)
{
    do {
        add_length(facts, span_trim(span_split(&value, ',')));
    } while (value.len > 0);
}

static enum http_coding coding_of(struct span name)
{
    static const struct {
        struct span name;
        enum http_coding coding;
    } rows[] = {
        {SPAN_LITERAL("gzip"), HTTP_CODING_GZIP},       {SPAN_LITERAL("x-gzip"), HTTP_CODING_GZIP},
        {SPAN_LITERAL("deflate"), HTTP_CODING_DEFLATE}, {SPAN_LITERAL("br"), HTTP_CODING_BR},
        {SPAN_LITERAL("zstd"), HTTP_CODING_ZSTD},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (span_equal_nocase(rows[i].name, name)) {
            return rows[i].coding;
        }
    }
    return HTTP_CODING_UNKNOWN;
}

static void add_coding(struct http_facts *facts, size_t at, enum http_coding coding)
{
    if (facts->n_codings == HTTP_CODINGS_MAX) {
        facts->too_many_codings = true;
        return;
    }
    bytes_move(&facts->codings[at + 1], &facts->codings[at], facts->n_codings - at);
    facts->codings[at] = (uint8_t)coding;
    facts->n_codings++;
}

static bool is_identity(struct span name)
{
    return name.len == 0 || span_equal_nocase(name, SPAN("identity"));
}

/* Content codings stand before transfer codings, whichever header comes first. */
static void add_content_codings(struct http_facts *facts, struct span value)
{
    while (value.len > 0) {
        struct span name = span_trim(span_split(&value, ','));
        if (!is_identity(name)) {
            add_coding(facts, (size_t)(facts->n_codings - facts->n_transfer), coding_of(name));
        }
    }
}

static void add_transfer_coding(struct http_facts *facts, struct span name)
{
    if (span_equal_nocase(name, SPAN("chunked"))) {
        facts->transfer_odd = facts->transfer_odd || facts->chunked;
        facts->chunked = true;
        return;
    }
    if (is_identity(name)) {
        return;
    }
    facts->transfer_odd = facts->transfer_odd || facts->chunked;
    enum http_coding coding = coding_of(name);
    if (coding == HTTP_CODING_UNKNOWN) {
        facts->transfer_odd = true;
        return;
    }
    size_t before = facts->n_codings;
    add_coding(facts, before, coding);
    facts->n_transfer = (uint8_t)(facts->n_transfer + facts->n_codings - before);
}

static void add_transfer_codings(struct http_facts *facts, struct span value)
{
    do {
        struct span coding = span_split(&value, ',');
        add_transfer_coding(facts, span_trim(span_split(&coding, ';')));
    } while (value.len > 0);
}

static enum body_type type_of(struct span media)
{
    static const struct {
        struct span name;
        enum body_type type;
    } rows[] = {
        {SPAN_LITERAL("application/x-www-form-urlencoded"), BODY_FORM},
        {SPAN_LITERAL("application/json"), BODY_JSON},
        {SPAN_LITERAL("application/x-ndjson"), BODY_JSON},
        {SPAN_LITERAL("application/javascript"), BODY_TEXT},
        {SPAN_LITERAL("application/graphql"), BODY_TEXT},
        {SPAN_LITERAL("application/xml"), BODY_XML},
        {SPAN_LITERAL("text/xml"), BODY_XML},
        {SPAN_LITERAL("text/json"), BODY_JSON},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (span_equal_nocase(rows[i].name, media)) {
            return rows[i].type;
        }
    }
    if (span_starts_nocase(media, SPAN("multipart/"))) {
        return BODY_MULTIPART;
    }
    struct span end = span_from(media, media.len > 5 ? media.len - 5 : 0);
    if (span_equal_nocase(end, SPAN("+json"))) {
        return BODY_JSON;
    }
    if (span_equal_nocase(span_from(end, 1), SPAN("+xml"))) {
        return BODY_XML;
    }
    if (span_starts_nocase(media, SPAN("text/"))) {
        return BODY_TEXT;
    }
    return media.len > 0 ? BODY_BINARY : BODY_UNKNOWN;
}

/* The value of a parameter as it stands, without quotes. */
static struct span parameter(struct span value, struct span name)
{
    struct mimeparam param;
    while (mimeparam_next(&value, &param)) {
        if (span_equal_nocase(param.name, name)) {
            return param.value;
        }
    }
    return (struct span){0};
}

static void add_type(struct http_facts *facts, struct span value)
{
    struct span media = mimeparam_main(value);
    if (facts->body_type != BODY_UNKNOWN) {
        return; /* the first one counts */
    }
    facts->body_type = type_of(media);
    struct span boundary = {0};
    if (facts->body_type == BODY_MULTIPART) {
        boundary = span_head(parameter(value, SPAN("boundary")), HTTP_BOUNDARY_MAX);
    }
    facts->boundary_len = (uint8_t)boundary.len;
    bytes_copy(facts->boundary, boundary.data, boundary.len);
}

static bool names_websocket(struct span value)
{
    while (value.len > 0) {
        if (span_equal_nocase(span_trim(span_split(&value, ',')), SPAN("websocket"))) {
            return true;
        }
    }
    return false;
}

void http_facts_add(struct http_facts *facts, enum http_header_kind kind, struct span value)
{
    switch (kind) {
    case HTTP_HEADER_HOST:
        facts->has_host = true;
        break;
    case HTTP_HEADER_CONTENT_LENGTH:
        add_lengths(facts, value);
        break;
    case HTTP_HEADER_CONTENT_TYPE:
        add_type(facts, value);
        break;
    case HTTP_HEADER_CONTENT_ENCODING:
        add_content_codings(facts, value);
        break;
    case HTTP_HEADER_TRANSFER_ENCODING:
        add_transfer_codings(facts, value);
        break;
    case HTTP_HEADER_UPGRADE:
        facts->upgrades_to_websocket = facts->upgrades_to_websocket || names_websocket(value);
        break;
    case HTTP_HEADER_AUTHORIZATION:
    case HTTP_HEADER_PLAIN:
        break;
    }
}

/* By Content-Length alone. */
static enum http_framing framing_by_length(const struct http_facts *facts, enum direction dir)
{
    bool usable = facts->length_kind == HTTP_LENGTH_GOOD ||
                  (facts->length_kind == HTTP_LENGTH_BAD && facts->length > 0);
    if (usable) {
        return facts->length > 0 ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_NONE;
    }
    return dir == TO_SERVER ? HTTP_FRAMING_NONE : HTTP_FRAMING_CLOSE;
}

static struct http_framing_choice framing_by_transfer(const struct http_facts *facts,
                                                      enum direction dir)
{
    struct http_framing_choice choice = {
        .framing = facts->chunked ? HTTP_FRAMING_CHUNKED : HTTP_FRAMING_CLOSE,
        .disputed = facts->length_kind != HTTP_LENGTH_NONE || facts->transfer_odd,
        .other = framing_by_length(facts, dir),
        .other_length = facts->length,
    };
    if (!facts->chunked && facts->transfer_odd) {
        choice.framing = choice.other; /* a coding that nobody knows is ignored, */
        choice.length = facts->length;
        choice.other = HTTP_FRAMING_CHUNKED; /* or is taken for chunked */
    }
    return choice;
}

struct http_framing_choice http_facts_framing(const struct http_facts *facts, enum direction dir)
{
    if (facts->chunked || facts->transfer_odd || facts->n_transfer > 0) {
        return framing_by_transfer(facts, dir);
    }
    struct http_framing_choice choice = {
        .framing = framing_by_length(facts, dir),
        .length = facts->length,
        .disputed = facts->lengths_differ,
        .other = facts->other_length > 0 ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_NONE,
        .other_length = facts->other_length,
    };
    if (facts->length_kind == HTTP_LENGTH_BAD && choice.framing == HTTP_FRAMING_LENGTH) {
        choice.disputed = true;
    }
    return choice;
}
