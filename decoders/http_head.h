#pragma once

#include "decoders/http_facts.h"
#include "decoders/http_out.h"

/* A block of lines (http_block.h) that belongs to a head, or to trailers. */
struct http_lines {
    struct span bytes;
    bool begins;   /* its first line is a request or status line */
    bool trailers; /* its lines are trailers */
    bool cut;      /* a gap or the flow's end came before the block's own end */
};

/* Announces the block and emits its fields, most specific first; gathers in `facts` what matters to
 * the body. */
void http_head_emit(struct http_out *out, struct http_facts *facts, const struct http_lines *lines);
/* decoder.fields of HTTP, of either version. */
void http_head_fields(const struct decoder_limits *limits, const struct emit *emit, struct tx *tx,
                      enum direction dir, struct span head);
/* The start of a line that is longer than any buffer: emits what it is the start of, and a body
 * region FIRST with the bytes. The rest of the line is to follow as further pieces of the region
 * that is returned. */
struct region http_head_emit_long(struct http_out *out, struct http_facts *facts,
                                  const struct http_lines *lines);
