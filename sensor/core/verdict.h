#pragma once

/* What is to become of a packet or a flow. Passive modes carry it and ignore it. Ordered: the
 * higher one wins. */
enum verdict { VERDICT_PASS, VERDICT_DROP, VERDICT_REJECT };

/* Why a packet does not go on. Rows of drop.def. */
enum drop_reason {
    DROP_NONE,
#define DROP(id, name, stat) DROP_##id,
#include "sensor/core/drop.def"
#undef DROP
    DROP_N
};
/* As Suricata calls it in drop events. */
const char *drop_reason_name(enum drop_reason reason);
