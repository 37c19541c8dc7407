#pragma once

#include "decoders/http_body.h"
#include "sensor/base/list.h"
#include "sensor/codec/hpack.h"

/* Private to the files of the HTTP/2 decoder: http2.c (frames), http2_stream.c (streams and their
 * messages), http2_head.c (header blocks as heads of HTTP/1). */

/* One message of a stream: its request, or its response. */
struct http2_message {
    struct http_facts facts;
    struct http_body body;
    bool begun;
    bool head_done; /* the head proper: interim ones (1xx) and trailers are not it */
    bool in_body;
    bool done;
};

struct http2_stream {
    struct list link; /* of the open ones, oldest first */
    uint32_t id;
    struct tx *tx;
    bool cut;
    struct http2_message messages[2];
};

/* A header block on its way: headers are rewritten as lines of HTTP/1. */
struct http2_head {
    bool open;
    bool trailers;
    bool parted;       /* a part of it was emitted */
    bool lines_begun;  /* pseudo headers come no more */
    bool odd;          /* bytes that no header may have */
    bool full;         /* the cap was reached: the rest is lost */
    uint64_t n_taken;  /* of the block, compressed */
    uint64_t n_bytes;  /* of headers, so far, */
    uint64_t n_lost;   /* and those beyond the cap */
    struct sbuf block; /* the lines */
    struct sbuf method;
    struct sbuf path;
    struct sbuf authority;
    struct sbuf status;
};

enum http2_place { HTTP2_PREFACE, HTTP2_FRAME, HTTP2_PREFIX, HTTP2_PAYLOAD, HTTP2_LOST };

struct http2_frame {
    uint32_t left; /* of its payload */
    uint8_t type;
    uint8_t flags;
    uint32_t stream;
    uint32_t padding; /* of what is left */
};

struct http2;

/* One direction. */
struct http2_side {
    struct http2 *http2;
    enum http2_place place;
    struct http_out out;
    struct sbuf kept; /* the preface, a frame's head or prefix, or a setting, as far as it came */
    struct http2_frame frame;
    bool part_ended; /* the payload but for its padding was given */
    struct hpack *hpack;
    bool unsure;           /* nothing came yet of a flow taken up in the middle */
    bool headers_lost;     /* the table is not known any more */
    uint32_t block_stream; /* whose header block is being read; 0: none */
    uint64_t block_bytes;
    bool block_raw; /* the table was lost before it */
    bool block_ends_stream;
    bool block_promised; /* it is a request that the server promises to answer */
    struct http2_head head;
    struct http2_stream *active; /* whose body has a piece held back */
    struct tx *stray;            /* for what belongs to no stream */
    bool stray_open;
    bool stray_begun;
};

struct http2 {
    const struct decoder_limits *limits;
    const struct emit *emit; /* of the call at hand */
    struct list streams;     /* open ones, oldest first */
    unsigned n_streams;
    unsigned n_coded;            /* bodies whose codings are being undone */
    struct http2_stream *latest; /* found last */
    struct http2_side sides[2];
};

/* --- http2_stream.c --- */

/* The open stream of that number, or NULL. */
struct http2_stream *http2_stream_find(struct http2 *h, uint32_t id);
/* The same, begun by a message this way when there is none. NULL when there is no memory. At the
 * cap of open ones the oldest ends first. */
struct http2_stream *http2_stream_get(struct http2 *h, uint32_t id, enum direction dir);
/* A header block of a stream begins, goes on with `in`, and (`last`) ends. */
void http2_block_begin(struct http2_side *side, uint32_t id, bool ends_stream, bool promised);
void http2_block_data(struct http2_side *side, struct span in, bool last);
/* A piece of a stream's body; `last`: the message ends with it. */
void http2_body_data(struct http2_side *side, struct span bytes, bool last);
/* Gives out what is held back: before another stream's turn, and at the end of a call. */
void http2_flush(struct http2_side *side);
/* The stream ends, whatever is missing (RST_STREAM, or the flow's end). */
void http2_stream_end(struct http2 *h, struct http2_stream *stream);
/* Bytes are missing in the payload of the frame at hand. */
void http2_payload_gap(struct http2_side *side, uint64_t n_bytes);
/* From here on header blocks of this direction are passed over. */
void http2_headers_lost(struct http2_side *side);

/* --- http2_head.c --- */

void http2_head_init(struct http2_head *head, const struct decoder_limits *limits);
void http2_head_free(struct http2_head *head);
void http2_head_begin(struct http2_head *head, bool trailers);
/* Adds a header; true when what there is should be emitted as a part. */
MUST_USE bool http2_head_add(struct http2_head *head, enum direction dir,
                             const struct hpack_header *header, const struct http_out *out);
/* The lines so far, the last of them when `last`; they are to be dropped then. */
struct span http2_head_take(struct http2_head *head, enum direction dir, bool last);
void http2_head_taken(struct http2_head *head);
