#pragma once

#include "sensor/base/sbuf.h"

enum {
    BOUNDARY_MAX = 256 /* RFC 2046 allows 70; of a longer one the start counts */
};

/* The multiparts that we are in, outermost first. Starts with mime_levels_start(). */
struct mime_levels {
    struct sbuf rows;  /* struct level */
    struct sbuf names; /* the boundaries, one after the other */
    unsigned n;
    unsigned n_max;
    size_t longest; /* of the boundaries */
};

enum boundary {
    BOUNDARY_NO,
    BOUNDARY_MAYBE, /* so far; more bytes decide */
    BOUNDARY_YES,
};

struct boundary_found {
    enum boundary is;
    unsigned level; /* YES: whose it is, */
    size_t len;     /* how long it is with its dashes, */
    bool closing;   /* and whether it ends the multipart */
};

/* Forgets all; keeps memory. */
void mime_levels_start(struct mime_levels *l, unsigned n_max);
void mime_levels_free(struct mime_levels *l);
/* false when there are n_max already, or no memory. digest: its parts are mails by default. */
bool mime_levels_push(struct mime_levels *l, struct span boundary, bool digest);
/* Leaves all levels but the outermost n_kept; returns how many of those had not been closed. */
unsigned mime_levels_leave(struct mime_levels *l, unsigned n_kept);
void mime_levels_close(struct mime_levels *l, unsigned level);
bool mime_levels_digest(const struct mime_levels *l);
/* Whether a line that begins with these bytes is a boundary. `ended`: the line is no longer. */
struct boundary_found mime_levels_match(const struct mime_levels *l, struct span line, bool ended);
