/* survey: the checksums of the first packets of files.
 *
 * Whether a sender's wrong checksums mean anything can only be known from others of its packets, so
 * the first ones wait until enough was seen, or the input has ended: a capture of ten packets is
 * judged by all ten. That is done on the reading thread, before packets are shared out, so the
 * judgement is the same at any number of workers.
 *
 * A pipe or a live interface may fall silent, and packets must not wait for what may never come:
 * there each flow judges by what it has seen (flow.h). */
#include "sensor/app/survey.h"

#include "sensor/base/arena.h"
#include "sensor/base/mem.h"
#include "sensor/packet/decode.h"

enum { HELD_BYTES = 16 * 1024 * 1024, FRAGMENT_BYTES = 1024 * 1024 };

struct held {
    struct held *next;
    struct packet_batch batch;
};

struct survey {
    struct checksum_policy *policy;
    struct packet_decoder *decoder;
    struct stats stats; /* nobody reads them: the packets are decoded again */
    struct arena *arena;
    struct held *first;
    struct held **end;
};

struct survey *survey_new(const struct config *config, struct checksum_policy *policy)
{
    struct survey *s = mem_alloc(sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    struct packet_options options = {
        .stats = &s->stats,
        .checksums = policy,
        .survey = true,
        .max_layers = (unsigned)config->capture_layers,
        .fragment_bytes = FRAGMENT_BYTES,
        .fragment_timeout_us = config->fragment_timeout,
    };
    s->policy = policy;
    s->end = &s->first;
    s->arena = arena_new(HELD_BYTES);
    if (s->arena == NULL || hash_key_random(&options.key) != 0 ||
        packet_decoder_new(&options, &s->decoder) != 0) {
        survey_free(&s);
    }
    return s;
}

void survey_free(struct survey **s)
{
    if (*s == NULL) {
        return;
    }
    packet_decoder_free(&(*s)->decoder);
    arena_free(&(*s)->arena);
    mem_free(*s);
    *s = NULL;
}

static bool copy(struct survey *s, const struct packet_batch *batch)
{
    struct held *h = arena_alloc(s->arena, sizeof(*h));
    if (h == NULL) {
        return false;
    }
    h->batch = *batch;
    h->batch.n_holds = 0;
    for (size_t i = 0; i < batch->n; i++) {
        struct span data = batch->packets[i].data;
        bool cut = false;
        h->batch.packets[i].data = arena_copy(s->arena, data, data.len, &cut);
        if (cut) {
            return false;
        }
    }
    *s->end = h;
    s->end = &h->next;
    return true;
}

bool survey_hold(struct survey *s, const struct packet_batch *batch)
{
    struct headers headers;
    for (size_t i = 0; i < batch->n; i++) {
        (void)packet_decode(s->decoder, &batch->packets[i], &headers);
    }
    return checksum_policy_wants_survey(s->policy) && copy(s, batch);
}

struct packet_batch *survey_next(struct survey *s)
{
    struct held *h = s->first;
    if (h == NULL) {
        return NULL;
    }
    s->first = h->next;
    return &h->batch;
}
