#pragma once

#include "sensor/base/arena.h"
#include "signatures/peel.h"
#include "signatures/peel_steps.h"

/* Private to signatures/peel*.c: the readings of a text. */

enum {
    PEEL_TEXTS_CAP = 4 << 20, /* bytes of all readings */
    PEEL_PIECES_MAX = 8,
    PEEL_COST = 5, /* units per byte that is decoded or looked at */
    PEEL_NOBODY = -1,
};

/* [in_off, in_off + in_len) of the parent gave [out_off, out_off + out_len). */
struct peel_piece {
    size_t in_off;
    size_t in_len;
    size_t out_off;
    size_t out_len;
    size_t grain; /* places in it are told to multiples of this; 0: only as a whole */
};

/* A text, and how it came out of its parent. */
struct peel_reading {
    struct span text;
    struct encodings encodings;
    unsigned layers;
    int parent;          /* PEEL_NOBODY: the text that was given */
    enum peel_step step; /* PEEL_STEP_N: by pieces, or as it was given */
    struct peel_piece pieces[PEEL_PIECES_MAX];
    size_t n_pieces;
    bool cut; /* of base64 that an escape cuts, or made of such */
};

struct peeler {
    struct lookup *best;  /* holds the best result so far */
    struct lookup *trial; /* evaluates the next reading */
    struct arena *texts;
    struct sbuf scratch; /* the text of a new reading */
    struct sbuf decoded; /* pieces for it */
    const struct peel_hints *hints;
    uint64_t *fuel;
    bool over_budget;
    bool commons; /* a reading has what Commons Text may act on */
    struct peel_reading readings[PEEL_READINGS_MAX];
    int n_readings;
    int best_reading;
    bool half_peeled; /* the best is an attack that seems to have an outer layer left */
    struct lookup_result result;
};

/* Takes n units of fuel; false (and over_budget) when there are not so many. */
MUST_USE bool peel_spend(struct peeler *p, uint64_t n);

/* A reading that comes out of that one: fill in text, step or pieces, and encodings. */
struct peel_reading peel_child(const struct peeler *p, int parent);
/* Adds an encoding for each bit 1 << enum encoding, in the order of that enum. */
void peel_add_encodings(struct peel_reading *r, uint32_t bits);
/* Adds r to the readings, with a copy of its text, unless that was there before or hides nothing.
 */
void peel_add(struct peeler *p, struct peel_reading *r);
/* The same for the parent's text with r's pieces, which stand in p->decoded one behind the other,
 * in the places where they came from. */
void peel_add_spliced(struct peeler *p, struct peel_reading *r);

/* Adds what comes out of a reading when its outermost layer is undone, whichever that may be. */
void peel_undo(struct peeler *p, int parent);
/* The same for pieces of base64. */
void peel_undo_base64(struct peeler *p, int parent);
/* The same for '+' as a form has it. */
void peel_undo_plus(struct peeler *p, int parent);
/* Decodes the encoded words in a text into p->scratch; returns their number. What stands for a
 * blank between two of them is one, also where that is still escaped. */
size_t peel_decode_words(struct peeler *p, struct span text);

/* Where a place in a reading lies in its parent's text; ends of ranges are rounded up. */
size_t peel_origin(const struct peel_reading *r, struct span parent, size_t off, bool is_end);
