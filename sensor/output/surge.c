/* surge: a threshold that follows what is usual.
 *
 * What is above the threshold goes into the history as the threshold: one wave does not become the
 * new usual, a level that stays does, within the hour. A surge is told when it begins, not again
 * while it lasts. */
#include "sensor/output/surge.h"

static uint64_t baseline_of(const struct surge *s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s->n; i++) {
        sum += s->history[i];
    }
    return s->n > 0 ? sum / s->n : 0;
}

bool surge_step(struct surge *s, const struct surge_limits *limits, uint64_t n,
                uint64_t *ret_baseline)
{
    uint64_t baseline = baseline_of(s);
    uint64_t times =
        baseline > UINT64_MAX / limits->factor ? UINT64_MAX : baseline * limits->factor;
    uint64_t threshold = times > limits->least ? times : limits->least;
    bool above = s->n >= SURGE_WARM && n >= threshold;
    bool begins = above && !s->lasts;
    s->lasts = above;
    s->history[s->next] = n < threshold ? n : threshold;
    s->next = (s->next + 1) % SURGE_HISTORY;
    s->n += s->n < SURGE_HISTORY;
    *ret_baseline = baseline;
    return begins;
}

void surge_rest(struct surge *s, const struct surge_limits *limits, uint64_t count)
{
    uint64_t baseline = 0;
    count = count < SURGE_HISTORY ? count : SURGE_HISTORY;
    for (uint64_t i = 0; i < count; i++) {
        (void)surge_step(s, limits, 0, &baseline);
    }
}
