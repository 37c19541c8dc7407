/* source_nfqueue_off: a program that was built without libmnl says so. */
#include "sensor/core/source.h"

#include <errno.h>

static int open_source(const struct source_options *options, struct source **ret_source,
                       struct errbuf *err)
{
    (void)options;
    (void)ret_source;
    errbuf_add(err, "cannot take packets from a queue: this program was built without NFQUEUE "
                    "(libmnl)");
    return -ENOTSUP;
}

static void close_source(struct source **source)
{
    *source = NULL;
}

const struct source_ops source_nfqueue = {
    .name = "no nfqueue (built without libmnl)",
    .caps = SOURCE_LIVE | SOURCE_INLINE,
    .open = open_source,
    .close = close_source,
};
