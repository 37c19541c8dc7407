#pragma once

#include "sensor/flow/half.h"

/* The bytes of one side, put in order: positions in, calls to the user out. */

/* Payload that was on the wire: bytes from `pos` on, and `missing` uncaptured bytes behind them. */
struct piece {
    uint64_t pos;
    struct span bytes;
    uint64_t missing;
    uint64_t
        after; /* position of the other side up to which the sender had seen its bytes; 0: any */
};

uint64_t piece_end(const struct piece *p);
/* Drops what lies before, or from, a position. */
void piece_start_at(struct piece *p, uint64_t pos);
void piece_end_at(struct piece *p, uint64_t pos);

/* Takes a piece that reaches beyond what was delivered and starts not before it: delivers it, or
 * holds it behind a hole. *p is used up. */
void stream_take(struct half *x, struct piece *p);
/* Delivers what is held up to the first hole that may still be filled, or to what has to wait for
 * the other side; true when that was anything. */
bool stream_release(struct half *x);
/* Gives up what the first of what is held waits for, a hole (for this reason) or bytes of the other
 * side, and delivers it. */
void stream_skip_hole(struct half *x, enum lost reason);
/* The next n_bytes will not come. */
void stream_gap(struct half *x, uint64_t n_bytes, enum lost reason);
/* Whether anything waits, and since when (clock); and whether that is behind a hole. */
bool stream_is_waiting(const struct side *s);
bool stream_has_hole(const struct side *s);
/* Whether the first of it would come next; *ret_after is then up to where its sender had seen. */
bool stream_head(const struct half *x, uint64_t *ret_after);
uint64_t stream_waits_since(const struct side *s);
/* Drops what is held. */
void stream_free(struct flow_table *t, struct side *s);
