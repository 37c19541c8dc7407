/* player: other ways in which the bytes of a transcript could have come. */
#include "tests/replay/player.h"

#include "sensor/base/mem.h"

uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 0x2545f4914f6cdd1d;
}

static void add_part(struct steps *to, const struct step *step, size_t off, size_t len)
{
    struct step part = *step;
    part.bytes = span_sub(step->bytes, off, len);
    if (part.bytes.len > 0) {
        steps_add(to, part);
    }
}

struct steps steps_bytewise(const struct steps *from)
{
    struct steps to = {0};
    for (size_t i = 0; i < from->n; i++) {
        const struct step *step = &from->rows[i];
        if (step->kind != STEP_DATA) {
            steps_add(&to, *step);
        }
        for (size_t off = 0; off < step->bytes.len; off++) {
            add_part(&to, step, off, 1);
        }
    }
    return to;
}

/* Short pieces are likelier than long ones, so that lines and numbers are cut too. */
static size_t random_len(uint64_t *seed, size_t left)
{
    size_t most = random_next(seed) % 2 == 0 ? 8 : left;
    return 1 + random_next(seed) % (most < left ? most : left);
}

struct steps steps_cut(const struct steps *from, uint64_t *seed)
{
    struct steps to = {0};
    for (size_t i = 0; i < from->n; i++) {
        const struct step *step = &from->rows[i];
        if (step->kind != STEP_DATA) {
            steps_add(&to, *step);
        }
        for (size_t off = 0; off < step->bytes.len;) {
            size_t len = random_len(seed, step->bytes.len - off);
            add_part(&to, step, off, len);
            off += len;
        }
    }
    return to;
}

/* The data step that offset `at` falls in, and where in it; n when it is the end. */
static size_t step_at(const struct steps *steps, size_t at, size_t *ret_off)
{
    for (size_t i = 0; i < steps->n; i++) {
        if (at < steps->rows[i].bytes.len) {
            *ret_off = at;
            return i;
        }
        at -= steps->rows[i].bytes.len;
    }
    *ret_off = 0;
    return steps->n;
}

struct steps steps_with_gap(const struct steps *from, size_t at, size_t n_bytes)
{
    struct steps to = {0};
    size_t off;
    size_t hit = step_at(from, at, &off);
    size_t left = 0;
    for (size_t i = 0; i < from->n; i++) {
        const struct step *step = &from->rows[i];
        if (i == hit) {
            add_part(&to, step, 0, off);
            steps_add(&to, (struct step){.kind = STEP_GAP, .dir = step->dir, .n_bytes = n_bytes});
            left = n_bytes;
        }
        if (step->kind != STEP_DATA) {
            steps_add(&to, *step);
            continue;
        }
        size_t start = i == hit ? off : 0;
        bool same = i >= hit && step->dir == from->rows[hit].dir;
        size_t have = step->bytes.len - start;
        size_t missing = same ? (left < have ? left : have) : 0;
        left -= missing;
        add_part(&to, step, start + missing, SIZE_MAX);
    }
    return to;
}

struct steps steps_from(const struct steps *from, size_t at)
{
    struct steps to = {0};
    for (size_t i = 0; i < from->n; i++) {
        const struct step *step = &from->rows[i];
        size_t skipped = at < step->bytes.len ? at : step->bytes.len;
        at -= skipped;
        if (step->kind == STEP_DATA) {
            add_part(&to, step, skipped, SIZE_MAX);
        } else if (at == 0) {
            steps_add(&to, *step);
        }
    }
    return to;
}

struct steps steps_until(const struct steps *from, size_t at)
{
    struct steps to = {0};
    for (size_t i = 0; i < from->n && at > 0; i++) {
        const struct step *step = &from->rows[i];
        if (step->kind == STEP_DATA) {
            add_part(&to, step, 0, at);
            at -= at < step->bytes.len ? at : step->bytes.len;
        } else {
            steps_add(&to, *step);
        }
    }
    return to;
}
