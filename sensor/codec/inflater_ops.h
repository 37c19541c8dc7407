#pragma once

#include "sensor/base/sbuf.h"
#include "sensor/codec/inflater.h"

enum { INFLATER_WINDOW = 32 << 10, INFLATER_KEEP = 64 << 10 };

/* What each format does. Only the files that implement one include this. */
struct inflater_ops {
    enum inflater_result (*next)(struct inflater *i, struct span *in, struct span *ret_out);
    enum inflater_result (*finish)(struct inflater *i, struct span *ret_out);
    bool (*is_complete)(const struct inflater *i);
    void (*free)(struct inflater *i);
};

/* The first member of every format's state. */
struct inflater {
    const struct inflater_ops *ops;
    struct sbuf kept; /* input since the start, or since a multiple of INFLATER_KEEP bytes */
};

struct inflater *inflate_new(enum inflater_kind kind);
struct inflater *inflate_new_behind(struct span window);
struct inflater *brotli_new(void);
struct inflater *zstd_new(void);
