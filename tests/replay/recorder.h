#pragma once

#include "sensor/base/sbuf.h"
#include "sensor/core/decoder.h"

enum record_kind {
    RECORD_BEGIN,
    RECORD_HEAD,
    RECORD_FIELD,
    RECORD_BODY,
    RECORD_ANOMALY,
    RECORD_LOST,
    RECORD_OPAQUE,
    RECORD_STARTTLS,
    RECORD_ALTERNATE,
    RECORD_HANDED,
    RECORD_CLIENT,
    RECORD_END,
};

#define RECORD_NO_TX UINT32_MAX

/* One emission; pieces of one body (up to a gap in it) and losses of one kind are one record. */
struct record {
    enum record_kind kind;
    uint32_t tx; /* or RECORD_NO_TX */
    enum direction dir;
    unsigned what;  /* enum field_id, anomaly or lost; the reading of an alternate */
    unsigned flags; /* of the field, region or tx_end */
    uint64_t n;     /* bytes lost */
    struct encodings layers;
    enum body_type body_type;
    struct sbuf item;
    struct sbuf boundary;
    struct sbuf value;
};

/* Writes down what a decoder emits, in order. tx may be NULL. */
struct recorder {
    struct record *rows;
    size_t n;
    size_t room;
    bool handed_gap[2]; /* before the next bytes that are handed over */
};

void recorder_begin(struct recorder *r, const struct tx *tx);
void recorder_region(struct recorder *r, const struct tx *tx, const struct region *region);
void recorder_field(struct recorder *r, const struct tx *tx, const struct field *field);
void recorder_anomaly(struct recorder *r, const struct tx *tx, enum direction dir,
                      enum anomaly anomaly);
void recorder_lost(struct recorder *r, const struct tx *tx, enum lost reason, uint64_t n_bytes);
void recorder_alternate(struct recorder *r, enum direction dir, unsigned reading);
/* Bytes that are handed over, more of them joined up to a gap. */
void recorder_handed(struct recorder *r, enum direction dir, struct span bytes);
void recorder_handed_gap(struct recorder *r, enum direction dir);
void recorder_client(struct recorder *r, const struct addr *addr);
void recorder_starttls(struct recorder *r);
void recorder_opaque(struct recorder *r, enum lost reason);
void recorder_end(struct recorder *r, const struct tx *tx, unsigned flags);
void recorder_free(struct recorder *r);

struct recorder_wants {
    bool heads;
    bool fields;
};
/* One line for each record that is wanted, `prefix` in front. */
void recorder_lines(const struct recorder *r, const char *prefix, struct recorder_wants wants,
                    struct sbuf *out);
/* Quoted and escaped, as values stand in those lines. */
void recorder_add_shown(struct sbuf *out, struct span bytes);
