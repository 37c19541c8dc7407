/* replay: runs the transcripts of one decoder.
 *
 * usage: replay DECODER FILE.flow|FOLDER ...
 *
 * Each transcript is played whole, byte by byte and at random cuts (the seed is printed;
 * JNDIWATCH_SEED sets it) and must give exactly what it says it gives. Then it is damaged: a gap at
 * every offset, a start in the middle, an end at every offset for every reason, memory that runs
 * out. What must hold then is that no value joins bytes from before and after a hole, that every
 * transaction ends, and that nothing breaks. Long transcripts are damaged at random offsets. */
#include "sensor/base/hash.h"
#include "sensor/base/mem.h"
#include "tests/replay/contract.h"
#include "tests/replay/flow_file.h"
#include "tests/replay/player.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { TEXT_CAP = 256 << 20, MOST_OFFSETS = 600, MOST_WORK = 4 << 20, RANDOM_CUTS = 12 };

struct test {
    const struct decoder *decoder;
    struct flow_file file;
    uint64_t seed;
    struct recorder whole; /* of the undamaged play */
    struct contract *whole_contract;
    size_t n_given; /* bytes of its values */
    size_t n_plays;
    size_t n_failed;
};

/* How one play differs from the transcript. */
struct play {
    const char *what;
    size_t at;
    size_t n_bytes;
    struct steps steps;
    bool midstream;
    enum close_reason close;
    bool no_tx;
    bool late_fields;
    size_t fail_at; /* allocation that fails, 0: none */
    bool sticky;
};

static void report(struct test *t, const struct play *play, const char *why)
{
    t->n_failed++;
    fprintf(stderr, "%s: %s", t->file.path, play->what);
    if (play->at != SIZE_MAX) {
        fprintf(stderr, " at %zu (%zu)", play->at, play->n_bytes);
    }
    fprintf(stderr, ": %s\n", why);
}

static void feed(struct contract *c, const struct steps *steps)
{
    for (size_t i = 0; i < steps->n; i++) {
        const struct step *step = &steps->rows[i];
        switch (step->kind) {
        case STEP_DATA:
            contract_data(c, step->dir, step->bytes);
            break;
        case STEP_GAP:
            contract_gap(c, step->dir, step->n_bytes);
            break;
        case STEP_END:
            contract_end(c, step->dir);
            break;
        }
    }
}

/* Plays it; the caller frees what comes back. */
static struct contract *run(struct test *t, const struct play *play, struct recorder *recorder)
{
    struct decoder_env env = {
        .limits = &t->file.limits,
        .midstream = play->midstream,
        .reading = t->file.reading,
    };
    t->n_plays++;
    struct contract *c = contract_new(t->decoder, &env, recorder);
    CHECK(c != NULL);
    c->no_tx = play->no_tx;
    c->late_fields = play->late_fields;
    mem_fail_at(play->fail_at, play->sticky);
    feed(c, &play->steps);
    mem_fail_at(0, 0);
    contract_close(c, play->close);
    if (c->broken != NULL) {
        report(t, play, c->broken);
    }
    return c;
}

static void add_lines(const struct contract *c, struct recorder_wants wants, struct sbuf *out)
{
    recorder_lines(c->recorder, "", wants, out);
    for (size_t i = 0; i < c->n_alternates; i++) {
        char prefix[24];
        snprintf(prefix, sizeof(prefix), "a%zu ", i);
        recorder_lines(c->alternates[i]->recorder, prefix, wants, out);
    }
}

/* An expected line may leave the value open: `… *`. */
static bool line_matches(struct span expected, struct span got)
{
    if (!span_ends(expected, SPAN(" *"))) {
        return span_equal(expected, got);
    }
    struct span start = span_head(expected, expected.len - 1);
    return span_starts(got, start) && span_at(got, start.len) == '"';
}

static void print_line(const char *what, size_t number, struct span line)
{
    enum { MOST = 600 };
    bool cut = line.len > MOST;
    fprintf(stderr, "  %s %zu: %.*s%s\n", what, number, (int)(cut ? MOST : line.len),
            (const char *)line.data, cut ? " …" : "");
}

static void compare(struct test *t, const struct play *play, struct span expected, struct span got)
{
    for (size_t number = 1; expected.len > 0 || got.len > 0; number++) {
        struct span want = span_split(&expected, '\n');
        struct span have = span_split(&got, '\n');
        if (!line_matches(want, have)) {
            report(t, play, "not what is expected");
            print_line("expected", number, want);
            print_line("got     ", number, have);
            return;
        }
    }
}

