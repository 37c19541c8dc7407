#pragma once

/* Rows of anomaly.def. */
enum anomaly {
#define ANOMALY(id, type, event, doc) ANOMALY_##id,
#include "sensor/core/anomaly.def"
#undef ANOMALY
    ANOMALY_N
};

enum anomaly_type { ANOMALY_TYPE_DECODE, ANOMALY_TYPE_STREAM, ANOMALY_TYPE_APPLAYER };

struct anomaly_info {
    enum anomaly_type type;
    const char *event;
    const char *doc;
};

const struct anomaly_info *anomaly_info(enum anomaly a);
/* "decode", "stream", "applayer". */
const char *anomaly_type_name(enum anomaly_type type);

/* Rows of lost.def: why bytes were not inspected. */
enum lost {
#define LOST(id, name, doc) LOST_##id,
#include "sensor/core/lost.def"
#undef LOST
    LOST_N
};

const char *lost_name(enum lost reason);
const char *lost_doc(enum lost reason);
