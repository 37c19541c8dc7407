/* outbox: what an inline source sends beside what it lets go on. */
#include "sensor/capture/outbox.h"

enum { ROOM = 256 * 1024 };

struct outbox outbox_new(void)
{
    return (struct outbox){.bytes = sbuf_with_cap(ROOM)};
}

void outbox_free(struct outbox *o)
{
    sbuf_free(&o->bytes);
    o->n = 0;
}

void outbox_reset(struct outbox *o)
{
    sbuf_reset(&o->bytes);
    o->n = 0;
}

void outbox_add(struct outbox *o, size_t behind, bool back, struct span bytes)
{
    size_t at = o->bytes.len;
    if (o->n == OUTBOX_MAX || !sbuf_add(&o->bytes, bytes)) {
        sbuf_shorten(&o->bytes, at);
        return;
    }
    o->list[o->n++] =
        (struct outgoing){.behind = behind, .back = back, .off = at, .len = bytes.len};
}

struct span outbox_bytes(const struct outbox *o, const struct outgoing *g)
{
    return span_sub(sbuf_span(&o->bytes), g->off, g->len);
}
