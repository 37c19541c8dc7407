/* rule_set: what concerns all rules together: duplicates, and the end.
 *
 * A sid that is defined twice is a mistake of the operator's, who wants to know of it; but rule
 * sets do overlap, so the sensor goes on with the newer text. Both places are named. The order in
 * which the others were read is kept: it is the order in which they are tried. */
#include "signatures/rule.h"

#include "sensor/base/mem.h"

#include <stdlib.h>

struct numbered {
    struct rule *rule;
    size_t n; /* in the order read */
};

static int compare_numbered(const void *a, const void *b)
{
    const struct numbered *x = a;
    const struct numbered *y = b;
    const struct signature *s = &x->rule->signature;
    const struct signature *t = &y->rule->signature;
    if (s->gid != t->gid) {
        return s->gid < t->gid ? -1 : 1;
    }
    if (s->sid != t->sid) {
        return s->sid < t->sid ? -1 : 1;
    }
    return x->n < y->n ? -1 : 1;
}

static bool same(const struct rule *a, const struct rule *b)
{
    return a->signature.gid == b->signature.gid && a->signature.sid == b->signature.sid;
}

/* Those of a group; *ret_inner is a group within it, or NULL. */
static void free_expressions(const struct rule_group *g, const struct rule_group **ret_inner)
{
    *ret_inner = NULL;
    for (size_t i = 0; i < g->n_transforms; i++) {
        struct regex *regex = g->transforms[i].regex;
        regex_free(&regex);
    }
    for (size_t i = 0; i < g->n_tests; i++) {
        if (g->tests[i].kind == RULE_PCRE) {
            regex_free(&g->tests[i].pcre.regex);
        } else if (g->tests[i].kind == RULE_BASE64 && g->tests[i].decode.inner != NULL) {
            *ret_inner = g->tests[i].decode.inner;
        }
    }
}

static void free_rule(const struct rule *r)
{
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct rule_group *g = &r->groups[i];
        while (g != NULL) {
            free_expressions(g, &g);
        }
    }
}

/* `later` defines again what `kept` defined; returns the one that stays. */
static struct numbered *settle(struct rule_set *set, struct numbered *kept, struct numbered *later)
{
    const struct rule *a = kept->rule;
    const struct rule *b = later->rule;
    bool higher = b->signature.rev > a->signature.rev;
    errbuf_add(set->err, "%s:%zu: sid %u rev %u was already defined at %s:%zu%s", b->file, b->line,
               (unsigned)b->signature.sid, (unsigned)b->signature.rev, a->file, a->line,
               higher ? ", with a lower rev: this one is used" : "");
    free_rule(higher ? a : b);
    set->n_failed++;
    set->n_loaded--;
    if (higher) {
        kept->rule = NULL;
        return later;
    }
    later->rule = NULL;
    return kept;
}

static int compare_order(const void *a, const void *b)
{
    const struct numbered *x = a;
    const struct numbered *y = b;
    return x->n < y->n ? -1 : 1;
}

void rule_drop_duplicates(struct rule_set *set)
{
    size_t n = set->n_loaded;
    size_t i = 0;
    struct numbered *all = n > 1 ? mem_alloc_array(n, sizeof(*all)) : NULL;
    if (all == NULL) {
        return;
    }
    for (struct rule *r = set->first; r != NULL; r = r->next, i++) {
        all[i] = (struct numbered){r, i};
    }
    qsort(all, n, sizeof(*all), compare_numbered);
    struct numbered *kept = &all[0];
    for (i = 1; i < n; i++) {
        kept = same(kept->rule, all[i].rule) ? settle(set, kept, &all[i]) : &all[i];
    }
    qsort(all, n, sizeof(*all), compare_order);
    set->end = &set->first;
    for (i = 0; i < n; i++) {
        if (all[i].rule != NULL) {
            *set->end = all[i].rule;
            set->end = &all[i].rule->next;
        }
    }
    *set->end = NULL;
    mem_free(all);
}

void rule_set_free(struct rule_set *set)
{
    for (const struct rule *r = set->first; r != NULL; r = r->next) {
        free_rule(r);
    }
    set->first = NULL;
    set->end = &set->first;
}
