/* gating: what the gate and the glances say of a text. */
#include "tests/gating/gating.h"

#include "sensor/base/mem.h"
#include "signatures/match.h"
#include "signatures/peel_glance.h"

#include <stdio.h>

struct gating {
    struct match_db *db;
    struct match_scratch *scratch;
};

static int compile(struct gating *g, struct errbuf *err)
{
    size_t n = peel_gate_n_patterns();
    struct match_pattern *patterns = mem_alloc_array(n, sizeof(*patterns));
    if (patterns == NULL) {
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        patterns[i] = peel_gate_pattern(i);
    }
    int r = match_db_new(patterns, n, NULL, &g->db, err);
    mem_free(patterns);
    return r == 0 ? match_scratch_fit(&g->scratch, g->db) : r;
}

struct gating *gating_new(void)
{
    struct errbuf err = {0};
    struct gating *g = mem_alloc(sizeof(*g));
    if (g != NULL && compile(g, &err) < 0) {
        gating_free(&g);
    }
    fputs(errbuf_text(&err), stderr);
    errbuf_free(&err);
    return g;
}

void gating_free(struct gating **g)
{
    if (*g == NULL) {
        return;
    }
    match_scratch_free(&(*g)->scratch);
    match_db_free(&(*g)->db);
    mem_free(*g);
    *g = NULL;
}

struct asking {
    struct span text;
    struct peel_glance glance;
    struct gating_answer answer;
};

static bool on_hit(void *ctx, uint32_t pattern, uint64_t at)
{
    struct asking *a = ctx;
    size_t from = at > PEEL_GLANCE_BEFORE ? (size_t)at - PEEL_GLANCE_BEFORE : 0;
    struct peel_hit hit = {.pattern = pattern, .off = from, .end = (size_t)at - from};
    hit.text = span_sub(a->text, from, hit.end + PEEL_GLANCE_AFTER);
    hit.more = from + hit.text.len < a->text.len;
    a->answer.hit = true;
    a->answer.passed = a->answer.passed || peel_glance(&a->glance, &hit);
    return true;
}

struct gating_answer gating_ask(struct gating *g, struct span text)
{
    struct asking a = {.text = text};
    match_block(g->db, g->scratch, text, on_hit, &a);
    return a.answer;
}
