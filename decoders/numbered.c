/* numbered: transactions that wait for the answer with their number.
 *
 * A flow has few of them at once, so they lie in a short list; the oldest ends when there are more
 * than its cap. */
#include "decoders/numbered.h"

#include "sensor/base/mem.h"

enum { ROOM_FIRST = 4 };

struct numbered_tx *numbered_find(struct numbered *all, uint32_t id)
{
    for (size_t i = all->n; i-- > 0;) {
        if (all->list[i].id == id) {
            return &all->list[i];
        }
    }
    return NULL;
}

void numbered_remove(struct numbered *all, struct numbered_tx *one)
{
    all->n--;
    for (size_t i = (size_t)(one - all->list); i < all->n; i++) {
        all->list[i] = all->list[i + 1];
    }
}

static void end_oldest(struct numbered *all, const struct emit *emit, unsigned flags)
{
    emit->ops->tx_end(emit->ctx, all->list[0].tx, flags);
    numbered_remove(all, &all->list[0]);
}

static bool make_room(struct numbered *all, const struct emit *emit, size_t most)
{
    if (all->n < all->room) {
        return true;
    }
    size_t room = all->room == 0 ? ROOM_FIRST : all->room * 2;
    room = room < most ? room : most;
    struct numbered_tx *list =
        room > all->room ? mem_resize(all->list, room * sizeof(*list)) : NULL;
    if (list != NULL) {
        all->list = list;
        all->room = room;
    } else if (all->n > 0) {
        end_oldest(all, emit, 0);
    }
    return all->n < all->room;
}

void numbered_add(struct numbered *all, const struct emit *emit, struct numbered_tx one,
                  size_t most)
{
    if (one.tx != NULL && make_room(all, emit, most)) {
        all->list[all->n++] = one;
    } else {
        emit->ops->tx_end(emit->ctx, one.tx, 0);
    }
}

void numbered_end(struct numbered *all, const struct emit *emit, unsigned flags)
{
    while (all->n > 0) {
        end_oldest(all, emit, flags);
    }
    mem_free(all->list);
    *all = (struct numbered){.n = 0};
}
