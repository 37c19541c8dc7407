#pragma once

#include "sensor/base/span.h"

/* key and value of one metadata entry, "cve" "CVE_2021_44228". */
struct signature_metadata {
    struct span key;
    struct span value;
};

enum signature_action { SIGNATURE_ALERT, SIGNATURE_PASS, SIGNATURE_DROP, SIGNATURE_REJECT };

/* Which end of the flow the rule's author calls the victim. */
enum signature_target { SIGNATURE_TARGET_NONE, SIGNATURE_TARGET_SRC, SIGNATURE_TARGET_DEST };

/* What events tell of a rule. Part of the rule snapshot: immutable, outlives every finding that
 * points at it. */
struct signature {
    enum signature_action action;
    enum signature_target target;
    uint32_t gid;
    uint32_t sid;
    uint32_t rev;
    uint8_t severity; /* 1 high … 4 */
    struct span msg;
    struct span category; /* text of its classtype */
    struct span classtype;
    const struct span *references; /* as URLs */
    size_t n_references;
    const struct signature_metadata *metadata;
    size_t n_metadata;
};
