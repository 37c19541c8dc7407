#pragma once

#include "decoders/http_out.h"

enum { WEBSOCKET_HEAD_MAX = 14 }; /* of a frame */

/* One direction of a WebSocket connection. */
struct websocket;

/* NULL when there is no memory. The limits must live as long. */
MUST_USE struct websocket *websocket_new(const struct decoder_limits *limits);
/* Nulls *w; accepts NULL. Every message must have been ended. */
void websocket_free(struct websocket **w);
/* Takes frames off the front of *in. false: what is left is no WebSocket (RFC 6455 section 5). */
MUST_USE bool websocket_data(struct websocket *w, struct http_out *out, struct span *in);
/* false: where frames begin is not known any more. */
MUST_USE bool websocket_gap(struct websocket *w, struct http_out *out, uint64_t n_bytes);
/* Bytes that were taken, but belong to no frame so far. */
struct span websocket_unread(const struct websocket *w);
/* Ends the message at hand, if any, though it is not complete. True when there was one. */
bool websocket_end(struct websocket *w, struct http_out *out);
