/* tables: the names behind the enums of field.def, anomaly.def, lost.def, encoding.def,
 * trick.def, cve.def, stage.def and drop.def.
 *
 * Each row of a .def file is the only place where a thing is named; enum, name, documentation and
 * listings derive from it. */
#include "sensor/core/anomaly.h"
#include "sensor/core/direction.h"
#include "sensor/core/encoding.h"
#include "sensor/core/event.h"
#include "sensor/core/field.h"
#include "sensor/core/finding.h"
#include "sensor/core/sighting.h"
#include "sensor/core/verdict.h"

enum { PLAIN, NAMED };
enum { PASS, KEEP };

static const struct field_info fields[FIELD_N] = {
#define FIELD(id, name_, item, keep_, doc_)                                                        \
    [FIELD_##id] = {.name = name_, .named = item == NAMED, .keep = keep_ == KEEP, .doc = doc_},
#include "sensor/core/field.def"
#undef FIELD
};

const struct field_info *field_info(enum field_id id)
{
    CHECK(id < FIELD_N);
    return &fields[id];
}

enum field_id field_by_name(struct span name)
{
    for (unsigned id = 0; id < FIELD_N; id++) {
        if (span_equal(span_str(fields[id].name), name)) {
            return (enum field_id)id;
        }
    }
    return FIELD_N;
}

static const struct anomaly_info anomalies[ANOMALY_N] = {
#define ANOMALY(id, type_, event_, doc_)                                                           \
    [ANOMALY_##id] = {.type = ANOMALY_TYPE_##type_, .event = event_, .doc = doc_},
#include "sensor/core/anomaly.def"
#undef ANOMALY
};

const struct anomaly_info *anomaly_info(enum anomaly a)
{
    CHECK(a < ANOMALY_N);
    return &anomalies[a];
}

const char *anomaly_type_name(enum anomaly_type type)
{
    static const char *const names[] = {"decode", "stream", "applayer"};
    return names[type];
}

static const struct {
    const char *name;
    const char *doc;
} losses[LOST_N] = {
#define LOST(id, name_, doc_) [LOST_##id] = {.name = name_, .doc = doc_},
#include "sensor/core/lost.def"
#undef LOST
};

const char *lost_name(enum lost reason)
{
    CHECK(reason < LOST_N);
    return losses[reason].name;
}

const char *lost_doc(enum lost reason)
{
    CHECK(reason < LOST_N);
    return losses[reason].doc;
}

const char *encoding_name(enum encoding e)
{
    static const char *const names[ENCODING_N] = {
#define ENCODING(id, name) [ENCODING_##id] = name,
#include "sensor/core/encoding.def"
#undef ENCODING
    };
    CHECK(e < ENCODING_N);
    return names[e];
}

struct encodings encodings_with(struct encodings layers, enum encoding e)
{
    if (layers.n < ENCODINGS_MAX) {
        layers.ids[layers.n++] = (uint8_t)e;
    }
    return layers;
}

bool encodings_have(const struct encodings *layers, enum encoding e)
{
    for (size_t i = 0; i < layers->n; i++) {
        if (layers->ids[i] == e) {
            return true;
        }
    }
    return false;
}

const char *cve_name(enum cve c)
{
    static const char *const names[] = {
#define CVE(id, name, doc) name,
#include "sensor/core/cve.def"
#undef CVE
    };
    CHECK(c < CVE_N);
    return names[c];
}

const char *trick_name(enum trick t)
{
    static const char *const names[TRICK_N] = {
#define TRICK(id, name) [TRICK_##id] = name,
#include "sensor/core/trick.def"
#undef TRICK
    };
    CHECK(t < TRICK_N);
    return names[t];
}

const char *lookup_class_name(enum lookup_class class)
{
    static const char *const names[] = {"none", "attempt", "conditional", "attack"};
    CHECK(class <= LOOKUP_ATTACK);
    return names[class];
}

const char *alert_class_name(enum lookup_class class)
{
    return class == LOOKUP_NONE ? "over_budget" : lookup_class_name(class);
}

const char *lookup_dialect_name(enum lookup_dialect dialect)
{
    static const char *const names[] = {"log4j", "commons-text"};
    CHECK(dialect <= LOOKUP_COMMONS_TEXT);
    return names[dialect];
}

const char *drop_reason_name(enum drop_reason reason)
{
    static const char *const names[DROP_N] = {
        [DROP_NONE] = "none",
#define DROP(id, name, stat) [DROP_##id] = name,
#include "sensor/core/drop.def"
#undef DROP
    };
    CHECK(reason < DROP_N);
    return names[reason];
}

const char *direction_name(enum direction dir)
{
    return dir == TO_SERVER ? "to_server" : "to_client";
}

enum direction direction_other(enum direction dir)
{
    return dir == TO_SERVER ? TO_CLIENT : TO_SERVER;
}

const char *event_type_name(enum event_type type)
{
    static const char *const names[EVENT_N] = {
#define EVENT(id, name, doc) [EVENT_##id] = name,
#include "sensor/core/event.def"
#undef EVENT
    };
    CHECK(type < EVENT_N);
    return names[type];
}

enum event_type event_type_by_name(struct span name)
{
    for (unsigned type = 0; type < EVENT_N; type++) {
        if (span_equal(span_str(event_type_name((enum event_type)type)), name)) {
            return (enum event_type)type;
        }
    }
    return EVENT_N;
}

enum layout layout_by_name(struct span name)
{
    static const char *const names[] = {
#define LAYOUT(id, name, doc) name,
#include "sensor/core/layout.def"
#undef LAYOUT
    };
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (span_equal(span_str(names[i]), name)) {
            return (enum layout)i;
        }
    }
    return LAYOUT_N;
}

const char *stage_name(enum stage stage)
{
    static const char *const names[STAGE_N] = {
#define STAGE(id, name, sid, msg, doc) [STAGE_##id] = name,
#include "sensor/core/stage.def"
#undef STAGE
    };
    CHECK(stage < STAGE_N);
    return names[stage];
}
