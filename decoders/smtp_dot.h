#pragma once

#include "sensor/base/span.h"

/* Where in a line of mail data we are. */
enum dot_place {
    DOT_MID,      /* inside a line */
    DOT_AFTER_CR, /* behind a CR */
    DOT_LINE,     /* at the start of a line, behind CR LF */
    DOT_LOOSE,    /* the same, behind a bare LF */
    DOT_LIKELY,   /* behind an LF that comes first after a gap, which may have had its CR */
    DOT_UNKNOWN,  /* behind a gap: this may be the start of a line, or half a line end */
    DOT_SEEN,     /* behind a dot that begins a line */
    DOT_SEEN_CR,  /* behind a dot and a CR */
};

/* Undoes the dots of DATA and finds its end; the input may be cut anywhere. */
struct dot {
    enum dot_place place;
    bool strict;  /* DOT_SEEN: CR LF came before the dot, or may have, */
    bool sure;    /* and that is known */
    bool loose;   /* any dot line is the end, whatever its line ends are */
    bool keep;    /* dots stay: it is not known whether they were added */
    bool bare_lf; /* some LF had no CR before it */
};

enum dot_event {
    DOT_DATA,      /* no more than data */
    DOT_MAYBE_END, /* a dot line that is an end only where bare line ends count as such */
    DOT_END,       /* the mail is complete */
};

struct dot_found {
    struct span data; /* of the mail, maybe empty; comes before the event */
    enum dot_event event;
};

/* Before the first byte behind DATA. loose: see struct dot. */
struct dot dot_start(bool loose);
/* Takes a part off the front of *rest, which is not empty. Bytes in it lie in *rest or are
 * constant. */
struct dot_found dot_take(struct dot *d, struct span *rest);
/* Bytes are missing here: what was held back, a dot at most, is forgotten. */
void dot_gap(struct dot *d);
