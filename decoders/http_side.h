#pragma once

#include "decoders/http_block.h"
#include "decoders/http_body.h"
#include "decoders/http_exchange.h"
#include "decoders/http_out.h"
#include "decoders/http_websocket.h"

/* The state of the HTTP decoder, for the files that it is split into: http.c (the decoder),
 * http_states.c (from head to body), http_search.c (where no message is), http_message.c (how
 * messages begin and end). */

struct http;

/* One direction. */
struct http_side {
    struct http *http;
    /* takes bytes off the front and returns what is left */
    struct span (*state)(struct http_side *side, struct span in);
    struct http_out out;
    struct http_block block;
    struct http_body body;
    /* of the message at hand */
    struct http_facts facts;
    struct http_exchange *exchange;
    bool head_begun; /* a part of its head was emitted */
    struct websocket *websocket;
    bool astray; /* a transaction is open for bytes that belong to no message */
};

/* What a connection goes on with. */
enum http_tunnel {
    HTTP_TUNNEL_NONE,
    HTTP_TUNNEL_OTHER, /* whatever its bytes say */
    HTTP_TUNNEL_WEBSOCKET,
};

struct http {
    const struct decoder_limits *limits;
    const struct emit *emit;        /* of the call at hand */
    unsigned reading;               /* 0: the main one; else see http_on_alternate() */
    enum http_tunnel tunnel;        /* what comes after the messages so far */
    struct http_exchange *upgraded; /* to WebSocket: open as long as the flow, so that what is found
                                       in a message is told with its request */
    struct http_exchanges exchanges;
    struct http_side *sides[2]; /* NULL between messages, when nothing is kept */
    /* What a side that is made begins with. */
    struct span (*first[2])(struct http_side *side, struct span in);
};

/* --- http_states.c --- */

/* Between messages. */
struct span http_on_start(struct http_side *side, struct span in);
/* In the first line of a head; in its other lines; in a line longer than any buffer. */
struct span http_on_first_line(struct http_side *side, struct span in);
struct span http_on_head(struct http_side *side, struct span in);
struct span http_on_long_line(struct http_side *side, struct span in);
struct span http_on_body(struct http_side *side, struct span in);
struct span http_on_trailers(struct http_side *side, struct span in);
/* Behind the messages that a tunnel begins with. */
struct span http_on_tunnel(struct http_side *side, struct span in);
/* What comes is for others; returns nothing. */
struct span http_hand_over(struct http_side *side, struct span bytes);
/* Where frames begin is not known any more. */
void http_websocket_lost(struct http_side *side);
struct span http_on_websocket(struct http_side *side, struct span in);
struct span http_on_handed(struct http_side *side, struct span in);
/* Emits lines of a head, the first time with its first line. */
void http_head_lines(struct http_side *side, struct span bytes);
/* The head is complete; `rest` is what stands behind it in the bytes at hand. */
void http_head_end(struct http_side *side, struct span rest);
/* The first bytes of an alternate decoder: a body framed as its reading has it, or a head. */
struct span http_on_alternate(struct http_side *side, struct span in);

/* --- http_search.c --- */

/* At the start of a line, looking for one that begins a message; in a line that does not. */
struct span http_on_search(struct http_side *side, struct span in);
struct span http_on_stray_line(struct http_side *side, struct span in);
/* Bytes that belong to no message, in a transaction of their own. */
void http_stray_begin(struct http_side *side);
void http_stray(struct http_side *side, struct span bytes);
/* The lines that were kept are such bytes. */
void http_stray_kept(struct http_side *side);
/* The other side has said a head: what this one says next may begin a message, though it stand in
 * the midst of a line. NULL: this one has said nothing. */
void http_search_anew(struct http_side *side);
/* `flags` of tx_end(). */
void http_stray_end(struct http_side *side, unsigned flags);

/* --- http_message.c --- */

/* Which is before its head is emitted, where a response comes before the head is whole. */
void http_message_begin(struct http_side *side);
/* Lines of its head are about to be emitted, for the first time or not. */
void http_head_begin(struct http_side *side);
/* The side is done with its half of the exchange. */
void http_message_leave(struct http_side *side, bool cut);
/* `cut`: not by its own end. */
void http_message_end(struct http_side *side, bool cut);
/* The message at hand, if any, ends here though it is not complete; so does what is astray. */
void http_message_cut(struct http_side *side, bool by_gap);
/* No memory for lines that came in pieces: they are lost. */
void http_message_give_up(struct http_side *side);
