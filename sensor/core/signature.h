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

/* Which of its alerts a rule wants told: threshold and detection_filter. */
enum signature_limit_kind {
    SIGNATURE_LIMIT_NONE,
    SIGNATURE_LIMIT_FIRST,   /* the first `count` of a period */
    SIGNATURE_LIMIT_EACH,    /* each `count`-th within a period */
    SIGNATURE_LIMIT_BOTH,    /* the `count`-th of a period, once */
    SIGNATURE_LIMIT_BEYOND,  /* all behind the first `count` of a period */
    SIGNATURE_LIMIT_BACKOFF, /* the `count`-th, and each `multiplier` times as many; no period */
};

/* Alerts that are counted together: of one sender, one receiver, one pair, all, or one flow. */
enum signature_track {
    SIGNATURE_BY_SRC,
    SIGNATURE_BY_DST,
    SIGNATURE_BY_BOTH,
    SIGNATURE_BY_RULE,
    SIGNATURE_BY_FLOW
};

struct signature_limit {
    enum signature_limit_kind kind;
    enum signature_track track;
    uint32_t count;
    uint32_t seconds;
    uint32_t multiplier;
};

/* What events tell of a rule. Part of the rule snapshot: immutable, outlives every finding that
 * points at it. */
struct signature {
    enum signature_action action;
    enum signature_target target;
    uint32_t gid;
    uint32_t sid;
    uint32_t rev;
    uint32_t severity; /* 1 high … 4; rules may say any */
    struct span msg;
    struct span category; /* text of its classtype */
    struct span classtype;
    const struct span *references; /* as URLs */
    size_t n_references;
    const struct signature_metadata *metadata;
    size_t n_metadata;
    struct signature_limit limit;
};
