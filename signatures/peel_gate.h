#pragma once

#include <stddef.h>

/* Private to signatures/peel*.c: how what a pattern of the gate hit is to be read. */
enum peel_gate_kind {
    PEEL_GATE_TEXT,       /* as a text with escapes */
    PEEL_GATE_OVERLONG,   /* the same, when what begins with the overlong character goes on */
    PEEL_GATE_BASE64,     /* the hit lies in base64 */
    PEEL_GATE_UTF16,      /* or in UTF-16, */
    PEEL_GATE_UTF7,       /* UTF-7, */
    PEEL_GATE_FOLDED,     /* a text with soft line breaks */
    PEEL_GATE_FOLDED_RUN, /* and base64 in it */
    PEEL_GATE_WORDS,      /* a text with encoded words */
    PEEL_GATE_TWICE,      /* in base64 that decodes to base64 */
    PEEL_GATE_ANYTHING,   /* it cannot be told without undoing it */
    PEEL_GATE_KIND_N,
    PEEL_GATE_OPENER = PEEL_GATE_KIND_N, /* a text that opens here: told as PEEL_GATE_TEXT */
};

/* Of peel_gate_pattern(i). */
enum peel_gate_kind peel_gate_kind(size_t i);
