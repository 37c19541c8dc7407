/* http_header: the headers that have a field of their own or say something about the message. */
#include "decoders/http_header.h"

#include "sensor/base/bytes.h"

#define GENERAL FIELD_N

/* In the order of their names' lengths. */
static const struct http_header rows[] = {
    {SPAN_LITERAL("host"), {FIELD_HTTP_HOST_RAW, GENERAL}, HTTP_HEADER_HOST},
    {SPAN_LITERAL("accept"), {FIELD_HTTP_ACCEPT, GENERAL}, HTTP_HEADER_PLAIN},
    {SPAN_LITERAL("cookie"), {FIELD_HTTP_COOKIE, GENERAL}, HTTP_HEADER_PLAIN},
    {SPAN_LITERAL("server"), {GENERAL, FIELD_HTTP_SERVER}, HTTP_HEADER_PLAIN},
    {SPAN_LITERAL("upgrade"), {GENERAL, GENERAL}, HTTP_HEADER_UPGRADE},
    {SPAN_LITERAL("referer"), {FIELD_HTTP_REFERER, GENERAL}, HTTP_HEADER_PLAIN},
    {SPAN_LITERAL("location"), {GENERAL, FIELD_HTTP_LOCATION}, HTTP_HEADER_PLAIN},
    {SPAN_LITERAL("connection"), {FIELD_HTTP_CONNECTION, FIELD_HTTP_CONNECTION}, HTTP_HEADER_PLAIN},
    {SPAN_LITERAL("user-agent"), {FIELD_HTTP_USER_AGENT, GENERAL}, HTTP_HEADER_PLAIN},
    {SPAN_LITERAL("set-cookie"), {GENERAL, FIELD_HTTP_COOKIE}, HTTP_HEADER_PLAIN},
    {SPAN_LITERAL("content-type"),
     {FIELD_HTTP_CONTENT_TYPE, FIELD_HTTP_CONTENT_TYPE},
     HTTP_HEADER_CONTENT_TYPE},
    {SPAN_LITERAL("authorization"), {GENERAL, GENERAL}, HTTP_HEADER_AUTHORIZATION},
    {SPAN_LITERAL("content-length"),
     {FIELD_HTTP_CONTENT_LEN, FIELD_HTTP_CONTENT_LEN},
     HTTP_HEADER_CONTENT_LENGTH},
    {SPAN_LITERAL("accept-encoding"), {FIELD_HTTP_ACCEPT_ENC, GENERAL}, HTTP_HEADER_PLAIN},
    {SPAN_LITERAL("accept-language"), {FIELD_HTTP_ACCEPT_LANG, GENERAL}, HTTP_HEADER_PLAIN},
    {SPAN_LITERAL("content-encoding"), {GENERAL, GENERAL}, HTTP_HEADER_CONTENT_ENCODING},
    {SPAN_LITERAL("transfer-encoding"), {GENERAL, GENERAL}, HTTP_HEADER_TRANSFER_ENCODING},
    {SPAN_LITERAL("proxy-authorization"), {GENERAL, GENERAL}, HTTP_HEADER_AUTHORIZATION},
};

/* The first row whose name has at least so many characters. */
static const uint8_t first[HTTP_HEADER_LONGEST + 2] = {0,  0,  0,  0,  0,  1,  1,  4,  6,  7, 7,
                                                       10, 10, 11, 12, 13, 15, 16, 17, 17, 18};

#define STARTS(letter) (1U << ((letter)&31))

const uint32_t http_header_starts[HTTP_HEADER_LONGEST + 1] = {
    [4] = STARTS('h'),  [7] = STARTS('u'),  [12] = STARTS('c'), [13] = STARTS('a'),
    [14] = STARTS('c'), [16] = STARTS('c'), [17] = STARTS('t'), [19] = STARTS('p'),
};

static uint64_t word_at(struct span s, size_t at)
{
    uint64_t word = 0;
    bytes_copy(&word, &s.data[at], sizeof(word));
    return word;
}

static bool is_word_of(struct span lower, struct span name, size_t at)
{
    return word_at(lower, at) == (word_at(name, at) | 0x2020202020202020ULL);
}

/* Whether two of a length are the same but for case. In a token, only what differs by its case
 * becomes a letter or a dash by the bit that makes letters small. */
static bool is_same(struct span lower, struct span name)
{
    if (name.len < sizeof(uint64_t)) {
        return span_equal_nocase(lower, name);
    }
    size_t last = name.len - sizeof(uint64_t);
    return is_word_of(lower, name, 0) && is_word_of(lower, name, last) &&
           (last <= sizeof(uint64_t) || is_word_of(lower, name, sizeof(uint64_t)));
}

const struct http_header *http_header_find(struct span name)
{
    if (name.len == 0 || name.len > HTTP_HEADER_LONGEST) {
        return NULL;
    }
    uint8_t start = byte_lower(name.data[0]); /* most are none of these */
    for (size_t i = first[name.len]; i < first[name.len + 1]; i++) {
        if (rows[i].name.data[0] == start && is_same(rows[i].name, name)) {
            return &rows[i];
        }
    }
    return NULL;
}
