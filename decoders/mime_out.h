#pragma once

#include "sensor/core/decoder.h"

/* Where a mail's fields and bodies go; valid during a call. */
struct mime_out {
    const struct emit *emit;
    struct tx *tx;
    enum direction dir;
};

static inline void mime_field(const struct mime_out *out, struct field field)
{
    field.dir = out->dir;
    out->emit->ops->field(out->emit->ctx, out->tx, &field);
}

static inline void mime_region(const struct mime_out *out, struct region region)
{
    region.dir = out->dir;
    out->emit->ops->region(out->emit->ctx, out->tx, &region);
}

static inline void mime_anomaly(const struct mime_out *out, enum anomaly anomaly)
{
    out->emit->ops->anomaly(out->emit->ctx, out->tx, out->dir, anomaly);
}
