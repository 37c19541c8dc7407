#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/base/sbuf.h"
#include "sensor/core/decoder.h"

enum step_kind { STEP_DATA, STEP_GAP, STEP_END };

/* One call to a decoder. `bytes` is a view of the transcript's own memory. */
struct step {
    enum step_kind kind;
    enum direction dir;
    struct span bytes; /* STEP_DATA */
    uint64_t n_bytes;  /* STEP_GAP */
};

struct steps {
    struct step *rows;
    size_t n;
    size_t room;
};

/* Aborts the test when there is no memory. */
void steps_add(struct steps *steps, struct step step);
void steps_free(struct steps *steps);
/* Data bytes of all steps. */
size_t steps_bytes(const struct steps *steps);

/* What the first bytes of a transcript must do to the decoder's probe. */
enum expect_probe { EXPECT_PROBE_YES, EXPECT_PROBE_NO, EXPECT_PROBE_ANY };

/* A transcript with what it must give. tests/replay/README.md says how one is written. */
struct flow_file {
    const char *path; /* not owned */
    struct decoder_limits limits;
    bool midstream;
    unsigned reading;
    enum expect_probe probe;
    enum close_reason close;
    struct steps steps;
    bool heads_listed;    /* expected has `head` lines: they are compared too */
    bool bodies_only;     /* `=== bodies`: fields are not compared */
    struct sbuf also;     /* `also` values, one after the other */
    struct sbuf expected; /* one line each, in the form recorder_lines() has */
    struct sbuf *blocks;  /* bytes of the data steps */
    size_t n_blocks;
};

/* false: not readable or not a transcript; `errors` says where. flow_file_free() in either case. */
MUST_USE bool flow_file_read(struct flow_file *file, const char *path, struct errbuf *errors);
void flow_file_free(struct flow_file *file);
