#pragma once

#include "sensor/core/direction.h"
#include "sensor/core/field.h"

enum { HTTP_CODINGS_MAX = 16, HTTP_BOUNDARY_MAX = 128 };

/* Methods that change how messages are framed. */
enum http_method { HTTP_METHOD_OTHER, HTTP_METHOD_HEAD, HTTP_METHOD_CONNECT, HTTP_METHOD_PRI };

/* How often a length was given, and whether it can be used. */
enum http_length { HTTP_LENGTH_NONE, HTTP_LENGTH_GOOD, HTTP_LENGTH_BAD };

/* A coding of the body, by what undoes it. */
enum http_coding {
    HTTP_CODING_GZIP,
    HTTP_CODING_DEFLATE,
    HTTP_CODING_BR,
    HTTP_CODING_ZSTD,
    HTTP_CODING_UNKNOWN,
};

/* What a head says about its message, gathered while its lines are emitted. All-zero is the start
 * of a head. */
struct http_facts {
    /* of a request */
    enum http_method method;
    bool is_simple; /* HTTP/0.9: a request line without a version */
    bool needs_host;
    bool has_host;
    /* of a response */
    unsigned status;
    bool upgrades_to_websocket;
    /* of the body */
    enum http_length length_kind;
    uint64_t length;
    bool lengths_differ;
    uint64_t other_length;
    bool chunked;
    bool transfer_odd; /* a transfer coding that servers read differently */
    uint8_t n_codings;
    uint8_t codings[HTTP_CODINGS_MAX]; /* enum http_coding, in the order applied */
    uint8_t n_transfer;                /* how many of them, at the end, are transfer codings */
    bool too_many_codings;
    enum body_type body_type;
    uint8_t boundary_len;
    uint8_t boundary[HTTP_BOUNDARY_MAX];
};

/* How a body ends. */
enum http_framing {
    HTTP_FRAMING_NONE,    /* there is no body */
    HTTP_FRAMING_LENGTH,  /* after so many bytes */
    HTTP_FRAMING_CHUNKED, /* with its last chunk */
    HTTP_FRAMING_CLOSE,   /* with the stream */
};

/* How the body is to be read, and how another server would read it. */
struct http_framing_choice {
    enum http_framing framing;
    uint64_t length; /* of LENGTH */
    bool disputed;
    enum http_framing other;
    uint64_t other_length;
};

/* Headers that say something about framing, body or host. */
enum http_header_kind {
    HTTP_HEADER_PLAIN,
    HTTP_HEADER_HOST,
    HTTP_HEADER_AUTHORIZATION,
    HTTP_HEADER_CONTENT_LENGTH,
    HTTP_HEADER_CONTENT_TYPE,
    HTTP_HEADER_CONTENT_ENCODING,
    HTTP_HEADER_TRANSFER_ENCODING,
    HTTP_HEADER_UPGRADE,
};

/* Takes up what a header says. Value without blanks at its ends. */
void http_facts_add(struct http_facts *facts, enum http_header_kind kind, struct span value);

/* RFC 9112 section 6.3, for a message that may have a body. */
struct http_framing_choice http_facts_framing(const struct http_facts *facts, enum direction dir);
