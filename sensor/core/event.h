#pragma once

#include "sensor/core/asset.h"
#include "sensor/core/event_key.h"
#include "sensor/core/finding.h"
#include "sensor/core/scheme.h"

/* Rows of event.def. */
enum event_type {
#define EVENT(id, name, doc) EVENT_##id,
#include "sensor/core/event.def"
#undef EVENT
    EVENT_N
};

const char *event_type_name(enum event_type type);
/* EVENT_N when there is none of that name. */
enum event_type event_type_by_name(struct span name);

/* Rows of layout.def. */
enum layout {
#define LAYOUT(id, name, doc) LAYOUT_##id,
#include "sensor/core/layout.def"
#undef LAYOUT
    LAYOUT_N
};

/* LAYOUT_N when there is none of that name. */
enum layout layout_by_name(struct span name);

/* A part of an event's text that only outputs with one of these layouts get. */
struct event_piece {
    size_t off;
    size_t len;
    unsigned layouts; /* bit set of enum layout */
};

enum { EVENT_PIECES = 6 };

enum { EVENT_CALLBACK_SIZE = 128 };

/* What who counts alerts goes by. */
struct alert_facts {
    bool is_lookup; /* else a rule looked at plain bytes: class, scheme and campaign are none */
    uint64_t campaign;
    enum lookup_class class;
    enum scheme scheme;
    enum field_id field;
    uint64_t time_us;   /* packet time of the finding */
    struct addr client; /* the real one, where it is known */
    struct addr target;
    const struct asset *asset; /* of the target; NULL: none */
    char country[4];           /* of the client; "": unknown */
    uint32_t as_number;
    char callback[EVENT_CALLBACK_SIZE]; /* "host:port", cut; from traffic */
};

struct sighting;

/* Behind json there is room for a number with so many digits in place of that of the repeat. */
enum { EVENT_REPEAT_DIGITS = 20 };

/* A finished event: header and one JSON object without newline, in one block. Made by output/eve,
 * owned by whoever holds it (ring, then writer), freed with mem_free(). */
struct event {
    struct event *next; /* for whoever queues it */
    struct event_key key;
    enum event_type type;
    struct alert_facts *facts; /* of an alert, in the same block; NULL: it is not counted */
    size_t repeat_off; /* of an alert from a look-up, where the number of its repeat stands in json,
                          a 1; 0: nowhere */
    uint64_t n_opened; /* type EVENT_N: it is no event but a count, of openers of look-ups
                          in the interval that its clock lies in */
    struct sighting *sighting;    /* type EVENT_N: nor is this one, in the same block; NULL: none */
    bool lent;                    /* the block is one of writer_lend(), */
    unsigned lender;              /* of that producer */
    struct signature_limit limit; /* of the rule that an alert is of */
    uint64_t limit_key;           /* alerts with the same are counted together */
    struct event_piece pieces[EVENT_PIECES]; /* in their order in the text, apart */
    size_t n_pieces;
    size_t len;
    char json[]; /* with all pieces or without any it is one object */
};
