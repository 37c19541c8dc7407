#pragma once

#include "sensor/core/decoder.h"
#include "sensor/core/tx.h"
#include "tests/replay/recorder.h"

enum { CONTRACT_LIVE = 1024, CONTRACT_ALTERNATES = 16, CONTRACT_ALTERNATE_BYTES = 64 << 10 };

/* A transaction that is open, and which of its bodies are. */
struct contract_tx {
    struct tx *tx;
    bool body_open[2];
};

/* A decoder with the receiving end that tests give it: it makes transactions, reads every byte it
 * is shown and checks what decoders promise. Alternate readings are opened and fed as the pipeline
 * does, each with a contract of its own. Big: keep it on the heap. */
struct contract {
    const struct decoder *decoder;
    struct decoder_env env;
    struct recorder *recorder; /* or NULL: only checked */
    bool no_tx;                /* tx_begin() gives NULL */
    bool late_fields;          /* heads that can be are left without fields, which are got from a
                                  copy */
    bool late[2];              /* the head at hand of a direction is one of these */
    bool is_alternate;
    void *state;
    uint32_t n_tx;
    struct contract_tx live[CONTRACT_LIVE];
    size_t n_live;
    bool opaque;
    bool tls;           /* began within the protocol */
    bool handed[2];     /* directions handed over */
    uint64_t touched;   /* sum of all bytes shown, so that reading them is not optimised away */
    const char *broken; /* the first promise that was broken, or NULL */
    struct contract *alternates[CONTRACT_ALTERNATES];
    size_t n_alternates;
    enum direction alternate_dir; /* of an alternate: what it is given, */
    size_t alternate_left;        /* and how much of it yet, */
    size_t alternate_due;         /* and from where on of the bytes being given: how many of them */
    struct span given;            /* the bytes being given now */
    size_t n_unread; /* of them, at their end, when the flow became opaque or TLS began */
};

/* NULL when there is no memory for the decoder's state. */
MUST_USE struct contract *contract_new(const struct decoder *decoder, const struct decoder_env *env,
                                       struct recorder *recorder);
/* Each piece is given in memory of its own that is gone after the call. */
void contract_data(struct contract *c, enum direction dir, struct span bytes);
void contract_gap(struct contract *c, enum direction dir, uint64_t n_bytes);
void contract_end(struct contract *c, enum direction dir);
/* Closes the decoder and checks that nothing is left open. `broken` holds its final word. */
void contract_close(struct contract *c, enum close_reason reason);
/* Nulls *c; accepts NULL. Frees the alternates and their recorders, not the recorder given. */
void contract_free(struct contract **c);
