/* selftest: known values through a rule set before it is used.
 *
 * Which rules there are is the operator's affair; so what is asked for is not an alert but what the
 * engine does for all of them: the gate must let an attack through to the evaluator, and that must
 * come to its class and to the name it asks for, from behind each outer encoding, and give up what
 * is too costly. A rule of the test's own, beside those that were loaded, is
 * not needed: the evaluation is looked at where rules would be asked. */
#include "signatures/selftest.h"

#include "sensor/core/tx.h"
#include "signatures/detect_parts.h"

enum { ARENA_CAP = 1 << 20 };

static const struct golden goldens[] = {
#define GOLDEN(dialect, class, lookup, text)                                                       \
    {LOOKUP_##dialect, LOOKUP_##class, lookup, text, false},
#define GOLDEN_OVER(text) {LOOKUP_LOG4J, LOOKUP_NONE, NULL, text, true},
#include "signatures/golden.def"
#undef GOLDEN
#undef GOLDEN_OVER
};

/* Whether the gate, as this engine has it, has an opener in the text. */
static bool gate_opens(struct detector *d, struct span text)
{
    detect_scan(d, d->edition->engine, text, &d->hits);
    for (size_t i = 0; i < d->hits.n; i++) {
        if (detect_is_opener(d->edition->engine, &d->hits.list[i])) {
            return true;
        }
    }
    return false;
}

static bool asks_for(const struct answer *answer, struct span name)
{
    for (size_t i = 0; i < answer->result.n_names; i++) {
        if (span_equal(answer->result.names[i].text, name)) {
            return true;
        }
    }
    return false;
}

/* What was given up is so before anything was found. */
static bool is_expected(const struct golden *g, const struct answer *answer)
{
    return answer->class == g->class && answer->over_budget == g->over_budget &&
           (g->lookup == NULL ? answer->result.n_names == 0
                              : asks_for(answer, span_str(g->lookup)));
}

static bool is_right(struct detector *d, struct tx *tx, const struct golden *g)
{
    struct span text = span_str(g->text);
    const struct spot spot = {
        .tx = tx, .dialect = g->dialect, .field = FIELD_HTTP_USER_AGENT, .dir = TO_SERVER};
    struct answer answer = {0};
    if (gate_opens(d, text) && detect_may_hide(text)) {
        detect_refuel(d);
        detect_evaluate(d, &spot, text, &answer);
    }
    return is_expected(g, &answer);
}

static void ignore(void *ctx, struct tx *tx, struct finding *finding)
{
    (void)ctx;
    (void)tx;
    (void)finding;
}

bool engine_self_test(struct engine *engine, struct errbuf *err)
{
    return engine_reads(engine, goldens, ARRAY_LEN(goldens), err);
}

bool engine_reads(struct engine *engine, const struct golden *all, size_t n, struct errbuf *err)
{
    const struct detect_limits limits = detect_limits_default();
    const struct detect_user user = {.found = ignore};
    struct stats stats = {0};
    struct conn conn = {.id = 1, .proto = IP_PROTO_TCP};
    struct tx tx = {.conn = &conn, .arena = arena_new(ARENA_CAP)};
    struct detector *d = detector_new(engine, &limits, &stats, &user);
    bool good = d != NULL && tx.arena != NULL;
    if (!good) {
        errbuf_add(err, "self-test of the rules: out of memory");
    }
    for (size_t i = 0; good && i < n; i++) {
        good = is_right(d, &tx, &all[i]);
        if (!good) {
            errbuf_add(err,
                       "self-test of the rules: value %zu of the built-in ones is not read "
                       "as it must be. Remove the cache of compiled rules, and try again",
                       i + 1);
        }
    }
    detector_free(&d);
    arena_free(&tx.arena);
    return good;
}
