/* side: what only some senders have.
 *
 * Most sides of most flows deliver what comes, in order and once: they do with a line of the cache.
 * Segments that wait, acknowledgements that came early and other readings hang on one pointer, so
 * that those who have none of it pay for one. */
#include "sensor/base/mem.h"
#include "sensor/flow/entry.h"

struct side_extra *side_extend(struct flow_table *t, struct side *s)
{
    if (s->extra == NULL) {
        s->extra = mem_alloc(sizeof(*s->extra));
        t->memory += s->extra != NULL ? sizeof(*s->extra) + MEM_OVERHEAD : 0;
    }
    return s->extra;
}

void side_tidy(struct flow_table *t, struct side *s)
{
    const struct side_extra *e = s->extra;
    if (e != NULL && e->hold == NULL && e->lead == NULL && e->doubt == NULL) {
        flow_unreserve(t, sizeof(*e) + MEM_OVERHEAD);
        mem_free(s->extra);
        s->extra = NULL;
    }
}
