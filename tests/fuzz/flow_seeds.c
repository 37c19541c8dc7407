/* flow_seeds: turns transcripts into inputs of fuzz_decoder, to start it with.
 *
 * usage: flow_seeds DECODER FOLDER FILE.flow ... */
#include "tests/replay/flow_file.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_AT_ONCE = 256, SEED_CAP = 1 << 20 };

static int index_of(const char *name)
{
    for (int i = 0; decoders[i] != NULL; i++) {
        if (span_equal(span_str(decoders[i]->name), span_str(name))) {
            return i;
        }
    }
    return -1;
}

/* As fuzz_decoder reads it: a byte with direction (1), gap (2) or end (4), one with the length. */
static void add_step(struct sbuf *out, const struct step *step)
{
    struct span rest = step->bytes;
    size_t gap = step->n_bytes < MOST_AT_ONCE ? (size_t)step->n_bytes : MOST_AT_ONCE;
    do {
        struct span part = span_head(rest, MOST_AT_ONCE);
        size_t len = step->kind == STEP_GAP ? gap : part.len > 0 ? part.len : 1;
        sbuf_add_byte(out, (uint8_t)((unsigned)step->dir | (unsigned)step->kind << 1));
        sbuf_add_byte(out, (uint8_t)(len - 1));
        sbuf_add(out, part);
        rest = span_from(rest, part.len);
    } while (rest.len > 0);
}

static bool write_seed(const char *folder, int number, struct span seed)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/flow-%03d", folder, number);
    FILE *f = fopen(path, "wb");
    if (f == NULL) {
        return false;
    }
    bool fine = fwrite(seed.data, 1, seed.len, f) == seed.len;
    return fclose(f) == 0 && fine;
}

static bool convert(int decoder, const char *folder, const char *path, int number)
{
    struct flow_file file;
    struct errbuf errors = {0};
    struct sbuf seed = sbuf_with_cap(SEED_CAP);
    bool fine = flow_file_read(&file, path, &errors);
    bool small = file.limits.head_bytes < 1024 || file.limits.line_bytes < 1024;
    sbuf_add_byte(&seed, (uint8_t)decoder);
    sbuf_add_byte(&seed, (uint8_t)((file.midstream ? 1 : 0) | (small ? 2 : 0)));
    for (size_t i = 0; fine && i < file.steps.n; i++) {
        add_step(&seed, &file.steps.rows[i]);
    }
    fine = fine && !seed.cut && write_seed(folder, number, sbuf_span(&seed));
    fprintf(stderr, "%s", errbuf_text(&errors));
    errbuf_free(&errors);
    sbuf_free(&seed);
    flow_file_free(&file);
    return fine;
}

int main(int argc, char **argv)
{
    int decoder = argc > 3 ? index_of(argv[1]) : -1;
    bool fine = decoder >= 0;
    for (int i = 3; fine && i < argc; i++) {
        fine = convert(decoder, argv[2], argv[i], decoder * 500 + i - 3);
    }
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