static void play_and_compare(struct test *t, const struct play *play, struct span expected,
                             struct recorder_wants wants)
{
    struct recorder recorder = {0};
    struct sbuf lines = sbuf_with_cap(TEXT_CAP);
    struct contract *c = run(t, play, &recorder);
    add_lines(c, wants, &lines);
    compare(t, play, expected, sbuf_span(&lines));
    sbuf_free(&lines);
    contract_free(&c);
    recorder_free(&recorder);
}

static const struct recorder_wants everything = {.heads = true, .fields = true};

/* The transcript as it stands: what it gives is what a person wrote down. */
static void play_whole(struct test *t)
{
    struct play play = {.what = "whole",
                        .at = SIZE_MAX,
                        .steps = t->file.steps,
                        .midstream = t->file.midstream,
                        .close = t->file.close};
    struct recorder_wants wants = {.heads = t->file.heads_listed, .fields = !t->file.bodies_only};
    struct sbuf lines = sbuf_with_cap(TEXT_CAP);
    t->whole_contract = run(t, &play, &t->whole);
    add_lines(t->whole_contract, wants, &lines);
    compare(t, &play, sbuf_span(&t->file.expected), sbuf_span(&lines));
    for (size_t i = 0; i < t->whole.n; i++) {
        t->n_given += t->whole.rows[i].value.len;
    }
    if (getenv("REPLAY_SHOW") != NULL) {
        printf("%.*s", (int)lines.len, (const char *)lines.data);
    }
    sbuf_free(&lines);
}

static void play_cut(struct test *t)
{
    struct sbuf whole = sbuf_with_cap(TEXT_CAP);
    add_lines(t->whole_contract, everything, &whole);
    struct play play = {.what = "byte by byte",
                        .at = SIZE_MAX,
                        .steps = steps_bytewise(&t->file.steps),
                        .midstream = t->file.midstream,
                        .close = t->file.close};
    play_and_compare(t, &play, sbuf_span(&whole), everything);
    steps_free(&play.steps);
    for (unsigned i = 0; i < RANDOM_CUTS; i++) {
        play.late_fields = i % 2 == 1;
        play.what = play.late_fields ? "random cuts, fields of heads got later" : "random cuts";
        play.steps = steps_cut(&t->file.steps, &t->seed);
        play_and_compare(t, &play, sbuf_span(&whole), everything);
        steps_free(&play.steps);
    }
    sbuf_free(&whole);
}

static bool occurs_in_values(const struct recorder *r, struct span value)
{
    for (size_t i = 0; i < r->n; i++) {
        if (span_find(sbuf_span(&r->rows[i].value), 0, value) != SPAN_NONE) {
            return true;
        }
    }
    return false;
}

/* Whether a value stands in one stretch of the input that has no hole. */
static bool occurs_in_input(const struct steps *steps, struct span value)
{
    bool found = false;
    for (unsigned dir = 0; dir < 2 && !found; dir++) {
        struct sbuf stretch = sbuf_with_cap(TEXT_CAP);
        for (size_t i = 0; i < steps->n && !found; i++) {
            const struct step *step = &steps->rows[i];
            if (step->dir != dir) {
                continue;
            }
            if (step->kind == STEP_DATA) {
                sbuf_add(&stretch, step->bytes);
            } else {
                found = span_find(sbuf_span(&stretch), 0, value) != SPAN_NONE;
                sbuf_reset(&stretch);
            }
        }
        found = found || span_find(sbuf_span(&stretch), 0, value) != SPAN_NONE;
        sbuf_free(&stretch);
    }
    return found;
}

static bool occurs_in_play(const struct contract *c, struct span value)
{
    bool found = occurs_in_values(c->recorder, value);
    for (size_t i = 0; i < c->n_alternates && !found; i++) {
        found = occurs_in_values(c->alternates[i]->recorder, value);
    }
    return found;
}

/* Whether a play of these steps alone gives the value. */
static bool occurs_in_part(struct test *t, const struct play *like, struct steps steps,
                           struct span value)
{
    struct play play = *like;
    struct recorder recorder = {0};
    play.steps = steps;
    struct contract *c = run(t, &play, &recorder);
    bool found = occurs_in_play(c, value);
    contract_free(&c);
    recorder_free(&recorder);
    steps_free(&play.steps);
    return found;
}

