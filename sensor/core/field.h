#pragma once

#include "sensor/base/span.h"
#include "sensor/core/direction.h"
#include "sensor/core/encoding.h"

/* Rows of field.def. */
enum field_id {
#define FIELD(id, name, item, keep, doc) FIELD_##id,
#include "sensor/core/field.def"
#undef FIELD
    FIELD_N
};

struct field_info {
    const char *name;
    bool named; /* may carry an item name */
    bool keep;  /* copied into the transaction, capped */
    const char *doc;
};

const struct field_info *field_info(enum field_id id);
/* By its name; FIELD_N when there is none. */
enum field_id field_by_name(struct span name);

enum field_flag {
    FIELD_TRUNCATED = 1 << 0, /* the value was longer than the cap: this is its start */
    FIELD_CUT = 1 << 1,       /* a gap or the end of the flow came before its end */
    FIELD_REPEATED = 1 << 2,  /* its bytes are inspected elsewhere: kept for events only */
    FIELD_UNKEPT = 1 << 3,    /* inspected only: another form of a kept value, or one of a message
                                 inside the message */
    FIELD_ODD = 1 << 4,   /* its line is malformed: who keeps to the standard does not read it */
    FIELD_ASIDE = 1 << 5, /* it goes with a message and does not say what it is about */
};

/* A named value, on the decoder's stack and valid during the emit call only. When `value` lies in
 * the region announced last for its direction, it is matched by position; a decoded copy is scanned
 * by itself. */
struct field {
    enum field_id id;
    struct span item; /* lower-case item name, or empty */
    struct span value;
    enum direction dir;
    struct encodings layers; /* outer layers undone so far, in that order */
    unsigned flags;          /* enum field_flag */
};

enum region_kind {
    REGION_HEAD, /* a whole head, given once */
    REGION_BODY, /* a piece of a body; pieces of one body come in order, FIRST to LAST */
};

enum region_flag {
    REGION_FIRST = 1 << 0, /* first piece of a body (a body may be one piece: FIRST and LAST) */
    REGION_LAST = 1 << 1,  /* last piece, may be empty; always sent once FIRST was, unless CUT is */
    REGION_CUT = 1 << 2,   /* with LAST: ended by a gap, a reset or a cap, not by its own end */
    REGION_AFTER_GAP =
        1 << 3,            /* bytes before this piece are missing: nothing may be joined across */
    REGION_AGAIN = 1 << 4, /* of a head: its bytes alone tell all of its fields */
};

/* What a body says it is; where a hit stands in it is then located by contents and by this. */
enum body_type {
    BODY_UNKNOWN,
    BODY_FORM,
    BODY_JSON,
    BODY_XML,
    BODY_MULTIPART,
    BODY_TEXT,
    BODY_BINARY
};

/* Raw bytes that are scanned once. Owned by nobody; its hits are kept until the next region of the
 * same direction. */
struct region {
    enum region_kind kind;
    enum field_id field; /* of a body: what the whole is called; of a head: the field for bytes that
                            no field names */
    struct span item;    /* of a body: item name or empty */
    enum direction dir;
    struct span bytes;
    unsigned flags; /* enum region_flag */
    struct encodings layers;
    enum body_type body_type; /* bodies only, with FIRST */
    struct span boundary;     /* of BODY_MULTIPART, with FIRST */
};
