/* stretch: what was read of an input, kept until all who look at it are done.
 *
 * One thread reads ahead while others work at what it read before; nothing is copied for them. What
 * nobody holds any more is used again, the last one first: it is the most likely to be in a cache.
 */
#include "sensor/capture/stretch.h"

#include "sensor/base/mem.h"

enum { BEHIND_MAX = 16 };

struct stretches stretches_of(size_t size)
{
    return (struct stretches){.size = size};
}

void stretches_free(struct stretches *s)
{
    while (s->all != NULL) {
        struct stretch *next = s->all->next;
        sbuf_free(&s->all->buffer);
        mem_free(s->all);
        s->all = next;
    }
    s->free = NULL;
}

static struct stretch *make(struct stretches *s)
{
    struct stretch *stretch = mem_alloc(sizeof(*stretch));
    if (stretch != NULL) {
        stretch->buffer = sbuf_with_cap(s->size);
        stretch->next = s->all;
        s->all = stretch;
    }
    return stretch;
}

struct stretch *stretch_take(struct stretches *s)
{
    struct stretch *stretch = s->free;
    if (stretch == NULL) {
        stretch = make(s);
    } else {
        s->free = stretch->free;
    }
    if (stretch != NULL) {
        stretch->is_read = true;
    }
    return stretch;
}

static void give_back(struct stretches *s, struct stretch *stretch)
{
    sbuf_reset(&stretch->buffer);
    stretch->free = s->free;
    s->free = stretch;
}

void stretch_leave(struct stretches *s, struct stretch *stretch)
{
    stretch->is_read = false;
    if (stretch->n_holders > 0) {
        s->n_behind++;
    } else {
        give_back(s, stretch);
    }
}

bool stretches_have_room(const struct stretches *s)
{
    return s->n_behind < BEHIND_MAX;
}

void stretch_hold(struct stretch *stretch)
{
    stretch->n_holders++;
}

void stretch_drop(struct stretches *s, struct stretch *stretch)
{
    CHECK(stretch->n_holders > 0);
    stretch->n_holders--;
    if (stretch->n_holders == 0 && !stretch->is_read) {
        s->n_behind--;
        give_back(s, stretch);
    }
}