/* A value is a piece of the input, or of what the whole transcript gives, or of what the bytes
 * before the hole or the bytes behind it give alone, or of what the transcript says may come. */
static bool was_sent(struct test *t, const struct play *play, struct span value)
{
    struct play behind = *play;
    behind.midstream = true;
    return value.len == 0 || occurs_in_play(t->whole_contract, value) ||
           occurs_in_input(&play->steps, value) ||
           span_find(sbuf_span(&t->file.also), 0, value) != SPAN_NONE ||
           occurs_in_part(t, play, steps_until(&t->file.steps, play->at), value) ||
           occurs_in_part(t, &behind, steps_from(&t->file.steps, play->at + play->n_bytes), value);
}

static void check_values(struct test *t, const struct play *play, const struct recorder *recorder)
{
    for (size_t i = 0; i < recorder->n; i++) {
        struct span value = sbuf_span(&recorder->rows[i].value);
        if (!was_sent(t, play, value)) {
            struct sbuf shown = sbuf_with_cap(1 << 20);
            recorder_add_shown(&shown, value);
            report(t, play, "a value that was never sent");
            print_line("value", i, sbuf_span(&shown));
            sbuf_free(&shown);
            return;
        }
    }
}

static void play_damaged(struct test *t, struct play *play)
{
    struct recorder recorder = {0};
    struct contract *c = run(t, play, &recorder);
    check_values(t, play, &recorder);
    for (size_t i = 0; i < c->n_alternates; i++) {
        check_values(t, play, c->alternates[i]->recorder);
    }
    contract_free(&c);
    recorder_free(&recorder);
    steps_free(&play->steps);
}

/* Every offset of a short transcript, some of one that is long or gives much. */
static size_t next_offset(struct test *t, size_t at, size_t total)
{
    size_t most = MOST_WORK / (total + t->n_given + 1) + 8;
    most = most < MOST_OFFSETS ? most : MOST_OFFSETS;
    return total <= most ? at + 1 : at + 1 + random_next(&t->seed) % (2 * total / most);
}

static void play_gaps(struct test *t)
{
    static const size_t sizes[] = {1, 2, 7, 100};
    size_t total = steps_bytes(&t->file.steps);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (size_t at = 0; at < total; at = next_offset(t, at, total)) {
            struct play play = {.what = "gap",
                                .at = at,
                                .n_bytes = sizes[i],
                                .steps = steps_with_gap(&t->file.steps, at, sizes[i]),
                                .midstream = t->file.midstream,
                                .close = t->file.close};
            play_damaged(t, &play);
        }
    }
}

static void play_midstream(struct test *t)
{
    size_t total = steps_bytes(&t->file.steps);
    for (size_t at = 0; at < total; at = next_offset(t, at, total)) {
        struct play play = {.what = "mid-stream start",
                            .at = at,
                            .steps = steps_from(&t->file.steps, at),
                            .midstream = true,
                            .close = t->file.close};
        play_damaged(t, &play);
    }
}

static void play_closes(struct test *t)
{
    size_t total = steps_bytes(&t->file.steps);
    for (unsigned reason = CLOSE_FIN; reason <= CLOSE_END_OF_INPUT; reason++) {
        for (size_t at = 0; at <= total; at = next_offset(t, at, total)) {
            struct play play = {.what = "close",
                                .at = at,
                                .n_bytes = reason,
                                .steps = steps_until(&t->file.steps, at),
                                .midstream = t->file.midstream,
                                .close = (enum close_reason)reason};
            struct contract *c = run(t, &play, NULL);
            contract_free(&c);
            steps_free(&play.steps);
        }
    }
}

/* The n-th allocation fails, alone or with all after it; or no transaction can be had. */
static void play_without_memory(struct test *t)
{
    enum { MOST_ALLOCATIONS = 60 };
    for (size_t n = 0; n <= MOST_ALLOCATIONS * 2; n++) {
        struct play play = {.what = "no memory",
                            .at = n / 2,
                            .steps = steps_cut(&t->file.steps, &t->seed),
                            .midstream = t->file.midstream,
                            .close = t->file.close,
                            .no_tx = n == 0,
                            .fail_at = n / 2,
                            .sticky = n % 2 == 1};
        struct contract *c = run(t, &play, NULL);
        contract_free(&c);
        steps_free(&play.steps);
    }
}

