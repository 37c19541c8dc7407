/* inflater: one door to all decompressors. The formats are inflate.c, brotli.c and zstd.c. */
#include "sensor/codec/inflater.h"

#include "sensor/codec/inflater_ops.h"

struct inflater *inflater_new(enum inflater_kind kind)
{
    switch (kind) {
    case INFLATER_GZIP:
    case INFLATER_DEFLATE:
    case INFLATER_RAW:
        return inflate_new(kind);
    case INFLATER_BROTLI:
        return brotli_new();
    case INFLATER_ZSTD:
        return zstd_new();
    }
    return NULL;
}

struct inflater *inflater_new_behind(struct span window)
{
    return inflate_new_behind(window);
}

void inflater_free(struct inflater **i)
{
    if (*i != NULL) {
        sbuf_free(&(*i)->kept);
        (*i)->ops->free(*i);
        *i = NULL;
    }
}

enum inflater_result inflater_next(struct inflater *i, struct span *in, struct span *ret_out)
{
    *ret_out = (struct span){NULL, 0};
    return i->ops->next(i, in, ret_out);
}

enum inflater_result inflater_finish(struct inflater *i, struct span *ret_out)
{
    *ret_out = (struct span){NULL, 0};
    return i->ops->finish(i, ret_out);
}

bool inflater_is_complete(const struct inflater *i)
{
    return i->ops->is_complete(i);
}

struct span inflater_input(const struct inflater *i)
{
    return i->kept.cut ? (struct span){NULL, 0} : sbuf_span(&i->kept);
}
