/* fuzz_decoder: any decoder on any flow.
 *
 * Input: which decoder, what kind of flow and caps, then steps: a byte with the direction and what
 * happens (data, gap, end of the direction), a byte with how much, and for data the bytes. The flow
 * is played as it comes and byte by byte; both must give the same, and the contract must hold. */
#include "tests/replay/contract.h"
#include "tests/replay/flow_file.h"
#include "tests/replay/player.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_CAP = 64 << 20 };

enum flow_bit { FLOW_MIDSTREAM = 1, FLOW_SMALL_CAPS = 2, FLOW_NO_TX = 4, FLOW_CLOSE = 8 };
enum step_bit { STEP_TO_CLIENT = 1, STEP_IS_GAP = 2, STEP_IS_END = 4, STEP_IS_LONG = 8 };

static const struct decoder_limits wide = {
    .line_bytes = 16 << 10,
    .head_bytes = 64 << 10,
    .inflate_bytes = 1 << 20,
    .inflate_ratio = 1000,
    .encoding_depth = 4,
    .mime_depth = 8,
    .open_tx = 16,
};

static const struct decoder_limits narrow = {
    .line_bytes = 48,
    .head_bytes = 96,
    .inflate_bytes = 4000,
    .inflate_ratio = 16,
    .encoding_depth = 2,
    .mime_depth = 2,
    .open_tx = 2,
};

static struct steps read_steps(struct span in)
{
    struct steps steps = {0};
    while (in.len >= 2) {
        unsigned what = span_at(in, 0);
        size_t len = span_at(in, 1) + (size_t)1;
        len *= (what & STEP_IS_LONG) != 0 ? 16 : 1;
        struct step step = {.kind = STEP_DATA,
                            .dir = (what & STEP_TO_CLIENT) != 0 ? TO_CLIENT : TO_SERVER};
        in = span_from(in, 2);
        if ((what & STEP_IS_END) != 0) {
            step.kind = STEP_END;
        } else if ((what & STEP_IS_GAP) != 0) {
            step.kind = STEP_GAP;
            step.n_bytes = len;
        } else {
            step.bytes = span_head(in, len);
            in = span_from(in, len);
        }
        steps_add(&steps, step);
    }
    return steps;
}

static void feed(struct contract *c, const struct steps *steps)
{
    for (size_t i = 0; i < steps->n; i++) {
        const struct step *step = &steps->rows[i];
        if (step->kind == STEP_DATA) {
            contract_data(c, step->dir, step->bytes);
        } else if (step->kind == STEP_GAP) {
            contract_gap(c, step->dir, step->n_bytes);
        } else {
            contract_end(c, step->dir);
        }
    }
}

/* What a play gives, as text. */
static struct sbuf play(const struct decoder *decoder, unsigned flow, const struct steps *steps,
                        bool late_fields)
{
    const struct recorder_wants everything = {.heads = true, .fields = true};
    const struct decoder_env env = {
        .limits = (flow & FLOW_SMALL_CAPS) != 0 ? &narrow : &wide,
        .midstream = (flow & FLOW_MIDSTREAM) != 0,
    };
    struct recorder recorder = {0};
    struct sbuf text = sbuf_with_cap(TEXT_CAP);
    struct contract *c = contract_new(decoder, &env, &recorder);
    CHECK(c != NULL);
    c->no_tx = (flow & FLOW_NO_TX) != 0;
    c->late_fields = late_fields;
    feed(c, steps);
    contract_close(c, (enum close_reason)(flow / FLOW_CLOSE % (CLOSE_END_OF_INPUT + 1)));
    if (c->broken != NULL) {
        fprintf(stderr, "broken: %s\n", c->broken);
    }
    CHECK(c->broken == NULL);
    recorder_lines(&recorder, "", everything, &text);
    for (size_t i = 0; i < c->n_alternates; i++) {
        recorder_lines(c->alternates[i]->recorder, "a ", everything, &text);
    }
    contract_free(&c);
    recorder_free(&recorder);
    return text;
}

/* By the input, unless FUZZ_DECODER names one. */
static const struct decoder *choose_decoder(unsigned which)
{
    const char *name = getenv("FUZZ_DECODER");
    unsigned n = 0;
    while (decoders[n] != NULL) {
        if (name != NULL && span_equal(span_str(name), span_str(decoders[n]->name))) {
            return decoders[n];
        }
        n++;
    }
    return decoders[which % n];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    const struct decoder *decoder = choose_decoder(span_at(in, 0));
    unsigned flow = span_at(in, 1);
    struct steps steps = read_steps(span_from(in, 2));
    struct steps bytes = steps_bytewise(&steps);
    struct sbuf whole = play(decoder, flow, &steps, false);
    struct sbuf cut = play(decoder, flow, &bytes, true);
    bool cuts_do_not_matter = span_equal(sbuf_span(&whole), sbuf_span(&cut));
    if (!cuts_do_not_matter) {
        fprintf(stderr, "whole:\n%.*s\nbyte by byte:\n%.*s\n", (int)whole.len,
                (const char *)whole.data, (int)cut.len, (const char *)cut.data);
    }
    CHECK(cuts_do_not_matter);
    (void)decoder->probe(span_head(span_from(in, 4), 256), (enum direction)(flow & 1));
    sbuf_free(&whole);
    sbuf_free(&cut);
    steps_free(&steps);
    steps_free(&bytes);
    return 0;
}
