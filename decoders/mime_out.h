#pragma once

#include "sensor/core/decoder.h"

/* Where a mail's fields and bodies go; valid during a call. */
struct mime_out {
    const struct emit *emit;
    struct tx *tx;
    enum direction dir;
    struct encodings layers; /* around all of it */
};

static inline struct encodings mime_layers(const struct mime_out *out, struct encodings inner)
{
    struct encodings all = out->layers;
    for (size_t i = 0; i < inner.n; i++) {
        all = encodings_with(all, (enum encoding)inner.ids[i]);
    }
    return all;
}

static inline void mime_field(const struct mime_out *out, struct field field)
{
    field.dir = out->dir;
    field.layers = mime_layers(out, field.layers);
    out->emit->ops->field(out->emit->ctx, out->tx, &field);
}

static inline void mime_region(const struct mime_out *out, struct region region)
{
    region.dir = out->dir;
    region.layers = mime_layers(out, region.layers);
    out->emit->ops->region(out->emit->ctx, out->tx, &region);
}

static inline void mime_anomaly(const struct mime_out *out, enum anomaly anomaly)
{
    out->emit->ops->anomaly(out->emit->ctx, out->tx, out->dir, anomaly);
}