/* The first bytes, shown bit by bit, must be claimed, and never be refused on the way there. */
static void check_probe(struct test *t)
{
    enum { PROBE_BYTES = 256 };
    const struct play play = {.what = "probe", .at = SIZE_MAX};
    const struct step *first = &t->file.steps.rows[0];
    if (t->file.probe == EXPECT_PROBE_ANY || t->file.midstream || first->kind != STEP_DATA) {
        return;
    }
    struct span bytes = span_head(first->bytes, PROBE_BYTES);
    bool claimed = false;
    bool refused = false;
    for (size_t n = 1; n <= bytes.len; n++) {
        enum probe answer = t->decoder->probe(span_head(bytes, n), first->dir);
        claimed = claimed || (!refused && answer == PROBE_YES);
        refused = refused || (!claimed && answer == PROBE_NO);
    }
    bool want = t->file.probe == EXPECT_PROBE_YES;
    if (claimed != want || refused == want) {
        report(t, &play, want ? "not claimed" : "not refused");
    }
}

struct tally {
    const struct decoder *decoder;
    uint64_t seed;
    size_t n_run;
    size_t n_plays;
    size_t n_failed;
};

/* Whether the transcript passed. */
static bool run_file(struct tally *tally, const char *path)
{
    struct test t = {.decoder = tally->decoder, .seed = tally->seed};
    struct errbuf errors = {0};
    if (!flow_file_read(&t.file, path, &errors)) {
        fprintf(stderr, "%s", errbuf_text(&errors));
        errbuf_free(&errors);
        flow_file_free(&t.file);
        return false;
    }
    check_probe(&t);
    play_whole(&t);
    play_cut(&t);
    if (t.n_failed == 0) {
        play_gaps(&t);
        play_midstream(&t);
        play_closes(&t);
        play_without_memory(&t);
    }
    contract_free(&t.whole_contract);
    recorder_free(&t.whole);
    flow_file_free(&t.file);
    tally->n_plays += t.n_plays;
    return t.n_failed == 0;
}

static void tally_file(struct tally *tally, const char *path)
{
    tally->n_run++;
    tally->n_failed += run_file(tally, path) ? 0 : 1;
}

static void tally_folder(struct tally *tally, const char *folder)
{
    struct dirent **names = NULL;
    int n = scandir(folder, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        struct sbuf path = sbuf_with_cap(4096);
        sbuf_add_format(&path, "%s/%s", folder, names[i]->d_name);
        if (span_ends(sbuf_span(&path), SPAN(".flow"))) {
            sbuf_add_byte(&path, '\0');
            tally_file(tally, (const char *)path.data);
        }
        sbuf_free(&path);
        free(names[i]);
    }
    free(names);
}

static const struct decoder *decoder_by_name(const char *name)
{
    for (size_t i = 0; decoders[i] != NULL; i++) {
        if (span_equal(span_str(decoders[i]->name), span_str(name))) {
            return decoders[i];
        }
    }
    return NULL;
}

/* From JNDIWATCH_SEED, or of its own; never 0. */
static uint64_t choose_seed(void)
{
    const char *text = getenv("JNDIWATCH_SEED");
    struct hash_key key = {0};
    uint64_t seed = 0;
    if (text != NULL && span_to_u64(span_str(text), &seed) && seed != 0) {
        return seed;
    }
    if (hash_key_random(&key) < 0) {
        return 1;
    }
    return (key.k0 & UINT32_MAX) + 1;
}

int main(int argc, char **argv)
{
    if (argc < 3 || decoder_by_name(argv[1]) == NULL) {
        fprintf(stderr, "usage: replay DECODER FILE.flow|FOLDER ...\n");
        return EXIT_FAILURE;
    }
    struct tally tally = {.decoder = decoder_by_name(argv[1]), .seed = choose_seed()};
    printf("JNDIWATCH_SEED=%" PRIu64 "\n", tally.seed);
    for (int i = 2; i < argc; i++) {
        struct stat status;
        if (stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode)) {
            tally_folder(&tally, argv[i]);
        } else {
            tally_file(&tally, argv[i]);
        }
    }
    printf("%s: %zu transcripts, %zu plays, %zu failed\n", argv[1], tally.n_run, tally.n_plays,
           tally.n_failed);
    return tally.n_run > 0 && tally.n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
